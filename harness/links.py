"""What a study printed, and how a printed number is tied to what measures it."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pandas as pd

#: Kinds of links to rows that are not measured.
NOT_MEASURED = ("setting", "claim", "background", "no counterpart")


@dataclass(frozen=True)
class Link:
    """What stands beside one published row.

    Attributes:
        kind: "setting" is compared with the paper profile; "claim" is judged as one; "background"
            is no result of the study; "no counterpart" is one that nothing here measures, as
            `remark` says. Every other kind, such as "accuracy under attack", "mean drop" or
            "top-1 error", is measured by `Study.measure`.
        cases: the cases it speaks of, `harness.study.Case`.
        role: "undefended" or "student", or "all" for both.
        attacks: the attacks it speaks of.
        epsilon_grey: in 0-255 grey levels.
        split: of a clean accuracy: "train", "validation" or "test".
        factor: what the measurement is multiplied by to be what the study prints: 100 where that
            is a percentage, -1 where it is an increase as a positive drop, or a loss as a gain.
        setting: the value of the paper profile.
        ratio: of a printed time to the printed time that it is compared with, as measured times
            are ratios as well.
        ratio_to: what it is a ratio to, in words.
        index: which one; of a confidence the class and the rank, 1 the first.
        remark: what a reader has to know.
        stand_ins: the cases that are measured in place of `cases` where these were not run.
    """

    kind: str
    cases: tuple = ()
    role: str = ""
    attacks: tuple[str, ...] = ()
    epsilon_grey: float | None = None
    split: str = ""
    factor: float = 1.0
    setting: float | None = None
    ratio: float | None = None
    ratio_to: str = ""
    index: tuple[int, ...] = ()
    remark: str = ""
    stand_ins: tuple = ()

    @property
    def is_measured(self) -> bool:
        return self.kind not in NOT_MEASURED

    @property
    def on_stand_ins(self) -> "Link | None":
        """The same of the cases that stand in; `None` where there are none."""
        return replace(self, cases=self.stand_ins, stand_ins=()) if self.stand_ins else None


@cache
def read_published(folder: Path) -> pd.DataFrame:
    """The printed numbers of the study in a folder, one row for each; every entry is a text."""
    return pd.read_csv(folder / "published.csv", keep_default_na=False, dtype=str)


def printed(folder: Path, **where: str) -> float:
    """The number in the one row of a study's published numbers that has these entries.

    Args:
        folder: of the study.
        where: entries by column, such as `metric="test accuracy"`.

    Raises:
        ValueError: no row has them, or rows with different values do.
    """
    rows = read_published(folder)
    for column, entry in where.items():
        rows = rows[rows[column] == entry]
    values = {float(value) for value in rows["value"]}
    if len(values) != 1:
        raise ValueError(
            f"where is {where}, which {len(values)} published values of {folder.name} have; "
            "accepted: entries of one"
        )
    return values.pop()

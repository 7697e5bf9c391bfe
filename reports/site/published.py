"""What a study printed, beside what every run of it measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import pandas as pd

from evaluation import Estimate
from harness.study import Study
from reports.compare import Status, estimate_in


@dataclass(frozen=True)
class Measured:
    """One measurement beside a published number, in the unit that was published.

    Attributes:
        on: the networks that stand in for the study's, if any do.
    """

    folder: str
    protocol: str
    on: str
    text: str
    difference: str
    inside: str


@dataclass(frozen=True)
class Number:
    """A published number.

    Attributes:
        what: the network, the attack and what it is a number of.
        outcome: of the run that is nearest to the study.
        claims: the ids of the claims that rest on it.
    """

    anchor: str
    table: str
    what: str
    printed: str
    unit: str
    outcome: Status
    remark: str
    claims: Sequence[str]
    measured: Sequence[Measured]

    @property
    def is_result(self) -> bool:
        return self.outcome.is_result


def numbers(study: Study, comparisons: Mapping[str, pd.DataFrame]) -> list[Number]:
    """All that a study printed.

    Args:
        comparisons: by the folder of the run, see `reports.compare.compare`.
    """
    every = zip(*(rows.iterrows() for rows in comparisons.values()), strict=True)
    return [
        _number(study, number, {folder: row for folder, (_, row) in zip(comparisons, rows)})
        for number, rows in enumerate(every, 1)
    ]


def by_table(rows: Sequence[Number]) -> dict[str, list[Number]]:
    """The numbers of each of the study's tables and sections, in their order."""
    ordered = sorted(rows, key=lambda row: [each.table for each in rows].index(row.table))
    return {table: list(own) for table, own in groupby(ordered, lambda row: row.table)}


def _number(study: Study, number: int, by_run: Mapping[str, pd.Series]) -> Number:
    row = next(iter(by_run.values()))
    return Number(
        anchor=f"printed-{number}",
        table=row["table"],
        what=_what(row),
        printed=row["value"],
        unit=row["unit"],
        outcome=min((Status(each["status"]) for each in by_run.values()), key=list(Status).index),
        remark=_remark(row),
        claims=study.claims_on.get(row["kind"], ()),
        measured=[
            _measured(folder, protocol, each, estimate)
            for folder, each in by_run.items()
            for protocol in study.compared
            if (estimate := estimate_in(each, protocol)) is not None
        ],
    )


def _measured(folder: str, protocol: str, row: pd.Series, estimate: Estimate) -> Measured:
    if pd.isna(estimate.value):
        return Measured(folder, protocol, row["on"], "none", "", "")
    printed = float(row["value"])
    inside = estimate.low <= printed <= estimate.high
    return Measured(
        folder,
        protocol,
        row["on"],
        estimate.text(2),
        f"{estimate.value - printed:+.2f}",
        "" if pd.isna(estimate.low) else "yes" if inside else "no",
    )


def _what(row: pd.Series) -> str:
    """In the study's own words."""
    defense = "undefended" if row["defense"] == "none" else row["defense"]
    attack = "no attack" if row["attack"] == "none" else row["attack"]
    epsilon = f"epsilon {row['epsilon']}" if row["epsilon"] else ""
    parts = (row["model"], row["dataset"], defense, attack, epsilon, row["metric"])
    return ", ".join(part for part in parts if part)


def _remark(row: pd.Series) -> str:
    if row["kind"] == "setting":
        here = f"paper profile: {row['setting']:g}"
        return f"{here}; {row['remark']}" if row["remark"] else here
    return row["remark"]

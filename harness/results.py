"""The results of a run as plain files: what the reports are made from."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd

from evaluation import Curve, NotRun, same, worst_of
from evaluation.diagnostics import AT_CHANCE, Flag, flags, untrusted, warnings
from harness.stored import Arrays, by_arm, frame_in, outcomes_in, run_of
from models.whole_files import unfinished, whole

T = TypeVar("T")
#: Which rows have an entry in a column: of the column's name and the entry.
Has = Callable[[str, Any], np.ndarray]


class Compared(NamedTuple):
    """What of a protocol stands beside the study's own numbers.

    Attributes:
        procedure: the distillation procedure of the student; "none" without one.
        views: the outputs attacked, of which the worst counts for every image.
    """

    procedure: str
    views: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Results:
    """Everything that a report shows, independent of the artifact store.

    Attributes:
        run: study, profile, versions, machine, date, commit, notes on the data, reductions, and
            whether the networks, their trainings and the attacks are those of the study.
        table: one row per arm and epsilon, the clean images as epsilon 0; `epsilon` is in the
            units of the arm, `epsilon_grey` in 0-255 grey levels (standardised: their mean over
            the channels); `climbs` is the loss whose gradient the attack follows, if any. Of where
            a row comes from it has the `stage`, its `machine`, `versions` and `commit`, the
            `random_seed` of the network, and the first 12 digits of the SHA-256 sums of `data` and
            `weights`, those of the network judged and of the surrogate.
        trainings: one row per trained network and place in the study, with these sums in full.
        histories: one row per epoch of each training.
        correct: per arm, bool [1 + E, images], the clean images first.
        compared: of the study, by protocol.
        predictions: per arm, int16: `predictions` [1 + E, images], the clean images first, -1 where
            a logit is not finite; `labels` [images]; of targeted attacks `targets` [images].
        examples: per arm, see `harness.pictures.examples` and `harness.pictures.strip`.
        patches: per arm with a patch, see `harness.pictures.patched`.
        pictured: per arm with `Arm.pictured`, see `harness.pictures.pictured`.
        details: per arm, the arrays of `Study.details`.
    """

    run: dict[str, Any]
    table: pd.DataFrame
    trainings: pd.DataFrame
    histories: pd.DataFrame
    correct: Arrays
    compared: Mapping[str, Compared]
    predictions: dict[str, Arrays] = field(default_factory=dict)
    examples: dict[str, Arrays] = field(default_factory=dict)
    patches: dict[str, Arrays] = field(default_factory=dict)
    pictured: dict[str, Arrays] = field(default_factory=dict)
    details: dict[str, Arrays] = field(default_factory=dict)

    def select(self, **where: Any) -> pd.DataFrame:
        """The rows of `table` with these entries; see `selected`."""
        return self.table[_kept(self.table, where, self._has)]

    def trained(self, **where: Any) -> pd.DataFrame:
        """The rows of `trainings` with these entries; see `selected`."""
        return selected(self.trainings, **where)

    def arms(self, **where: Any) -> list[str]:
        """The arms with these entries, seed by seed."""
        rows = self.select(**where).sort_values("seed", kind="stable")
        return list(dict.fromkeys(rows["arm"]))

    def curve(self, **where: Any) -> Curve:
        """Outcomes against epsilon of the arms with these entries.

        Of several arms in one seed an image counts where it is correct under all of them.

        Raises:
            NotRun: there is no such arm.
        """
        rows = self.table.loc[_kept(self.table, where, self._has), ["seed", "arm"]]
        if rows.empty:
            raise NotRun(_listed(where))
        curves = [
            worst_of(map(self._curve_of, dict.fromkeys(run["arm"])))
            for _, run in rows.groupby("seed")
        ]
        correct = np.concatenate([curve.correct for curve in curves], axis=1)
        return Curve(curves[0].epsilons, curves[0].grey, correct)

    def compared_curve(self, case: Any, protocol: str, role: str, **where: Any) -> Curve:
        """What stands beside the study's own curve.

        Args:
            where: further entries, such as the attack; without it the worst of all attacks
                counts for every image.

        Raises:
            NotRun: it was not run through the first of the outputs that are compared.
        """
        procedure, views = self.compared[protocol]
        place = {"case": case, "protocol": protocol, "variant": "main", **where}
        place["defense"] = "none" if role == "undefended" else f"{procedure} {role}"
        self.curve(view=views[0], **place)
        return self.curve(view=views, **place)

    def label(self, case: Any) -> str:
        """A case in words, with the data set that stands in for the published one.

        Raises:
            NotRun: nothing was run of it.
        """
        if not self.has(case):
            raise NotRun(f"case {case}")
        row = self.select(case=case).iloc[0]
        stands_in = ""
        if row["dataset"] != row["published_dataset"]:
            stands_in = f" in place of {row['published_dataset']}"
        return f"{row['model']} on {row['dataset']}{stands_in}"

    @property
    def stands_in(self) -> bool:
        """Whether data stand in for those of the study, so that no published number is beside."""
        return bool((self.table["dataset"] != self.table["published_dataset"]).any())

    def has(self, case: Any) -> bool:
        """Whether anything was run of a case."""
        return not self.select(case=case).empty

    def history(self, stage: str) -> pd.DataFrame:
        """The epochs of one training."""
        return selected(self.histories, stage=stage)

    @property
    def flags(self) -> dict[int, list[Flag]]:
        """By row of the table, what makes it less than it seems."""
        place = ("case", "variant", "protocol", "defense", "view", "seed")
        return flags(self.table, self.correct, place)

    @property
    def warnings(self) -> list[str]:
        """What forbids trusting the accuracies of a network, a sentence for each."""
        return warnings(self.table, ("case", "protocol", "defense"))

    @property
    def learned(self) -> "Results":
        """Without the arms whose network is at chance: there is nothing of it to judge."""
        at_chance = self.table["arm"][untrusted(self.table, [AT_CHANCE])]
        return replace(self, table=self.table[~self.table["arm"].isin(at_chance)])

    def save(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        for left in unfinished(directory):
            shutil.rmtree(left)
        with whole(directory / "run.json", overwrite=True) as path:
            path.write_text(json.dumps(self.run, indent=1) + "\n")
        for name in _FRAMES:
            with whole(directory / f"{name}.csv", overwrite=True) as path:
                getattr(self, name).to_csv(path, index=False, float_format="%.6g")
        arrays: dict[str, dict[str, Any]] = {"correct": self.correct}
        arrays |= {name: _flat(getattr(self, name)) for name in _BY_ARM}
        for name, kept in arrays.items():
            (directory / f"{name}.npz").unlink(missing_ok=True)
            if kept:
                with whole(directory / f"{name}.npz", overwrite=True) as path:
                    np.savez_compressed(path, **kept)

    @classmethod
    def load(cls, directory: Path, compared: Mapping[str, Compared]) -> "Results":
        """Reads what `save` wrote.

        Raises:
            FileNotFoundError: a file is missing.
            ValueError: one is damaged, or not what `save` writes; see `harness.stored`.
        """
        frames = {name: frame_in(directory / f"{name}.csv") for name in _FRAMES}
        paths = {name: directory / f"{name}.npz" for name in _BY_ARM}
        return cls(
            run=run_of(directory / "run.json"),
            **frames,
            correct=outcomes_in(directory / "correct.npz", frames["table"]),
            compared=compared,
            **{name: by_arm(path) for name, path in paths.items() if path.exists()},
        )

    def _curve_of(self, arm: str) -> Curve:
        epsilons, grey = self._epsilons[arm]
        return Curve(epsilons, grey, self.correct[arm][:, np.newaxis])

    @cached_property
    def _epsilons(self) -> dict[str, np.ndarray]:
        """By arm, its epsilons in its own units and in grey levels, float [2, 1 + E]."""
        rows = self.table[["arm", "epsilon", "epsilon_grey"]].groupby("arm", sort=False)
        return {arm: units.iloc[:, 1:].to_numpy(float).T for arm, units in rows}

    @cached_property
    def _has(self) -> Has:
        """Remembers the rows of an entry, for which reports ask thousands of times."""
        return lru_cache(maxsize=None, typed=True)(partial(_has, self.table))


def where_run(make: Callable[..., T], *keys: Iterable[Any]) -> Iterator[T]:
    """What `make` gives for each combination of keys for which it does not raise `NotRun`."""
    for each in product(*keys):
        with suppress(NotRun):
            yield make(*each)


def run_by_key(make: Callable[[str], T], keys: Iterable[str]) -> dict[str, T]:
    """By key, what `make` gives for it, without the keys for which it raises `NotRun`."""
    return dict(where_run(lambda key: (key, make(key)), keys))


_FRAMES = ("table", "trainings", "histories")
_BY_ARM = ("predictions", "examples", "patches", "pictured", "details")


def selected(frame: pd.DataFrame, **where: Any) -> pd.DataFrame:
    """The rows of a frame with these entries.

    Args:
        where: by column an entry, or a tuple, list or set of entries that are accepted. A float
            is compared to the six digits that tables have.

    Raises:
        ValueError: a column that the frame does not have.
    """
    return frame[_kept(frame, where, partial(_has, frame))]


def _kept(frame: pd.DataFrame, where: Mapping[str, Any], has: Has) -> np.ndarray:
    """Which rows have these entries; see `selected`."""
    kept = np.ones(len(frame), bool)
    for column, wanted in where.items():
        if column not in frame:
            raise ValueError(f"where has {column!r}; accepted: {', '.join(frame)}")
        entries = wanted if isinstance(wanted, tuple | list | set | frozenset) else (wanted,)
        kept &= np.any([has(column, each) for each in entries] or [~kept], axis=0)
    return kept


def _has(frame: pd.DataFrame, name: str, entry: Any) -> np.ndarray:
    """Which rows of a frame have an entry in a column."""
    column = frame[name]
    if isinstance(entry, float):
        return same(column.to_numpy(float), entry)
    if isinstance(entry, int):
        return (column == entry).to_numpy()
    return (column == str(entry)).to_numpy()


def _listed(where: Mapping[str, Any]) -> str:
    return ", ".join(f"{column} {entry}" for column, entry in where.items())


def _flat(by_arm: dict[str, Arrays]) -> Arrays:
    return {
        f"{arm}|{name}": array for arm, arrays in by_arm.items() for name, array in arrays.items()
    }

"""Verdicts on a study's claims: a line for each, which unfolds into the places it was judged in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pandas as pd

from harness.claims import Run, Standing, Verdict, judged, learned
from harness.results import Results
from harness.rule import Ruling
from harness.study import Study


@dataclass(frozen=True)
class Part:
    """A claim, or one part of it, with its verdicts."""

    id: str
    statement: str
    verdicts: tuple[Verdict, ...]

    @property
    def summed_up(self) -> str:
        """Its verdicts in a few words: "confirmed", or "confirmed in 3 places, undecided in 1"."""
        counts = {ruling: self._outcomes.count(ruling) for ruling in Ruling}
        given = [(ruling, count) for ruling, count in counts.items() if count]
        if len(given) == 1:
            return str(given[0][0])
        first, *others = (f"{ruling} in {count}" for ruling, count in given)
        plural = "s" if given[0][1] > 1 else ""
        return ", ".join([f"{first} place{plural}", *others])

    @property
    def _outcomes(self) -> list[Ruling]:
        return [verdict.outcome for verdict in self.verdicts]


def by_claim(verdicts: Sequence[Verdict]) -> list[list[Part]]:
    """The parts of each claim: "NTU-10a" and "NTU-10b" are parts of "NTU-10"."""
    parts = [
        Part(*key, tuple(own))
        for key, own in groupby(verdicts, lambda each: (each.claim, each.statement))
    ]
    return [
        list(own) for _, own in groupby(parts, lambda part: re.sub(r"(?<=\d)[a-z]$", "", part.id))
    ]


def run_in(study: Study, directory: Path) -> Run:
    """The results in a directory, to be judged; raises FileNotFoundError without any."""
    results = Results.load(directory, study.compared)
    return Run(directory.name, results, study.standing(results))


def runs_below(study: Study, directory: Path) -> list[Run]:
    """The results in the folders of a directory, without those on data that stand in."""
    folders = sorted(path.parent for path in directory.glob("*/run.json"))
    runs = [run_in(study, folder) for folder in folders]
    return [run for run in runs if run.standing != Standing.STAND_IN]


def verdicts_of(study: Study, runs: Sequence[Run]) -> list[Verdict]:
    """On every claim of a study; a network at chance is not judged."""
    return judged(study.claims, learned(runs))


def written(verdicts: Sequence[Verdict], path: Path) -> None:
    """Writes verdicts as a table."""
    frame(verdicts).to_csv(path, index=False)


def frame(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """One row for each verdict."""
    return pd.DataFrame(map(vars, verdicts))

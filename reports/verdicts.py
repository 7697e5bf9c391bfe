"""Verdicts on a study's claims: a line for each, which unfolds into the places it was judged in."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import pandas as pd

from harness.arms import Protocol
from harness.claims import Run, Verdict, judged, learned, nearest_first
from harness.results import Results
from harness.rule import Ruling
from harness.study import Study

_PROTOCOL = re.compile(rf"\b({'|'.join(Protocol)})\b")


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
    """The parts of each claim: "NTU-10a" and "NTU-10b" are parts of "NTU-10".

    What is the same in both protocols, since they attack the same network in the same way, is one
    place.
    """
    parts = [
        Part(*key, tuple(_merged(own)))
        for key, own in groupby(verdicts, lambda each: (each.claim, each.statement))
    ]
    return [
        list(own) for _, own in groupby(parts, lambda part: re.sub(r"(?<=\d)[a-z]$", "", part.id))
    ]


def _merged(verdicts: Iterable[Verdict]) -> Iterator[Verdict]:
    """One verdict in place of two that differ in nothing but the protocol."""
    alike: dict[tuple, list[Verdict]] = {}
    for each in verdicts:
        what = each.folder, _PROTOCOL.sub("{}", each.where), each.outcome, each.evidence
        alike.setdefault(what, []).append(each)
    for (_, where, *_), every in alike.items():
        if "{}" in where and len({each.where for each in every}) == len(Protocol):
            every = [replace(every[0], where=where.format(" and ".join(Protocol)))]
        yield from every


def measured_on(run: Run) -> str:
    """The networks of a run that were attacked, on how many images, and from how many seeds."""
    rows = run.results.table[run.results.table["epsilon"] > 0]
    networks = ", ".join(dict.fromkeys(map(run.results.label, rows["case"])))
    images = {}
    for protocol, of_protocol in rows.groupby("protocol", sort=False):
        fewest, most = of_protocol["images"].min(), of_protocol["images"].max()
        images[protocol] = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    counts = "; ".join(f"{protocol} {count}" for protocol, count in images.items())
    seeds = rows["seed"].nunique()
    return f"{networks}; test images: {counts}; {seeds} seed{'s' * (seeds > 1)}"


def run_in(study: Study, directory: Path) -> Run:
    """The results in a directory, to be judged; raises FileNotFoundError without any."""
    results = Results.load(directory, study.compared)
    return Run(directory.name, results, study.standing(results))


def runs_below(study: Study, directory: Path) -> list[Run]:
    """The results in the folders of a directory, without those on data that stand in.

    Those that are nearest to the study come first.
    """
    folders = sorted(path.parent for path in directory.glob("*/run.json"))
    return nearest_first(run_in(study, folder) for folder in folders)


def verdicts_of(study: Study, runs: Sequence[Run]) -> list[Verdict]:
    """On every claim of a study; a network at chance is not judged."""
    return judged(study.claims, learned(runs))


def written(verdicts: Sequence[Verdict], path: Path) -> None:
    """Writes verdicts as a table."""
    frame(verdicts).to_csv(path, index=False)


def frame(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """One row for each verdict."""
    return pd.DataFrame(map(vars, verdicts))

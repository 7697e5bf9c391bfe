"""Claims of a study, and what a measurement says of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Any

from harness.results import Results, where_run
from harness.rule import Judgement, Ruling


class SpeaksOf(StrEnum):
    """Which networks can speak to a claim.

    Mechanism: any that were attacked on the study's data, such as for a plateau, a vanished
    gradient or an order of attacks on the same images. Level: those of the published size and
    training alone, such as for an accuracy.
    """

    MECHANISM = "mechanism"
    LEVEL = "level"


class Standing(StrEnum):
    """How near to the study a run is: as published, reduced, or on data that stand in for its."""

    PUBLISHED = "published"
    REDUCED = "reduced"
    STAND_IN = "stand-in"


@dataclass(frozen=True)
class Finding:
    """A claim judged in one place.

    Attributes:
        where: the networks and protocol it was judged on.
        evidence: the numbers behind it.
        counted: what the numbers stand on, of which more would decide.
        short: why a shorter training than the published one cannot tell, in words; empty where it
            can.
    """

    where: str
    judgement: Judgement
    evidence: str
    counted: str = "images"
    short: str = ""


@dataclass(frozen=True)
class Claim:
    """What a study says.

    Attributes:
        id: its number, such as "NTU-3"; the parts of one claim are "NTU-10a" and "NTU-10b".
        judge: gives a finding for every place where the claim can be judged on its own.
        needs: what was not run where there is no finding: the arms, by name.
        overall: gives the findings that need all results of a study at once.
    """

    id: str
    statement: str
    judge: Callable[[Results], Iterable[Finding]]
    needs: str
    speaks_of: SpeaksOf = SpeaksOf.MECHANISM
    overall: Callable[[Sequence[Results]], Iterable[Finding]] | None = None


@dataclass(frozen=True)
class Run:
    """The results in one folder, and how near to the study they are."""

    folder: str
    results: Results
    standing: Standing

    @property
    def rerun(self) -> str:
        """How the study was run again, in words."""
        if self.standing == Standing.REDUCED:
            return "re-run at a reduced size"
        return "re-run" if self.standing == Standing.PUBLISHED else "re-run on other data"


def nearest_first(runs: Iterable[Run]) -> list[Run]:
    """The runs on the study's own data, the one that is nearest to it first."""
    own = [run for run in runs if run.standing != Standing.STAND_IN]
    return sorted(own, key=lambda run: list(Standing).index(run.standing))


@dataclass(frozen=True)
class Verdict:
    """One claim in one place; the row of a table."""

    claim: str
    statement: str
    folder: str
    where: str
    outcome: Ruling
    evidence: str


def at_each(
    judge: Callable[..., Finding], *keys: Iterable[Any]
) -> Callable[[Results], Iterator[Finding]]:
    """A claim's judge, made of that of one place.

    Args:
        judge: gives the finding from the results and one of each of `keys`, such as a case and a
            protocol; raises `evaluation.NotRun` where the place was not run.
    """
    return lambda results: where_run(partial(judge, results), *keys)


def learned(runs: Iterable[Run]) -> list[Run]:
    """The runs without their networks at chance, of which there is nothing to judge."""
    return [replace(run, results=run.results.learned) for run in runs]


def judged(claims: Sequence[Claim], runs: Sequence[Run]) -> list[Verdict]:
    """All verdicts, claim by claim and run by run."""
    return [
        Verdict(claim.id, claim.statement, *row)
        for claim in claims
        for row in list(_rows(claim, runs)) or [("", "", Ruling.NOT_RUN, f"it needs {claim.needs}")]
    ]


def _rows(claim: Claim, runs: Sequence[Run]) -> Iterator[tuple[str, str, Ruling, str]]:
    """A reduced run is left out where it cannot tell and one as published has judged."""
    order = list(Standing).index
    as_published: set[str] = set()
    for run in sorted(runs, key=lambda run: order(run.standing)):
        for finding in claim.judge(run.results):
            cannot_tell = claim.speaks_of == SpeaksOf.LEVEL or bool(finding.short)
            if run.standing == Standing.PUBLISHED:
                as_published.add(finding.where)
            if run.standing == Standing.REDUCED and cannot_tell and finding.where in as_published:
                continue
            yield run.folder, finding.where, *_spoken(finding, claim.speaks_of, run.standing)
    for finding in claim.overall([run.results for run in runs]) if claim.overall else ():
        farthest = max((run.standing for run in runs), key=order)
        yield "all", finding.where, *_spoken(finding, claim.speaks_of, farthest)


def _spoken(finding: Finding, speaks_of: SpeaksOf, standing: Standing) -> tuple[Ruling, str]:
    """What a finding says of a claim, given the networks and data that it is of."""
    ruling, needed = finding.judgement.ruling, finding.judgement.needed
    if standing == Standing.STAND_IN:
        return Ruling.NO_VERDICT, f"{finding.evidence}; {_on_other_data(ruling, speaks_of)}"
    if standing == Standing.REDUCED and speaks_of == SpeaksOf.LEVEL:
        evidence = f"{finding.evidence}; a run at a reduced size cannot tell of the published level"
        return Ruling.UNDECIDED, evidence
    if standing == Standing.REDUCED and finding.short:
        return Ruling.UNDECIDED, f"{finding.evidence}; {finding.short}"
    if ruling != Ruling.UNDECIDED or needed is None:
        return ruling, finding.evidence
    return ruling, f"{finding.evidence}; {_would_decide(finding.judgement, finding.counted)}"


def _on_other_data(ruling: Ruling, speaks_of: SpeaksOf) -> str:
    """What can be said of a claim on data that stand in for the study's."""
    if speaks_of == SpeaksOf.LEVEL:
        return "on images that stand in for the study's, which cannot tell of such a level"
    shown = {
        Ruling.CONFIRMED: "the same shows",
        Ruling.REFUTED: "the contrary shows",
        Ruling.NO_DIFFERENCE: "no difference shows",
    }
    return f"on images that stand in for the study's, {shown.get(ruling, 'too little shows')}"


def _would_decide(judgement: Judgement, counted: str) -> str:
    true = "if the measured number is the true one"
    if judgement.needed is None or judgement.needed == float("inf"):
        return f"no number of {counted} would decide {true}"
    rounded = float(f"{judgement.needed:.2g}")
    return f"about {rounded:,.0f} {counted} would decide {_FOR.get(judgement.then, '')}{true}"


_FOR: dict[Ruling | None, str] = {
    Ruling.CONFIRMED: "for it ",
    Ruling.REFUTED: "against it ",
    Ruling.NO_DIFFERENCE: "that there is no difference ",
}

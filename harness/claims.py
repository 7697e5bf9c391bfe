"""Claims of a study, and what a measurement says of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from harness.results import Results, where_run
from harness.rule import Judgement, Ruling
from harness.study import Study


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
    """

    where: str
    judgement: Judgement
    evidence: str
    counted: str = "images"


@dataclass(frozen=True)
class Claim:
    """What a study says.

    Attributes:
        id: its number, such as "NTU-3"; the parts of one claim are "NTU-10a" and "NTU-10b".
        judge: gives a finding for every place where the claim can be judged on its own.
        needs: why there may be no finding.
    """

    id: str
    statement: str
    judge: Callable[[Results], Iterable[Finding]]
    needs: str = "its arms were not run"
    speaks_of: SpeaksOf = SpeaksOf.MECHANISM


@dataclass(frozen=True)
class Verdict:
    """One claim in one place; the row of a table."""

    claim: str
    statement: str
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


def standing(study: Study, results: Results) -> Standing:
    """How near to the study the run behind some results is."""
    name, used = results.run["profile"], set(results.table["dataset"])
    profile = study.profile(name)
    if any(used & {here} for published, here in profile.datasets.items() if here != published):
        return Standing.STAND_IN
    return Standing.PUBLISHED if name == "paper" else Standing.REDUCED


def judged(
    claims: Sequence[Claim], results: Results, standing: Standing = Standing.PUBLISHED
) -> list[Verdict]:
    """All verdicts, claim by claim."""
    return [
        Verdict(claim.id, claim.statement, *row)
        for claim in claims
        for row in _rows(claim, results, standing)
    ]


def _rows(claim: Claim, results: Results, standing: Standing) -> Iterator[tuple[str, Ruling, str]]:
    findings = list(claim.judge(results))
    if not findings:
        yield "", Ruling.NOT_RUN, claim.needs
    for finding in findings:
        yield finding.where, *_spoken(finding, claim.speaks_of, standing)


def _spoken(finding: Finding, speaks_of: SpeaksOf, standing: Standing) -> tuple[Ruling, str]:
    """What a finding says of a claim, given the networks and data that it is of."""
    ruling, needed = finding.judgement.ruling, finding.judgement.needed
    if standing == Standing.STAND_IN:
        return Ruling.NO_VERDICT, f"{finding.evidence}; on other data than the study's"
    if standing == Standing.REDUCED and speaks_of == SpeaksOf.LEVEL:
        evidence = f"{finding.evidence}; at a reduced size, which cannot tell of the published one"
        return Ruling.UNDECIDED, evidence
    if ruling != Ruling.UNDECIDED or needed is None:
        return ruling, finding.evidence
    return ruling, f"{finding.evidence}; {_would_decide(needed, finding.counted)}"


def _would_decide(needed: float, counted: str) -> str:
    if needed == float("inf"):
        return f"no number of {counted} would decide, were the number what was measured"
    rounded = float(f"{needed:.2g}")
    return f"about {rounded:,.0f} {counted} would decide, were the number what was measured"

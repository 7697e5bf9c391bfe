"""Claims of a study, and what a measurement says of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from evaluation import Estimate
from harness.results import Results, where_run


class Ruling(StrEnum):
    """What a measurement says of a claim.

    Confirmed: it holds, and a 95 % interval excludes the contrary. Refuted: the interval
    excludes the claim. Undecided: neither. Not run: without its arms. Not judged: without a
    test here.
    """

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    UNDECIDED = "undecided"
    NOT_RUN = "not run"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True)
class Finding:
    """A claim judged in one place.

    Attributes:
        where: the networks and protocol it was judged on.
        evidence: the numbers behind it.
    """

    where: str
    ruling: Ruling
    evidence: str


@dataclass(frozen=True)
class Claim:
    """What a study says.

    Attributes:
        id: its number, such as "NTU-3".
        judge: gives a finding for every place where the claim can be judged on its own; `None`
            where nothing here judges it.
        needs: why there may be no finding.
    """

    id: str
    statement: str
    judge: Callable[[Results], Iterable[Finding]] | None
    needs: str = "its arms were not run"


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


def judged(claims: Sequence[Claim], results: Results) -> list[Verdict]:
    """All verdicts, claim by claim."""
    verdicts = []
    for claim in claims:
        missing = Ruling.NOT_RUN if claim.judge else Ruling.NOT_JUDGED
        findings = list(claim.judge(results)) if claim.judge else []
        for finding in findings or [Finding("", missing, claim.needs)]:
            verdicts.append(
                Verdict(claim.id, claim.statement, finding.where, finding.ruling, finding.evidence)
            )
    return verdicts


def by_sign(signs: Iterable[int]) -> Ruling:
    """Of several comparisons, each 1 as claimed, -1 the other way, 0 neither.

    Confirmed if all are 1; refuted if any is -1; else undecided.
    """
    listed = list(signs)
    if not listed:
        return Ruling.NOT_RUN
    if min(listed) < 0:
        return Ruling.REFUTED
    return Ruling.CONFIRMED if min(listed) > 0 else Ruling.UNDECIDED


def directions(*estimates: Estimate) -> Ruling:
    """Of differences that are all claimed to be above zero."""
    return by_sign(estimate.sign for estimate in estimates)


def inside(estimate: Estimate, least: float, most: float) -> Ruling:
    """Of a number that is claimed to lie from `least` to `most`."""
    return by_sign([estimate.inside(least, most)])


def all_of(rulings: Iterable[Ruling]) -> Ruling:
    """Of a claim whose parts must all hold."""
    worth = {Ruling.CONFIRMED: 1, Ruling.REFUTED: -1}
    return by_sign(worth.get(ruling, 0) for ruling in rulings)

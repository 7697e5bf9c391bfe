"""The rule of all verdicts: a number with its interval, held against what is claimed of it.

What is claimed divides the line of all numbers into open regions. The verdict is that of the
region which holds the whole 95 % interval. Where none does, the number is undecided, and so many
images (or seeds) would decide as the interval has to shrink to fit into one.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from evaluation import Estimate

#: Differences of accuracies within a percentage point are none, unless a claim says otherwise.
POINT = 0.01


class Ruling(StrEnum):
    """What a measurement says of a claim.

    Confirmed: it holds, and a 95 % interval excludes the contrary. Refuted: the interval excludes
    the claim, or that of one of the numbers which it is about. No difference: the interval lies
    around zero and within the margin of the claim. Undecided: none of them. Not run: without its
    arms, or with networks at chance alone.
    No verdict: on data that stand in for the study's.
    """

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    NO_DIFFERENCE = "no difference"
    UNDECIDED = "undecided"
    NOT_RUN = "not run"
    NO_VERDICT = "no verdict"


@dataclass(frozen=True)
class Judgement:
    """One number, or all numbers that a claim is about, as the rule sees them.

    Attributes:
        needed: how many images (or seeds) would decide if the number and its spread stayed what
            they are; infinite where it lies on the border of two regions. `None` where it is
            decided, and where the spread is not known.
        then: how they would decide, of a single number.
    """

    ruling: Ruling
    needed: float | None = None
    then: Ruling | None = None


def direction(difference: Estimate, margin: float = POINT) -> Judgement:
    """A difference that is claimed to be above zero."""
    return _held(
        difference,
        (Ruling.CONFIRMED, 0.0, math.inf),
        (Ruling.REFUTED, -math.inf, 0.0),
        (Ruling.NO_DIFFERENCE, -margin, margin),
    )


def equality(difference: Estimate, margin: float = POINT) -> Judgement:
    """A difference that is claimed to be none."""
    return within(difference, -margin, margin)


def level(number: Estimate, stated: float, margin: float) -> Judgement:
    """A number that is claimed to be the stated one."""
    return within(number, stated - margin, stated + margin)


def within(number: Estimate, least: float = -math.inf, most: float = math.inf) -> Judgement:
    """A number that is claimed to lie between two others."""
    return _held(
        number,
        (Ruling.CONFIRMED, least, most),
        (Ruling.REFUTED, -math.inf, least),
        (Ruling.REFUTED, most, math.inf),
    )


def together(parts: Iterable[Judgement]) -> Judgement:
    """A claim that all of its parts have to bear out.

    Refuted if one is, or if one but not each shows no difference; else undecided if one is.
    """
    judged = list(parts)
    if not judged:
        return Judgement(Ruling.NOT_RUN)
    rulings = {each.ruling for each in judged}
    if Ruling.NOT_RUN in rulings or len(rulings) == 1 and Ruling.UNDECIDED not in rulings:
        return Judgement(Ruling.NOT_RUN if Ruling.NOT_RUN in rulings else rulings.pop())
    if rulings & {Ruling.REFUTED, Ruling.NO_DIFFERENCE}:
        return Judgement(Ruling.REFUTED)
    if len(judged) == 1:
        return judged[0]
    needed = [each.needed for each in judged if each.ruling == Ruling.UNDECIDED]
    known = [each for each in needed if each is not None]
    return Judgement(Ruling.UNDECIDED, max(known) if len(known) == len(needed) else None)


def throughout(numbers: Iterable[Estimate], judge: Callable[[Estimate], Judgement]) -> Judgement:
    """A claim that every one of several like numbers has to bear out.

    Confirmed where each does. What speaks against it has to do so with an interval widened for so
    many numbers (Bonferroni), as one interval of twenty misses by chance.
    """
    every = list(numbers)
    parts = []
    for number in every:
        judged = judge(number)
        is_borne_out = judged.ruling == Ruling.CONFIRMED
        parts.append(judged if is_borne_out else judge(number.widened(len(every))))
    return together(parts)


def most(cases: Iterable[Judgement], needed: int, every: int) -> Judgement:
    """A claim that `needed` of `every` cases have to bear out; cases left out may go either way."""
    judged = [each.ruling for each in cases]
    borne_out = judged.count(Ruling.CONFIRMED)
    against = judged.count(Ruling.REFUTED) + judged.count(Ruling.NO_DIFFERENCE)
    if borne_out >= needed:
        return Judgement(Ruling.CONFIRMED)
    return Judgement(Ruling.REFUTED if every - against < needed else Ruling.UNDECIDED)


def _held(number: Estimate, *regions: tuple[Ruling, float, float]) -> Judgement:
    if math.isnan(number.value) and not math.isfinite(number.low):
        return Judgement(Ruling.REFUTED)  # there is no such number, so that it is not as claimed
    for ruling, least, most in regions:
        if (least < number.low or least == -math.inf) and (number.high < most or most == math.inf):
            return Judgement(ruling)
    if not all(map(math.isfinite, (number.low, number.value, number.high))):
        return Judgement(Ruling.UNDECIDED)
    shrinking, then = min((_shrinking(number, *bounds), ruling) for ruling, *bounds in regions)
    return Judgement(Ruling.UNDECIDED, np.floor(number.images * shrinking**2) + 1, then)


def _shrinking(number: Estimate, least: float, most: float) -> float:
    """How many times narrower the interval has to be to fit into a region, around the number."""
    below = number.value - number.low, number.value - least
    above = number.high - number.value, most - number.value
    ends = below, above
    if any(room <= 0 for _, room in ends):
        return math.inf
    return max(spread / room for spread, room in ends)

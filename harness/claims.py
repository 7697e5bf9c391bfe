"""What a measurement says of a claim."""

from collections.abc import Sequence
from dataclasses import dataclass

CONFIRMED, REFUTED, UNDECIDED = "confirmed", "refuted", "undecided"
NOT_RUN, NOT_JUDGED = "not run", "not judged"


@dataclass(frozen=True)
class Verdict:
    """One claim of a study, judged.

    Attributes:
        claim: its number, such as "NTU-3".
        statement: what the study says.
        where: the networks and protocol it was judged on.
        outcome: "confirmed" when the direction holds and a 95 % interval excludes zero,
            "refuted" when it excludes zero on the other side, "undecided" else; "not run"
            without its arms, "not judged" without a test here.
        evidence: the numbers behind it.
    """

    claim: str
    statement: str
    where: str
    outcome: str
    evidence: str


def by_sign(signs: Sequence[int]) -> str:
    """The outcome of a claim about several comparisons, each -1, 0 or 1 as it is found.

    Confirmed if all are 1; refuted if any is -1; else undecided.
    """
    if not signs:
        return NOT_RUN
    if min(signs) < 0:
        return REFUTED
    return CONFIRMED if min(signs) > 0 else UNDECIDED

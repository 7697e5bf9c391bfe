"""What is left of a network, whether that can be trusted, and what to do next: three sentences."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isinf

from evaluation.diagnostics import NAMES, Kind, Level, kind_of
from evaluation.estimates import Estimate
from evaluation.flag_guide import paragraph
from evaluation.measured_arm import MeasuredArm, Raised, worst

#: What is wrong with the network, so that no accuracy can be trusted.
OF_THE_NETWORK = ("logits not finite", "random at inference", "accuracy at chance")
#: What gives an attack more room than a picture has, so that more may be left.
TOO_MUCH_ROOM = ("outside [0, 1]", "restored by rounding")
#: What makes an attack weaker than it could be, so that less may be left.
FELL_SHORT = set(NAMES) - {*OF_THE_NETWORK, *TOO_MUCH_ROOM}
#: An interval that is wider than this, in accuracy, asks for more images.
WIDE = 0.1
NORMS = {"linf": "L-inf", "l2": "L2", "l1": "L1", "l0": "L0"}


def distance(norm: str, epsilon: float) -> str:
    """A distance as papers write it.

    In L-inf in grey levels, "8/255"; in L2 and L1 between pixels in [0, 1]; in L0 how many values
    differ; "any" for infinity.
    """
    if isinf(epsilon):
        return "any"
    return f"{255 * epsilon:.4g}/255" if norm == "linf" else f"{epsilon:.4g}"


def budget(norm: str, epsilon: float) -> str:
    """An epsilon with its norm: "8/255 in L-inf"."""
    return f"{distance(norm, epsilon)} in {NORMS[norm]}"


def what_is_left(
    clean: Estimate,
    worst_case: Estimate,
    of_complete: Estimate | None,
    attacks: tuple[int, int],
    within: tuple[str, float],
) -> str:
    """The worst case beside the accuracy without attack.

    Args:
        worst_case: of the images that every attack was tried on.
        of_complete: of all images, under the attacks that were tried on all of them.
        attacks: how many these are, in the same order.
        within: the norm and the epsilon.
    """
    text = (
        f"Within {budget(*within)}, {worst_case.percent()} % of {worst_case.images:,} images stay "
        f"right under all {attacks[0]} attacks"
    )
    if of_complete is not None and of_complete.images > worst_case.images:
        text += (
            f" ({of_complete.percent()} % of {of_complete.images:,} under the {attacks[1]} that "
            "were run on each of them)"
        )
    return f"{text}; without attack, {clean.percent()} % of {clean.images:,} are right."


@dataclass(frozen=True)
class Doubts:
    """What speaks against the worst case of a network.

    Attributes:
        warned: by the name of a warning, the attacks that raised it.
        elsewhere: warnings that say nothing of the worst case: an attack had too much room, but
            not at the budget.
        sound: attacks within the budget of which every step was checked, without a warning. The
            worst case is no higher than what one of them leaves, whatever is wrong with others.
        skipped: attacks that could not be run.
        nothing_left: no image withstood all attacks, so that a better one could turn no other.
    """

    warned: Mapping[str, Sequence[str]]
    elsewhere: Sequence[str]
    sound: Sequence[str]
    skipped: Sequence[str]
    nothing_left: bool

    @classmethod
    def of(
        cls,
        raised: Sequence[Raised],
        bounded: Sequence[MeasuredArm],
        epsilon: float,
        skipped: Iterable[str],
        nothing_left: bool,
    ) -> "Doubts":
        """From the flags of all arms, and the arms within the budget `epsilon`."""
        warnings = [each for each in raised if each.flag.level == Level.WARNING]
        bearing = [
            each
            for each in warnings
            if each.flag.name not in TOO_MUCH_ROOM or each.epsilon == epsilon
        ]
        warned: dict[str, list[str]] = {each.flag.name: [] for each in worst(bearing)}
        for each in bearing:
            if each.arm not in warned[each.flag.name]:
                warned[each.flag.name].append(each.arm)
        names = [each.flag.name for each in worst(warnings)]
        marked = {each.arm for each in bearing}
        return cls(
            warned,
            [name for name in names if name not in warned],
            [arm.name for arm in bounded if _is_followed(arm) and arm.name not in marked],
            list(skipped),
            nothing_left,
        )

    @property
    def stands(self) -> bool:
        """Whether the worst case can be trusted, warnings or not."""
        short = set(self.warned) <= FELL_SHORT
        if self.nothing_left:
            return short
        return short and not self.skipped and bool(self.sound)


def trust(doubts: Doubts, checks: int) -> str:
    """Whether the worst case can be trusted, with the warnings by name.

    Args:
        checks: how many flags could have been raised.
    """
    reasons = []
    if doubts.warned:
        named = "; ".join(
            f'"{name}"' + ("" if name in OF_THE_NETWORK else f" ({_listed(attacks)})")
            for name, attacks in doubts.warned.items()
        )
        reasons.append(f"{len(doubts.warned)} of {checks} checks raised a warning: {named}")
    if doubts.skipped:
        reasons.append(f"for want of a gradient, {_listed(doubts.skipped)} could not be run")
    because = "; ".join(reasons)
    if not reasons:
        text = (
            f"None of the {checks} checks raised a warning, so nothing seen here speaks against "
            "this number; as always, a better attack can only lower it"
        )
    elif doubts.stands and doubts.nothing_left:
        text = (
            "This number can be trusted, since no image is left that a better attack could turn, "
            f"although attacks fell short: {because}"
        )
    elif doubts.stands:
        text = (
            f"This number can be trusted, being no higher than that of {_listed(doubts.sound)}, "
            f"for which no warning was raised; for other attacks, {because}"
        )
    else:
        text = f"This number {_verdict(doubts)}: {because}"
    if doubts.elsewhere:
        text += f" (at other epsilons: {_listed(doubts.elsewhere)})"
    return f"{text}."


def advice(doubts: Doubts, clean: Estimate, worst_case: Estimate, autoattacked: int) -> str:
    """What to do next: what the worst warning asks for, or else what the numbers do.

    Args:
        autoattacked: how many images AutoAttack was run on.
    """
    first = next(iter(doubts.warned), None)
    if first is not None and (first in OF_THE_NETWORK or not (doubts.stands or doubts.skipped)):
        return f'Next, for "{first}": {paragraph(first).do.replace("`", "")}'
    if doubts.skipped and not doubts.stands:
        return (
            "Next: write the model in operations that TensorFlow can differentiate, or attack a "
            "smooth stand-in for it and evaluate the model on the images that come out "
            "(evaluation.evaluate with surrogate=...)."
        )
    if worst_case.value < clean.value / 2:
        return (
            "Next: train it on adversarial examples (defenses.AdversarialTrainer or TradesTrainer) "
            "and evaluate it again."
        )
    if not autoattacked:
        return "Next: run AutoAttack as well (--autoattack-images 100)."
    if worst_case.high - worst_case.low > WIDE:
        return (
            "Next: attack more images, with AutoAttack too (--images, --autoattack-images), since "
            f"the interval is {100 * (worst_case.high - worst_case.low):.0f} points wide."
        )
    return (
        "Next: attack it in a way made for it (Tramer et al., 2020, arXiv 2002.08347), since these "
        "attacks know nothing of how the model defends itself."
    )


def _is_followed(arm: MeasuredArm) -> bool:
    """Whether the gradient and the steps of an attack are looked at."""
    return kind_of(arm.attack) == Kind.ITERATED and arm.attack.climbs is not None


def _verdict(doubts: Doubts) -> str:
    """What the warnings say of a number that does not stand."""
    if any(name in OF_THE_NETWORK for name in doubts.warned):
        return "cannot be trusted"
    too_high = bool(doubts.skipped) or (
        any(name in FELL_SHORT for name in doubts.warned) and not doubts.sound
    )
    too_low = any(name in TOO_MUCH_ROOM for name in doubts.warned)
    if too_high and too_low:
        return "cannot be trusted, and may be too high or too low"
    return f"cannot be trusted, and may be too {'high' if too_high else 'low'}"


def _listed(names: Iterable[str]) -> str:
    """Names in a row: PGD, FGSM and Square."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last

"""What is left of a network, whether that can be trusted, and what to do next: three sentences."""

from collections.abc import Iterable, Mapping, Sequence

from evaluation.diagnostics import NAMES, Level
from evaluation.estimates import Estimate
from evaluation.flag_guide import paragraph
from evaluation.measured_arm import Raised, worst

#: What is wrong with the network, so that no accuracy can be trusted.
OF_THE_NETWORK = ("logits not finite", "random at inference", "accuracy at chance")
#: What gives an attack more room than a picture has, so that more may be left.
_TOO_MUCH_ROOM = ("outside [0, 1]", "restored by rounding")
#: What makes an attack weaker than it could be, so that less may be left.
FELL_SHORT = set(NAMES) - {*OF_THE_NETWORK, *_TOO_MUCH_ROOM}
#: An interval that is wider than this, in accuracy, asks for more images.
WIDE = 0.1
NORMS = {"linf": "L-inf", "l2": "L2"}


def distance(norm: str, epsilon: float) -> str:
    """An epsilon as papers write it: in grey levels, "8/255", for L-inf."""
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


def trust(
    raised: Sequence[Raised],
    checks: Sequence[str],
    skipped: Mapping[str, str],
    attacks: Sequence[str],
    nothing_left: bool,
) -> str:
    """Whether the worst case can be trusted, with the warnings by name.

    Args:
        checks: the names of all flags that could have been raised.
        attacks: the names of those within the budget.
        nothing_left: no image withstood all of them, so that a better one could turn no other.
    """
    warned = warnings_by_name(raised)
    if not warned and not skipped:
        return (
            f"None of the {len(checks)} checks raised a warning, so nothing seen here speaks "
            "against this number; as always, a better attack can only lower it."
        )
    reasons = []
    if warned:
        named = "; ".join(
            f'"{name}"' + ("" if name in OF_THE_NETWORK else f" ({_listed(arms)})")
            for name, arms in warned.items()
        )
        reasons.append(f"{len(warned)} of {len(checks)} checks raised a warning: {named}")
    if skipped:
        reasons.append(f"for want of a gradient, {_listed(skipped)} could not be run")
    because = "; ".join(reasons)
    if nothing_left and set(warned) <= FELL_SHORT:
        return (
            "This number can be trusted, since no image is left that a better attack could turn, "
            f"although attacks fell short: {because}."
        )
    marked = {arm for arms in warned.values() for arm in arms}
    quiet = [name for name in attacks if name not in marked]
    none_for = f"; none for {_listed(quiet)}" if warned and quiet else ""
    return f"This number {_verdict(warned, bool(skipped))}: {because}{none_for}."


def warnings_by_name(raised: Sequence[Raised]) -> dict[str, list[str]]:
    """The attacks that each warning was raised for, in the order of `diagnostics.NAMES`."""
    warned = [each for each in raised if each.flag.level == Level.WARNING]
    by_name: dict[str, list[str]] = {each.flag.name: [] for each in worst(warned)}
    for each in warned:
        if each.arm not in by_name[each.flag.name]:
            by_name[each.flag.name].append(each.arm)
    return by_name


def advice(
    raised: Sequence[Raised],
    skipped: Mapping[str, str],
    clean: Estimate,
    worst_case: Estimate,
    autoattacked: int,
) -> str:
    """What to do next: what the worst warning asks for, or else what the numbers do.

    Args:
        autoattacked: how many images AutoAttack was run on.
    """
    warned = list(warnings_by_name(raised))
    of_network = [name for name in warned if name in OF_THE_NETWORK]
    nothing_left = not worst_case.value
    if of_network:
        return _as_the_guide_says(of_network[0])
    if skipped:
        return (
            "Next: write the model in operations that TensorFlow can differentiate, or attack a "
            "smooth stand-in for it and evaluate the model on the images that come out "
            "(evaluation.evaluate with surrogate=...)."
        )
    if warned and not (nothing_left and set(warned) <= FELL_SHORT):
        return _as_the_guide_says(warned[0])
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


def _verdict(warned: Iterable[str], has_skipped: bool) -> str:
    """What the warnings say of a number."""
    if any(name in OF_THE_NETWORK for name in warned):
        return "cannot be trusted"
    too_high = has_skipped or any(name in FELL_SHORT for name in warned)
    too_low = any(name not in FELL_SHORT for name in warned)
    if too_high and too_low:
        return "cannot be trusted, and may be too high or too low"
    return f"cannot be trusted, and may be too {'high' if too_high else 'low'}"


def _as_the_guide_says(name: str) -> str:
    do = paragraph(name).do.replace("`", "")
    return f'Next, for "{name}": {do}'


def _listed(names: Iterable[str]) -> str:
    """Names in a row: PGD, FGSM and Square."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last

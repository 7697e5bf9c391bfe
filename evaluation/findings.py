"""What the flags of one attack say to whoever ran it: sentences, with a way to go on."""

import math
from collections.abc import Iterator

from attacks import Attack, MinimumNormAttack
from evaluation.diagnostics import Flag
from evaluation.measured_arm import MeasuredArm, raised, worst
from evaluation.outcomes import Outcomes


def findings(outcomes: Outcomes, attack: Attack) -> Iterator[str]:
    """One sentence for each flag of an attack, at its worst, and what a search is."""
    arm = MeasuredArm(type(attack).__name__, attack, outcomes)
    for each in worst(raised([arm])):
        yield _sentence(each.flag, outcomes, attack)
    if isinstance(attack, MinimumNormAttack) and any(map(math.isfinite, outcomes.epsilons)):
        yield (
            f"{type(attack).__name__} searches once for the smallest distance of each image: its "
            "accuracy at an epsilon is the share of images whose distance is larger, and an attack "
            "made for that epsilon may break more."
        )


def _sentence(flag: Flag, outcomes: Outcomes, attack: Attack) -> str:
    share = f"{flag.size:.1%} of the images"
    match flag.name:
        case "logits not finite":
            clean = (outcomes.clean_predictions < 0).mean()
            adversarial = (outcomes.predictions < 0).mean(axis=1).max()
            return (
                f"The logits are not finite on {clean:.1%} of the clean images and "
                f"{adversarial:.1%} of the adversarial ones: these count neither as right nor as "
                "fooled."
            )
        case "random at inference":
            return f"The network is {flag.text}; the accuracies are of one draw."
        case "gradient not finite":
            return (
                f"The gradient is not finite on {share}. Infinite slopes were followed as the "
                "steepest finite ones; compare --attack square."
            )
        case "zero gradient":
            return (
                f"The gradient is exactly zero on {share}: what survives there may be masked, not "
                f"robust. Try {_way_around_zero(attack)}."
            )
        case "accuracy at chance":
            return "The clean accuracy cannot be told from guessing."
    text = flag.text[0].upper() + flag.text[1:]
    return f'{flag.level.capitalize()}: {text} (see "{flag.name}" in evaluation/flags.md).'


def _way_around_zero(attack: Attack) -> str:
    if attack.climbs != "cross-entropy":  # the other losses do not saturate
        return "--attack square"
    if attack.temperature == 1:
        return "--temperature 100"
    return "--attack apgd --option loss=dlr, or --attack square"

"""What the flags of one attack say to whoever ran it: sentences, with a way to go on."""

import math
from collections.abc import Iterator

import numpy as np

from attacks import Attack, BudgetAttack, MinimumNormAttack
from evaluation.diagnostics import Flag, flags, kind_of
from evaluation.outcomes import Outcomes


def findings(outcomes: Outcomes, attack: Attack) -> Iterator[str]:
    """One sentence for each flag of an attack, at its worst, and what a search is."""
    for flag in _worst(outcomes, attack):
        yield _sentence(flag, outcomes, attack)
    if isinstance(attack, MinimumNormAttack) and any(map(math.isfinite, outcomes.epsilons)):
        yield (
            f"{type(attack).__name__} searches once for the smallest distance of each image: its "
            "accuracy at an epsilon is the share of images whose distance is larger, and an attack "
            "made for that epsilon may break more."
        )


def _worst(outcomes: Outcomes, attack: Attack) -> list[Flag]:
    """The worst flag of every name, in the order of the diagnostics."""
    table = outcomes.table()
    table = table.assign(
        arm="",
        attack=type(attack).__name__,
        kind=kind_of(attack),
        climbs=attack.climbs,
        norm=attack.norm,
        reach=[
            attack.reach(epsilon) if isinstance(attack, BudgetAttack) else epsilon
            for epsilon in table["epsilon"]
        ],
    )
    correct = {"": np.vstack([outcomes.clean_correct, outcomes.correct])}
    worst: dict[str, Flag] = {}
    for own in flags(table, correct, ["arm"]).values():
        for flag in own:
            if flag.name not in worst or flag.size > worst[flag.name].size:
                worst[flag.name] = flag
    return list(worst.values())


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

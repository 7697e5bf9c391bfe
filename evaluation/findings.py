"""What was measured beside accuracies and speaks against them, in words."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from attacks import Attack, MinimumNormAttack
from evaluation.outcomes import Outcomes


class Measurement(NamedTuple):
    """What should be 0 in a row of `Outcomes.table`.

    Attributes:
        name: of what is wrong where it is not.
        says: the same with the number.
        concerns: "all" rows, "attacked" ones, or those "climbing" a gradient.
    """

    name: str
    says: str
    concerns: str


MEASURED = {
    "not_finite": Measurement("logits not finite", "logits not finite on {} of the images", "all"),
    "spread": Measurement(
        "random at inference",
        "random at inference: two passes differ by up to {} in a logit",
        "all",
    ),
    "gradient_not_finite": Measurement(
        "gradient not finite", "gradient not finite on {} of the images", "climbing"
    ),
    "zero_gradient": Measurement("zero gradient", "zero gradient on {} of the images", "climbing"),
    "out_of_range": Measurement("outside [0, 1]", "{} of the images leave [0, 1]", "attacked"),
    "rounds_away": Measurement(
        "undone by rounding", "rounding to 8 bits undoes {} of the images", "attacked"
    ),
}


def said_of(column: str, row: Mapping[str, Any]) -> str:
    """What one of `MEASURED` says of a row."""
    value = row[column]
    if column != "spread":
        return MEASURED[column].says.format(_percent(value))
    changed = f", {_percent(row['random'])} of the predictions change"
    return MEASURED[column].says.format(f"{value:.2g}") + changed


def _percent(share: float) -> str:
    return f"{100 * share:.2g}%" if share < 0.01 else f"{share:.0%}"


def findings(outcomes: Outcomes, attack: Attack) -> Iterator[str]:
    """One sentence for each measurement of an attack that speaks against its accuracies."""
    clean, *attacked = outcomes.table().to_dict("records")
    first = attacked[0]
    not_finite = max(row["not_finite"] for row in attacked)
    if clean["not_finite"] or not_finite:
        yield (
            f"The logits are not finite on {clean['not_finite']:.1%} of the clean images and "
            f"{not_finite:.1%} of the adversarial ones: these count neither as right nor as fooled."
        )
    if first["spread"] > 0:
        yield (
            f"The network is random at inference: two passes differ by up to {first['spread']:.2g} "
            f"in a logit, and in the prediction for {first['random']:.1%} of the images; the "
            "accuracies are of one draw."
        )
    if first["gradient_not_finite"] > 0:  # NaN where the attack climbs nothing
        yield (
            f"The gradient is not finite on {first['gradient_not_finite']:.1%} of the images. "
            "Infinite slopes were followed as the steepest finite ones; compare --attack square."
        )
    if first["zero_gradient"] > 0:
        yield (
            f"The gradient is exactly zero on {first['zero_gradient']:.1%} of the images: what "
            f"survives there may be masked, not robust. Try {_way_around_zero(attack)}."
        )
    within = any(math.isfinite(row["epsilon"]) for row in attacked)
    if within and isinstance(attack, MinimumNormAttack):
        yield (
            f"{type(attack).__name__} searches once for the smallest distance of each image: its "
            "accuracy at an epsilon is the share of images whose distance is larger, and an attack "
            "made for that epsilon may break more."
        )


def _way_around_zero(attack: Attack) -> str:
    if attack.climbs != "cross-entropy":  # the other losses do not saturate
        return "--attack square"
    if attack.temperature == 1:
        return "--temperature 100"
    return "--attack apgd --option loss=dlr, or --attack square"

"""What makes an accuracy less than it seems, worked out from what was measured beside it.

Flags are worked out whenever results are shown, and are not stored themselves. A measurement that
is not there is said to be missing, which is no good news.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from attacks import Attack, MinimumNormAttack
from evaluation.outcomes import Outcomes


class Flag(NamedTuple):
    """One thing that is wrong with a row.

    Attributes:
        name: by which flags are counted.
        text: what is wrong, with the numbers of the row.
        size: the larger, the worse, among flags of one name.
    """

    name: str
    text: str
    size: float = 1.0


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


#: Those that concern every accuracy of a network, without attack as well.
_OF_NETWORKS = ("not_finite", "spread")


def flags(
    table: pd.DataFrame, correct: Mapping[str, np.ndarray], place: Sequence[str]
) -> dict[int, list[Flag]]:
    """The flags of every row that has one, by its index.

    Args:
        table: rows of `Outcomes.table`, of many arms, with the columns "arm", "attack", "climbs",
            "reach" and those of `place`.
        correct: by arm, bool [1 + E, images], in the order of its rows.
        place: the columns by which arms are the same but for their attack.
    """
    flagged: dict[int, list[Flag]] = {}
    for index, flag in _every(table, correct, list(place)):
        flagged.setdefault(index, []).append(flag)
    return flagged


def not_recorded(table: pd.DataFrame) -> dict[str, int]:
    """How many rows lack a measurement that concerns them, by the name of its flag."""
    missing = {}
    for column, measurement in MEASURED.items():
        rows = _concerned(table, column)
        count = int(rows[column].isna().sum()) if column in table else len(rows)
        if count:
            missing[measurement.name] = count
    return missing


def untrusted(table: pd.DataFrame) -> pd.Series:
    """Which rows are of a network whose logits are not finite, or not the same twice (bool)."""
    columns = [column for column in _OF_NETWORKS if column in table]
    return (table[columns] > 0).any(axis=1)


def warnings(table: pd.DataFrame, network: Sequence[str]) -> list[str]:
    """A sentence for everything that forbids trusting a network's accuracies, at its worst.

    Args:
        network: the columns that name a network.
    """
    sentences = []
    for names, rows in table[untrusted(table)].groupby(list(network), sort=False):
        for column in _OF_NETWORKS:
            if column in rows and rows[column].max() > 0:
                worst = rows.loc[rows[column].idxmax()]
                sentences.append(f"{', '.join(names)}: {_said_of(column, worst)}")
    return sentences


def _every(
    table: pd.DataFrame, correct: Mapping[str, np.ndarray], place: list[str]
) -> Iterator[tuple[int, Flag]]:
    attacked = table[table["epsilon"] > 0]
    for index, row in attacked[attacked["reach"] < attacked["epsilon"] * (1 - 1e-6)].iterrows():
        grey = 255 * row["reach"]
        text = f"steps reach only {grey:.2g} grey levels"
        yield index, Flag("steps too short", text, -grey)
    for column, measurement in MEASURED.items():
        rows = _concerned(table, column)
        for index, row in rows[rows[column] > 0].iterrows() if column in table else ():
            yield index, Flag(measurement.name, _said_of(column, row), row[column])
    for index in _weaker_than_fgsm(table, correct, place):
        yield index, Flag("weak PGD", "PGD is weaker than FGSM")


def _concerned(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """The rows about which a measurement says something."""
    concerns = MEASURED[column].concerns
    rows = table if concerns == "all" else table[table["epsilon"] > 0]
    return rows[rows["climbs"].notna()] if concerns == "climbing" else rows


def _weaker_than_fgsm(
    table: pd.DataFrame, correct: Mapping[str, np.ndarray], place: list[str]
) -> Iterator[int]:
    """The rows of PGD that leave more images correct than FGSM, of those that both attack."""
    attacked = table["epsilon"] > 0
    fgsm = table[table["attack"] == "FGSM"].drop_duplicates(place).set_index(place)["arm"]
    at = table.groupby("arm").cumcount()
    for index, row in table[attacked & (table["attack"] == "PGD")].iterrows():
        other = fgsm.get(tuple(row[place]))
        same = attacked & (table["arm"] == other) & np.isclose(table["epsilon"], row["epsilon"])
        if same.any():
            # Of the images that both attack, the first ones.
            images = int(min(row["images"], table.loc[same, "images"].iloc[0]))
            left = correct[row["arm"]][at[index]][:images].sum()
            if left > correct[other][at[same].iloc[0]][:images].sum():
                yield index


def _said_of(column: str, row: Mapping[str, Any]) -> str:
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

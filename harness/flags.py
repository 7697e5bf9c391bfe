"""What makes a row of results less than it seems.

Flags are worked out from the stored measurements whenever results are shown, and are not stored
themselves. A measurement that is not there is said to be missing, which is no good news.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from evaluation.findings import MEASURED, said_of


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


#: Those that concern every accuracy of a network, without attack as well.
_OF_NETWORKS = ("not_finite", "spread")
_PLACE = ["case", "variant", "protocol", "defense", "view", "seed"]


def flags(table: pd.DataFrame, correct: Mapping[str, np.ndarray]) -> dict[int, list[Flag]]:
    """The flags of every row that has one, by its index.

    Args:
        table, correct: of `harness.results.Results`.
    """
    flagged: dict[int, list[Flag]] = {}
    for index, flag in _every(table, correct):
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


def warnings(table: pd.DataFrame) -> list[str]:
    """A sentence for everything that forbids trusting a network's accuracies, at its worst."""
    sentences = []
    for place, rows in table[untrusted(table)].groupby(["case", "protocol", "defense"], sort=False):
        for column in _OF_NETWORKS:
            if column in rows and rows[column].max() > 0:
                worst = rows.loc[rows[column].idxmax()]
                sentences.append(f"{', '.join(place)}: {said_of(column, worst)}")
    return sentences


def _every(table: pd.DataFrame, correct: Mapping[str, np.ndarray]) -> Iterator[tuple[int, Flag]]:
    attacked = table[table["epsilon"] > 0]
    for index, row in attacked[attacked["reach"] < attacked["epsilon"] * (1 - 1e-6)].iterrows():
        grey = 255 * row["reach"]
        text = f"steps reach only {grey:.2g} grey levels"
        yield index, Flag("steps too short", text, -grey)
    for column, measurement in MEASURED.items():
        rows = _concerned(table, column)
        for index, row in rows[rows[column] > 0].iterrows() if column in table else ():
            yield index, Flag(measurement.name, said_of(column, row), row[column])
    for index in _weaker_than_fgsm(table, correct):
        yield index, Flag("weak PGD", "PGD is weaker than FGSM")


def _concerned(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """The rows about which a measurement says something."""
    concerns = MEASURED[column].concerns
    rows = table if concerns == "all" else table[table["epsilon"] > 0]
    return rows[rows["climbs"].notna()] if concerns == "climbing" else rows


def _weaker_than_fgsm(table: pd.DataFrame, correct: Mapping[str, np.ndarray]) -> Iterator[int]:
    """The rows of PGD that leave more images correct than FGSM, of those that both attack."""
    attacked = table["epsilon"] > 0
    fgsm = table[table["attack"] == "FGSM"].drop_duplicates(_PLACE).set_index(_PLACE)["arm"]
    at = table.groupby("arm").cumcount()
    for index, row in table[attacked & (table["attack"] == "PGD")].iterrows():
        other = fgsm.get(tuple(row[_PLACE]))
        same = attacked & (table["arm"] == other) & np.isclose(table["epsilon"], row["epsilon"])
        if same.any():
            # Of the images that both attack, the first ones.
            images = int(min(row["images"], table.loc[same, "images"].iloc[0]))
            left = correct[row["arm"]][at[index]][:images].sum()
            if left > correct[other][at[same].iloc[0]][:images].sum():
                yield index

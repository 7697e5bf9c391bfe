"""Numbers of the Praxis study read off a run: what claims and reports share."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from evaluation import wilson
from harness.results import Results
from studies.praxis.arms import DISTILLED, IMAGENET, ITERATION, MODELS, TIMING


class Share(NamedTuple):
    """A proportion of images, in percent, with its 95 % interval."""

    percent: float
    low: float
    high: float
    images: int

    def __str__(self) -> str:
        return f"{self.percent:.2f} [{self.low:.2f}, {self.high:.2f}]"


def share(accuracy: float, images: int, error: bool = False) -> Share:
    """Of an accuracy, or with `error` of what it lacks to 1."""
    count = round(accuracy * images)
    count = images - count if error else count
    return Share(100 * count / images, *(100 * end for end in wilson(count, images)), images)


def classifiers(results: Results) -> list[str]:
    """The models of part A that were attacked, in the order of the study."""
    run = set(results.table["case"])
    return [model for model in MODELS if f"{model}/{IMAGENET}" in run]


def of_classifier(
    results: Results, model: str, protocol: str, attack: str, variant: str = "main"
) -> pd.DataFrame:
    """The rows of one arm of part A, the clean images first; empty if it was not run."""
    table = results.table
    return table[
        (table["case"] == f"{model}/{IMAGENET}")
        & (table["protocol"] == protocol)
        & (table["attack"] == attack)
        & (table["variant"] == variant)
    ]


def of_distilled(
    results: Results, protocol: str, role: str, attack: str, view: str
) -> tuple[np.ndarray, np.ndarray] | None:
    """Epsilons [1 + E], 0 first, and correct, bool [1 + E, seeds, images], of part B.

    The undefended network, which has no temperature, is attacked through its logits.
    """
    table = results.table
    rows = table[
        (table["case"] == DISTILLED)
        & (table["protocol"] == protocol)
        & (table["role"] == role)
        & (table["attack"] == attack)
        & (table["view"] == ("logits" if role == "undefended" else view))
    ]
    if rows.empty:
        return None
    arms = list(dict.fromkeys(rows["arm"]))
    epsilons = rows.loc[rows["arm"] == arms[0], "epsilon"].to_numpy()
    return epsilons, np.stack([results.correct[arm] for arm in arms], axis=1)


def errors(rows: pd.DataFrame, k: int) -> list[Share]:
    """The top-1 or top-5 error of every row of an arm."""
    column = {1: "accuracy", 5: "top_5_accuracy"}[k]
    return [
        share(accuracy, images, error=True)
        for accuracy, images in zip(rows[column], rows["images"], strict=True)
    ]


def position(epsilons, epsilon: float) -> int:
    """Where `epsilon` stands in the epsilons of an arm."""
    (index,) = np.flatnonzero(np.isclose(epsilons, epsilon, rtol=1e-4, atol=0))
    return int(index)


def seconds_per_iteration(results: Results, model: str, attack: str) -> tuple[float, int] | None:
    """Seconds for a batch of 32 images, crafted and classified, and the images they are from.

    FGSM's are those of a single epsilon. Compiling is not counted.
    """
    rows = (
        of_classifier(results, model, "faithful", "FGSM", TIMING)
        if attack == "FGSM"
        else of_classifier(results, model, "corrected", "CW")
    )
    if rows.empty:
        return None
    return _per_iteration(rows.iloc[-1])


def distilled_seconds_per_iteration(
    results: Results, protocol: str, attack: str
) -> tuple[float, int] | None:
    """The same of the student of part B, FGSM's at all of its epsilons at once."""
    table = results.table
    rows = table[
        (table["case"] == DISTILLED)
        & (table["protocol"] == protocol)
        & (table["role"] == "student")
        & (table["attack"] == attack)
    ]
    return None if rows.empty else _per_iteration(rows.iloc[-1])


def _per_iteration(row: pd.Series) -> tuple[float, int]:
    images = int(row["images"])
    if pd.isna(row.get("crafting_seconds")):  # results of an older version
        return float(row["seconds"]) / -(-images // ITERATION), images
    inference = row["inference_seconds"] / images
    return float(ITERATION * (row["crafting_seconds"] + inference)), images


def pictured(results: Results, model: str, protocol: str, attack: str) -> dict | None:
    """The arrays of `Results.pictured` for one arm of part A."""
    rows = of_classifier(results, model, protocol, attack)
    return None if rows.empty else results.pictured[rows["arm"].iloc[0]]

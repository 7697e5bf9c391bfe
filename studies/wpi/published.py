"""Ties every row of `published.csv` to what measures it, or says why nothing does."""

from pathlib import Path

import pandas as pd

from data import cifar10, gtsrb, mnist
from data.splits import SPLITS
from harness.links import Link, printed
from studies.wpi import defenses
from studies.wpi.arms import FURTHER, PICTURED, RECIPE
from studies.wpi.profiles import CASES, CIFAR10, GTSRB, MNIST, PROFILES, SPLIT

FOLDER = Path(__file__).parent
SHOWN_CLASSES = 3

_CASES = {"MNIST": (MNIST,), "CIFAR-10": (CIFAR10,), "GTSRB": (GTSRB,), "all": CASES}
_DATA = {"MNIST": mnist, "CIFAR-10": cifar10, "GTSRB": gtsrb}
_DEFENSES = {
    "none": defenses.NONE,
    "adversarial example training": defenses.ADVERSARIAL,
    "feature smoothing (Gaussian blur)": defenses.SMOOTHED,
    "gradient masking": defenses.MASKED_SEEN,
    "defensive distillation": defenses.DISTILLED,
}


def gtsrb_under_cw() -> float:
    """The F1 score that the study prints of GTSRB under CW."""
    return printed(FOLDER, table="Table 7", metric="F1 score", dataset="GTSRB")


def link(row: pd.Series) -> Link:
    """The link of one row of the published numbers.

    Raises:
        ValueError: nothing is known about the row.
    """
    metric = row["metric"]
    if metric.startswith("background:"):
        return Link("background", remark="of a study it cites")
    if metric in _WITHOUT_COUNTERPART:
        return Link("no counterpart", remark="the attack does not keep the c that succeeded")
    if metric in _SETTINGS:
        value, remark = _SETTINGS[metric]
        return Link("setting", setting=value, remark=remark)
    if metric in ("number of classes", "image side", "number of images"):
        return _of_the_data(row)
    if metric == "prediction time":
        return _time(row)
    if metric not in _MEASURED:
        raise ValueError(f"row is {dict(row)}; accepted: one that a link is known for")
    kind, remark = _MEASURED[metric]
    return Link(
        kind,
        _CASES[row["dataset"]],
        _DEFENSES[row["defense"]].name,
        (row["attack"],),
        factor=100 if row["unit"] == "percent" else 1,
        remark=remark,
    )


def _of_the_data(row: pd.Series) -> Link:
    description = _DATA[row["dataset"]].DESCRIPTION
    if row["metric"] == "number of classes":
        return Link("setting", setting=len(description.class_names))
    if row["metric"] == "image side":
        return Link("setting", setting=description.image_shape[0])
    train, test = description.original_counts
    if description.name in SPLITS[SPLIT].official_training_only:
        return Link("setting", setting=train, remark="the training part, as the study counts")
    return Link("setting", setting=train + test)


def _time(row: pd.Series) -> Link:
    """A time, as a ratio to that of the undefended network or of MNIST."""
    defended, attacked = row["defense"] != "none", row["attack"] != "none"
    remarks = ["corrected: crafting alone"] if attacked else []
    place = {"dataset": row["dataset"], "attack": row["attack"]}
    if defended:
        ratio_to = "to the undefended network"
        if attacked:
            ratio_to += " under the same attack"
    elif attacked:
        place["attack"], ratio_to = "none", "to the clean images"
    else:
        place["dataset"], ratio_to = "MNIST", "to MNIST"
    if row["defense"] == "gradient masking":
        remarks.append("noise on the gradient seen")
    ratio = float(row["value"]) / printed(FOLDER, metric="prediction time", defense="none", **place)
    return Link(
        "time ratio",
        _CASES[row["dataset"]],
        _DEFENSES[row["defense"]].name,
        (row["attack"],) if attacked else (),
        ratio=ratio,
        ratio_to=ratio_to,
        remark="; ".join([f"measured as a ratio {ratio_to}", f"published {ratio:.3g}", *remarks]),
    )


_AVERAGING = "macro F1, the averaging of the study is not stated"
_MEASURED = {
    "F1 score": ("F1 score", _AVERAGING),
    "F1 score on GTSRB (upper bound)": (
        "F1 score",
        f"table 7 has {gtsrb_under_cw():g}; {_AVERAGING}",
    ),
    "highest F1 score under attack": ("F1 score", f"of the pixel swap; {_AVERAGING}"),
    "confidence gap between the two top classes (3 against 7)": (
        "confidence gap",
        "one image: another 7 than the study's",
    ),
    "classification accuracy under attack before the defence (nearly)": (
        "accuracy under attack",
        "the mean over the data sets that were run",
    ),
}
_WITHOUT_COUNTERPART = ("CW constant c: usual lower value", "CW constant c: usual upper value")
_CW = PROFILES["paper"].cw["corrected"]
#: Values of the paper profile, and remarks.
_SETTINGS = {
    "network input side": (SPLITS[SPLIT].colour_squares, ""),
    "train share": (80, ""),
    "test share": (20, ""),
    "validation share of the training part": (20, ""),
    "hyperparameter: epochs": (RECIPE.epochs, ""),
    "hyperparameter: further epochs of adversarial training": (FURTHER.epochs, ""),
    "CW constant c: search minimum": (_CW.initial_c, ""),
    "CW constant c: search maximum": (
        _CW.initial_c * 10 ** (_CW.search_steps - 1),
        f"what {_CW.search_steps} runs reach; the attack itself goes to 1e10",
    ),
    "gradient noise mean": (0, ""),
    "gradient noise variance": (
        1,
        f"times the square of a scale: {defenses.SEEN_NOISE.scale:g} on the gradient seen, "
        f"{defenses.UPDATE_NOISE.scale:g} on the weights' updates",
    ),
    "digit used in the illustrations": (PICTURED, ""),
    "number of classes shown with confidence": (SHOWN_CLASSES, ""),
}

"""Ties every row of `published.csv` to what measures it, or says why nothing does."""

from pathlib import Path

import pandas as pd

from data import cifar10, gtsrb, mnist
from data.dataset import Description
from data.splits import SPLITS
from harness.links import NOT_MEASURED, Link, printed
from studies.wpi import defenses
from studies.wpi.arms import FURTHER, PICTURED, RECIPE
from studies.wpi.measures import MEASURES, TO_CLEAN, TO_MNIST
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


def _images(description: Description) -> int:
    """The study's split leaves the official test images of some data sets alone."""
    train, test = description.original_counts
    official = description.name in SPLITS[SPLIT].official_training_only
    return train if official else train + test


_CW = PROFILES["paper"].cw["corrected"]
#: The settings of the paper profile, by what `measures` calls them.
_SETTINGS = {
    "network input side": SPLITS[SPLIT].colour_squares,
    "training share": 80,
    "test share": 20,
    "validation share": 20,
    "epochs": RECIPE.epochs,
    "further epochs": FURTHER.epochs,
    "smallest c": _CW.initial_c,
    "largest c": _CW.initial_c * 10 ** (_CW.search_steps - 1),
    "mean of the noise": 0,
    "variance of the noise": 1,
    "class shown": PICTURED,
    "classes shown": SHOWN_CLASSES,
}
for _name, _data in _DATA.items():
    _SETTINGS[f"classes of {_name}"] = len(_data.DESCRIPTION.class_names)
    _SETTINGS[f"image side of {_name}"] = _data.DESCRIPTION.image_shape[0]
    _SETTINGS[f"images of {_name}"] = _images(_data.DESCRIPTION)

#: By the kind of a published number, the claims that rest on it.
CLAIMS_ON = {
    "F1 score": ("WPI-1a", "WPI-2a", "WPI-3", "WPI-5a", "WPI-7a"),
    "time ratio": ("WPI-2b", "WPI-4", "WPI-5b", "WPI-7b", "WPI-17"),
    "confidence gap": ("WPI-8",),
    "accuracy under attack": ("WPI-3", "WPI-13a"),
}


def link(row: pd.Series) -> Link:
    """The link of one row of the published numbers.

    Its `measures` names a setting or a measurement, or says that there is none, and then, after a
    colon, what a reader has to know; of a time what it is a ratio to.

    Raises:
        ValueError: nothing is known about the row.
    """
    kind, _, remark = row["measures"].partition(": ")
    if kind in NOT_MEASURED:
        return Link(kind, remark=remark)
    if kind in _SETTINGS:
        return Link("setting", setting=_SETTINGS[kind], remark=remark)
    if kind not in MEASURES:
        accepted = ", ".join((*NOT_MEASURED, *_SETTINGS, *MEASURES))
        raise ValueError(f"measures is {row['measures']!r}; accepted: {accepted}")
    cases, role = _CASES[row["dataset"]], _DEFENSES[row["defense"]].name
    attacks = () if row["attack"] == "none" else (row["attack"],)
    if kind != "time ratio":
        factor = 100 if row["unit"] == "percent" else 1
        return Link(kind, cases, role, attacks, factor=factor, remark=remark)
    ratio = _ratio(row, remark)
    told = [f"measured as a ratio {remark}", f"published {ratio:.3g}"]
    told += ["corrected: crafting alone"] if attacks else []
    told += ["noise on the gradient seen"] if row["defense"] == "gradient masking" else []
    return Link(kind, cases, role, attacks, ratio=ratio, ratio_to=remark, remark="; ".join(told))


def _ratio(row: pd.Series, ratio_to: str) -> float:
    """Of a printed time to the one that the study prints of the undefended network."""
    dataset = "MNIST" if ratio_to == TO_MNIST else row["dataset"]
    attack = "none" if ratio_to == TO_CLEAN else row["attack"]
    times = {"metric": "prediction time", "defense": "none"}
    return float(row["value"]) / printed(FOLDER, **times, dataset=dataset, attack=attack)

"""Ties every row of `published.csv` to what measures it, or says why nothing does."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from data import cifar10, gtsrb, mnist
from data.dataset import Description
from data.splits import SPLITS
from harness.links import NOT_MEASURED, Link, printed
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

    Its `measures` names a setting or a measurement, or says that there is none, and then, after a
    colon, what a reader has to know; of a time what it is a ratio to.

    Raises:
        ValueError: nothing is known about the row.
    """
    kind, _, remark = row["measures"].partition(": ")
    if kind in NOT_MEASURED:
        return Link(kind, remark=remark)
    if kind in _SETTINGS:
        return Link("setting", setting=_SETTINGS[kind], remark=remark or _REMARKS.get(kind, ""))
    if kind in _OF_THE_DATA:
        description = _DATA[row["dataset"]].DESCRIPTION
        return Link("setting", setting=_OF_THE_DATA[kind](description), remark=remark)
    if kind not in _MEASURED:
        accepted = (*NOT_MEASURED, *_SETTINGS, *_OF_THE_DATA, *_MEASURED)
        raise ValueError(f"measures is {row['measures']!r}; accepted: {', '.join(accepted)}")
    measured = Link(
        kind,
        _CASES[row["dataset"]],
        _DEFENSES[row["defense"]].name,
        () if row["attack"] == "none" else (row["attack"],),
        factor=100 if row["unit"] == "percent" else 1,
        remark=remark,
    )
    return _as_ratio(measured, row) if kind == "time ratio" else measured


def _as_ratio(link: Link, row: pd.Series) -> Link:
    """A time, as a ratio to that of the undefended network, of clean images or of MNIST."""
    reference = {"dataset": row["dataset"], "attack": row["attack"]}
    reference |= {"to MNIST": {"dataset": "MNIST"}, "to the clean images": {"attack": "none"}}.get(
        link.remark, {}
    )
    times = {"metric": "prediction time", "defense": "none"} | reference
    ratio = float(row["value"]) / printed(FOLDER, **times)
    remarks = [f"measured as a ratio {link.remark}", f"published {ratio:.3g}"]
    remarks += ["corrected: crafting alone"] if link.attacks else []
    remarks += ["noise on the gradient seen"] if row["defense"] == "gradient masking" else []
    return replace(link, ratio=ratio, ratio_to=link.remark, remark="; ".join(remarks))


def _images(description: Description) -> int:
    train, test = description.original_counts
    official = description.name in SPLITS[SPLIT].official_training_only
    return train if official else train + test


_MEASURED = ("F1 score", "confidence gap", "accuracy under attack", "time ratio")
#: Settings that each data set has.
_OF_THE_DATA = {
    "classes": lambda description: len(description.class_names),
    "image side": lambda description: description.image_shape[0],
    "images": _images,
}
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
#: What a reader has to know of them, with numbers of the paper profile.
_REMARKS = {
    "largest c": f"what {_CW.search_steps} runs reach; the attack itself goes to 1e10",
    "variance of the noise": (
        f"times the square of a scale: {defenses.SEEN_NOISE.scale:g} on the gradient seen, "
        f"{defenses.UPDATE_NOISE.scale:g} on the weights' updates"
    ),
}

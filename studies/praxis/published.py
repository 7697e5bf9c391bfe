"""Ties every row of `published.csv` to what measures it, or says why nothing does."""

from pathlib import Path

import numpy as np
import pandas as pd

from attacks.units import grey_levels
from data import cifar10, imagenet
from harness.arms import Role
from harness.links import NOT_MEASURED, Link, printed
from studies.praxis import arms as praxis
from studies.praxis.profiles import PROFILES

FOLDER = Path(__file__).parent
#: Our models by the name that the study prints.
PRINTED_NAMES = {
    "ResNeXt50_32x4d": "resnext50_32x4d",
    "DenseNet201": "densenet201",
    "VGG-19": "vgg19",
}
_SHARKS = {"great white shark": 2, "tiger shark": 3, "hammerhead": 4}
_ONE_PERCENT = grey_levels("standardised") / 100

_ERRORS = ("top-1 error", "top-5 error", "highest top-1 error", "highest top-5 error")
_OF_CLASSIFIERS = (*_ERRORS, "confidence", "seconds per iteration")
_RECIPE = ("beta_1", "beta_2", "learning_rate", "plateau_factor", "patience", "epochs")
_NO_EPSILON = "epsilon is not stated; the whole curve is in the report"
#: What a reader has to know of a row, by its metric or by what it measures.
_REMARKS = {
    "background": "what the study says of data sets and architectures",
    "classes of ImageNet": "the errors and predictions fit 5,000 images of ImageNet's 1,000 "
    "classes, not Tiny ImageNet's 200",
    "learning_rate": "taken as the initial one",
    "grey levels of the first epsilon": "2 % of the deviation, mean over the channels; judged as "
    "PRX-4",
    "index of an inspected image": "which five images of each class were used is not known: "
    "images of the same classes stand in for them",
    "accuracy after attack, without distillation": _NO_EPSILON,
    "accuracy after distillation": f"whether it is under attack is not said; {_NO_EPSILON}",
    "clean accuracy": "trained from scratch; what the study started from is not said",
    "confidence": "another image of the same class, at the same rank",
    "seconds per iteration": f"of {praxis.ITERATION} images, on the machine named above",
}
_NEEDS = "needs ImageNet and the network's pre-trained weights"
_CW = (
    "faithful: one signed step of CW's margin; corrected: CW in L2, one search for the smallest "
    "distance, counted where no pixel changed by more than epsilon (confidences: at any distance)"
)


def link(row: pd.Series) -> Link:
    """The link of one row of the published numbers; its `measures` says what stands beside it.

    Raises:
        ValueError: nothing is known about the row.
    """
    kind, _, which = row["measures"].partition(": ")
    remark = _REMARKS.get(row["metric"], _REMARKS.get(kind, ""))
    if kind == "claim":
        return Link(kind, remark=f"judged as {which}")
    if kind in NOT_MEASURED:
        return Link(kind, remark=remark)
    if kind == "clean accuracy":
        return Link(kind, (praxis.DISTILLED,), Role.UNDEFENDED, split="test", remark=remark)
    if kind in _OF_CLASSIFIERS:
        return _of_classifier(row, kind, which)
    return Link("setting", setting=_setting(row), remark=remark)


def clean_error(model: str, k: int) -> float:
    """The top-k error that the study prints of a network, in percent."""
    (name,) = (name for name, ours in PRINTED_NAMES.items() if ours == model)
    return printed(FOLDER, table="Table 1", metric=f"top-{k} error", model=name)


def _of_classifier(row: pd.Series, kind: str, which: str) -> Link:
    """A number of part A.

    Args:
        which: of a confidence the class and the rank. The class decides which image is meant: the
            study's tables pair it with two different indices.
    """
    shark, _, rank = which.partition(", rank ")
    attack = row["attack"]
    remarks = (_REMARKS.get(kind), _NEEDS, _CW if attack == "CW" else None)
    return Link(
        kind,
        (praxis.CLASSIFIERS[PRINTED_NAMES[row["model"]]],),
        Role.UNDEFENDED,
        () if attack == "none" else (attack,),
        _ONE_PERCENT * float(row["epsilon"]) if row["epsilon"] else None,
        factor=100.0 if row["unit"] == "percent" else 1.0,
        index=(_SHARKS[shark], int(rank)) if which else (),
        remark="; ".join(filter(None, remarks)),
    )


def _setting(row: pd.Series) -> float:
    """The value in the paper profile."""
    what = row["measures"]
    if what == "nearest epsilon of part B":
        ours = 100 * np.array([0.0, *praxis.DISTILLATION_EPSILONS])
        return float(ours[np.abs(ours - float(row["value"])).argmin()])
    if what not in _SETTINGS:
        accepted = (*NOT_MEASURED, "clean accuracy", *_OF_CLASSIFIERS, *_SETTINGS)
        raise ValueError(f"measures is {what!r}; accepted: {', '.join(accepted)}")
    return float(_SETTINGS[what])


_STUDENT = praxis.distilled(PROFILES["paper"], Role.STUDENT)
_PER_CLASS = praxis.training(PROFILES["paper"], praxis.PUBLISHED_MODELS[0]).images_per_class
_IMAGES, _CLASSES = sum(cifar10.DESCRIPTION.original_counts), len(cifar10.DESCRIPTION.class_names)
#: The settings of the paper profile, by what `measures` calls them.
_SETTINGS = {
    "smallest epsilon": 100 * min(praxis.EPSILONS),
    "largest epsilon": 100 * max(praxis.EPSILONS),
    "step between epsilons": 100 * (praxis.EPSILONS[1] - praxis.EPSILONS[0]),
    "first epsilon": 100 * praxis.SHOWN,
    "smallest epsilon as a fraction": min(praxis.EPSILONS),
    "grey levels of the first epsilon": praxis.SHOWN * grey_levels("standardised"),
    "classes of ImageNet": imagenet.CLASSES,
    "batches": -(-imagenet.CLASSES * _PER_CLASS // praxis.ITERATION),
    "images": _IMAGES,
    "classes of CIFAR-10": _CLASSES,
    "images per class": _IMAGES / _CLASSES,
    "training images": _IMAGES * 4 // 6,
    "validation images": _IMAGES // 6,
    "test images": _IMAGES // 6,
    "temperature": _STUDENT.temperature,
    **{name: getattr(_STUDENT.recipe, name) for name in _RECIPE},
}

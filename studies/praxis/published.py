"""Ties every row of `published.csv` to what measures it, or says why nothing does."""

from pathlib import Path

import pandas as pd

from attacks.units import grey_levels
from data import cifar10, imagenet
from harness.arms import Role
from harness.links import NOT_MEASURED, Link, printed
from studies.praxis import arms as praxis
from studies.praxis.measures import ERRORS
from studies.praxis.profiles import PROFILES

FOLDER = Path(__file__).parent
_SHARKS = {"great white shark": 2, "tiger shark": 3, "hammerhead": 4}
#: What a reader has to know of the numbers of part A, by what `measures` calls them.
_PART_A = {
    **dict.fromkeys(ERRORS, ""),
    "confidence": "another image of the same class, at the same rank; ",
    "seconds per iteration": f"of {praxis.ITERATION} images, on the machine named above; ",
}
#: What a network that stands in may be measured for; a time of one says nothing of another.
_OF_STAND_INS = (*ERRORS, "confidence")
_NEEDS = "needs ImageNet and the network's pre-trained weights"
_CW = (
    "; faithful: one signed step of CW's margin; corrected: CW in L2, one search for the smallest "
    "distance, counted where no pixel changed by more than epsilon (confidences: at any distance)"
)

#: Whose ImageNet weights are smaller, by the network that each stands in for: a plain chain of
#: convolutions for one, residual blocks for networks with shortcuts.
_STAND_INS = {
    "vgg19": "mobilenet",
    "resnext50_32x4d": "mobilenet_v2",
    "densenet201": "mobilenet_v2",
}
_STUDENT = praxis.distilled(PROFILES["paper"], Role.STUDENT)
_PER_CLASS = praxis.training(PROFILES["paper"], praxis.STUDENT).images_per_class
_IMAGES, _CLASSES = sum(cifar10.DESCRIPTION.original_counts), len(cifar10.DESCRIPTION.class_names)
_RECIPE = ("beta_1", "beta_2", "learning_rate", "plateau_factor", "patience", "epochs")
_PART_B = enumerate((0.0, *praxis.DISTILLATION_EPSILONS))
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
    **{f"epsilon {index} of part B": 100 * epsilon for index, epsilon in _PART_B},
}

#: By the kind of a published number, the claims that rest on it.
CLAIMS_ON = {
    "top-1 error": ("PRX-1a", "PRX-2", "PRX-3a", "PRX-5", "PRX-6a"),
    "top-5 error": ("PRX-1a", "PRX-5", "PRX-11"),
    "confidence": ("PRX-10", "PRX-11", "PRX-12"),
    "claim": ("PRX-10",),
    "highest top-1 error": ("PRX-3b",),
    "highest top-5 error": ("PRX-3b",),
    "seconds per iteration": ("PRX-7",),
    "clean accuracy": ("PRX-8",),
}


def link(row: pd.Series) -> Link:
    """The link of one row of the published numbers.

    Its `measures` names a setting or a measurement, or says that there is none, and then, after a
    colon, what a reader has to know; of a confidence the class and the rank. The class decides
    which image is meant: the study's tables pair it with two different indices.

    Raises:
        ValueError: nothing is known about the row.
    """
    kind, _, which = row["measures"].partition(": ")
    if kind in NOT_MEASURED:
        return Link(kind, remark=which)
    if kind in _SETTINGS:
        return Link("setting", setting=float(_SETTINGS[kind]), remark=which)
    if kind == "clean accuracy":
        return Link(kind, (praxis.DISTILLED,), Role.UNDEFENDED, split="test", remark=which)
    if kind not in _PART_A:
        accepted = (*NOT_MEASURED, *_SETTINGS, "clean accuracy", *_PART_A)
        raise ValueError(f"measures is {row['measures']!r}; accepted: {', '.join(accepted)}")
    shark, _, rank = which.partition(", rank ")
    attack, percent = row["attack"], row["epsilon"]
    model = praxis.PRINTED_NAMES[row["model"]]
    return Link(
        kind,
        (praxis.CLASSIFIERS[model],),
        Role.UNDEFENDED,
        () if attack == "none" else (attack,),
        float(percent) / 100 * grey_levels("standardised") if percent else None,
        factor=100.0 if row["unit"] == "percent" else 1.0,
        index=(_SHARKS[shark], int(rank)) if which else (),
        remark=_PART_A[kind] + _NEEDS + (_CW if attack == "CW" else ""),
        stand_ins=(praxis.CLASSIFIERS[_STAND_INS[model]],) if kind in _OF_STAND_INS else (),
    )


def clean_error(name: str, k: int) -> float:
    """The top-k error, in percent, that the study prints of a network by its printed name."""
    return printed(FOLDER, table="Table 1", metric=f"top-{k} error", model=name)

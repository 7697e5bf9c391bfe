"""The numbers that the RIT blog prints, and what measures each, or why nothing does."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from harness.arms import Role
from harness.links import Link, printed
from models.rit_cnn import DROPOUT, FILTERS, KERNEL, UNITS
from studies.rit_mnist import arms
from studies.rit_mnist.arms import CASE, RECIPE

FOLDER = Path(__file__).parent
#: What the post calls its networks.
MODELS = {
    Role.UNDEFENDED: "baseline CNN",
    "fgsm_retrained": "FGSM-trained (retrained)",
    "fgsm_untrained": "FGSM-trained (untrained, new)",
    "pgd_retrained": "PGD-trained",
}
_ROLES = {model: role for role, model in MODELS.items()}


class Meeting(NamedTuple):
    """Two networks whose curves meet: `first` is above up to there, or from there on."""

    first: str
    second: str
    from_there_on: bool = False


MEETINGS = {
    "epsilon where baseline and retrained curves meet": Meeting("fgsm_retrained", "undefended"),
    "epsilon where retrained and untrained curves meet": Meeting(
        "fgsm_retrained", "fgsm_untrained"
    ),
    "epsilon up to which PGD-trained beats baseline": Meeting("pgd_retrained", "undefended"),
    "epsilon from which PGD-trained beats FGSM-trained": Meeting(
        "pgd_retrained", "fgsm_retrained", from_there_on=True
    ),
}

_IMAGES = 54_000  # of MNIST, in the held-out split
_HELD_OUT = "a tenth of the official training images validates"
_ONE_READING = "one reading of what the post lists"
#: The settings of the paper profile, with what there is to say about them.
_SETTINGS = {
    "hyperparameter: input channels": (1, ""),
    "hyperparameter: input side": (28, ""),
    "hyperparameter: convolution layers": (len(FILTERS), ""),
    "hyperparameter: pooling layers": (len(FILTERS), ""),
    "hyperparameter: fully connected layers": (len(UNITS) + 1, ""),
    "hyperparameter: kernel side (first)": (KERNEL, ""),
    "hyperparameter: kernel side (second)": (1, f"convolutions' stride: {_ONE_READING}"),
    "hyperparameter: kernels of conv 1": (FILTERS[0], ""),
    "hyperparameter: kernels of conv 2": (FILTERS[1], ""),
    "hyperparameter: kernels of conv 3": (FILTERS[2], ""),
    "hyperparameter: pool side": (2, ""),
    "hyperparameter: batch size": (RECIPE.batch_size, ""),
    "hyperparameter: batch normalisation width 1": (UNITS[0], _ONE_READING),
    "hyperparameter: batch normalisation width 2": (UNITS[1], _ONE_READING),
    "hyperparameter: learning rate": (RECIPE.learning_rate, ""),
    "hyperparameter: dropout rate": (DROPOUT, f"after each hidden Dense layer: {_ONE_READING}"),
    "hyperparameter: epochs (at least)": (RECIPE.epochs, ""),
    "training batch size": (RECIPE.batch_size, ""),
    "true class of the shown samples": (arms.PICTURED, ""),
    "samples shown": (10, "one image at ten epsilons"),
    "images per training epsilon": (_IMAGES, _HELD_OUT),
    "combined training images": (_IMAGES * arms.SETS, _HELD_OUT),
    "last epoch": (RECIPE.epochs, ""),
}
_GRIDS = {
    "epsilon grid value": (0.0, *arms.PUBLISHED_EPSILONS),
    "training epsilon": arms.TRAINING_EPSILONS,
}
_WRONG_CLASS = "most frequent wrong class of the images of class 5"
#: What a reader has to know of the rows that are no settings, by the kind of their link.
_REMARKS = {
    **dict.fromkeys(("clean accuracy", "accuracy under attack", "first loss"), ""),
    "no counterpart": "what is compared is not said; see RIT-11 and RIT-13",
    "last loss": "after the last epoch of the profile",
    "median limit": "median over the test images, on a grid of 0.05",
    "plateau": "mean accuracy at 0.5 to 0.9",
    "largest step": "where the largest step ends",
    "constant from": "accuracies at it and beyond within 2 points",
    "wrong class": f"{_WRONG_CLASS} at 0.2",
    "wrong class beyond": f"{_WRONG_CLASS} beyond 0.2",
    "first error": "of the image of class 5 that the report shows",
    "meeting": 'a dash, or "nowhere" at an end, where the curves do not meet like this below 0.9',
}


def link(row: pd.Series) -> Link:
    """The link of one row of the published numbers; its `measures` says what stands beside it.

    Raises:
        ValueError: nothing is known about the row.
    """
    kind, metric = row["measures"], row["metric"]
    if metric in _SETTINGS:
        value, remark = _SETTINGS[metric]
        return Link(kind, setting=float(value), remark=remark)
    if metric in _GRIDS:
        value = float(row["value"])
        return Link(kind, setting=min(_GRIDS[metric], key=lambda epsilon: abs(epsilon - value)))
    if kind == "no counterpart":
        return Link(kind, remark=_REMARKS[kind])
    role = metric if kind == "meeting" else _ROLES.get(row["model"])
    if role is None or kind not in _REMARKS:
        raise ValueError(f"row is {dict(row)}; accepted: a setting, or a network of the post")
    remark = _REMARKS[kind] + ("; judged as RIT-4" if "most effective" in metric else "")
    grey = 255 * float(row["epsilon"]) if kind == "accuracy under attack" else None
    return Link(kind, (CASE,), role, epsilon_grey=grey, remark=remark)


def training_losses(role: str) -> dict[int, float]:
    """The printed losses by epoch, the first and the last one."""
    kinds = {1: "first loss", RECIPE.epochs: "last loss"}
    return {
        epoch: printed(FOLDER, measures=kind, model=MODELS[role]) for epoch, kind in kinds.items()
    }


def baseline_under_fgsm() -> dict[float, float]:
    """The printed accuracies of the baseline in percent, by epsilon, 0 for clean images."""
    attacked = {"measures": "accuracy under attack"}
    plateau = printed(FOLDER, measures="plateau")
    constant_from = printed(FOLDER, measures="constant from")
    beyond = [epsilon for epsilon in arms.PUBLISHED_EPSILONS if epsilon > constant_from]
    return {
        0.0: printed(FOLDER, measures="clean accuracy", model=MODELS[Role.UNDEFENDED]),
        0.1: printed(FOLDER, **attacked, epsilon="0.1"),
        0.2: printed(FOLDER, **attacked, epsilon="0.2"),
        **dict.fromkeys(beyond, plateau),
    }

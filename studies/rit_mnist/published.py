"""The numbers that the RIT blog prints, and what measures each, or why nothing does."""

from functools import partial
from pathlib import Path

import pandas as pd

from harness.links import Link, printed
from models.rit_cnn import DROPOUT, FILTERS, KERNEL, UNITS
from studies.rit_mnist import arms
from studies.rit_mnist.measures import MEETINGS

FOLDER = Path(__file__).parent
#: What the post calls its networks.
MODELS = {
    "undefended": "baseline CNN",
    "fgsm_retrained": "FGSM-trained (retrained)",
    "fgsm_untrained": "FGSM-trained (untrained, new)",
    "pgd_retrained": "PGD-trained",
}
_ROLES = {model: role for role, model in MODELS.items()}

_IMAGES = 54_000  # of MNIST, in the held-out split
#: The settings of the paper profile, by what `measures` calls them.
_SETTINGS: dict[str, float] = {
    "input channels": 1,
    "input side": 28,
    "convolution layers": len(FILTERS),
    "pooling layers": len(FILTERS),
    "dense layers": len(UNITS) + 1,
    "kernel side": KERNEL,
    "stride": 1,
    **{f"kernels of convolution {index}": count for index, count in enumerate(FILTERS, 1)},
    "pool side": 2,
    "batch size": arms.RECIPE.batch_size,
    **{f"units of dense layer {index}": count for index, count in enumerate(UNITS, 1)},
    "learning rate": arms.RECIPE.learning_rate,
    "dropout rate": DROPOUT,
    "epochs": arms.RECIPE.epochs,
    **{f"epsilon {index}": each for index, each in enumerate((0.0, *arms.PUBLISHED_EPSILONS))},
    **{f"training epsilon {index}": each for index, each in enumerate(arms.TRAINING_EPSILONS, 1)},
    "images per training epsilon": _IMAGES,
    "images of a static set": _IMAGES * arms.SETS,
    "class shown": arms.PICTURED,
    "images shown": 10,
}
_ONE_READING = "one reading of what the post lists"
_HELD_OUT = "a tenth of the official training images validates"
_WRONG_CLASS = "most frequent wrong class of the images of class 5"
_NOWHERE = 'a dash, or "no bound" at an end, where the curves do not meet like this below 0.9'
#: What a reader has to know, by what `measures` says; every row that is no setting has an entry.
_REMARKS = {
    "stride": f"convolutions' stride: {_ONE_READING}",
    **dict.fromkeys(("units of dense layer 1", "units of dense layer 2"), _ONE_READING),
    "dropout rate": f"after each hidden Dense layer: {_ONE_READING}",
    **dict.fromkeys(("images per training epsilon", "images of a static set"), _HELD_OUT),
    "images shown": "one image at ten epsilons",
    "no counterpart": "what is compared is not said; see RIT-11 and RIT-13",
    **dict.fromkeys(("clean accuracy", "accuracy under attack", "first loss"), ""),
    "last loss": "after the last epoch of the profile",
    "median limit": "median over the test images, on a grid of 0.05",
    "plateau": "mean accuracy at 0.5 to 0.9",
    "largest step": "where the largest step ends; judged as RIT-3a and RIT-4",
    "constant from": "accuracies at it and beyond within 2 points; judged as RIT-2b and RIT-4",
    "wrong class": f"{_WRONG_CLASS} at 0.2",
    "wrong class beyond": f"{_WRONG_CLASS} beyond 0.2",
    "first error": "of the image of class 5 that the report shows",
    **dict.fromkeys(MEETINGS, _NOWHERE),
}

#: By the kind of a published number, the claims that rest on it.
CLAIMS_ON = {
    "clean accuracy": ("RIT-1", "RIT-9"),
    "largest step": ("RIT-3a", "RIT-4"),
    "constant from": ("RIT-2b", "RIT-4"),
    "accuracy under attack": ("RIT-3b",),
    "plateau": ("RIT-2c",),
    "wrong class": ("RIT-5",),
    "wrong class beyond": ("RIT-5",),
    "first error": ("RIT-12",),
    "first loss": ("RIT-7a",),
    "last loss": ("RIT-7b",),
    "epsilon where baseline and retrained curves meet": ("RIT-8a",),
    "epsilon where retrained and untrained curves meet": ("RIT-8b",),
    "epsilon up to which PGD-trained beats baseline": ("RIT-11a",),
    "epsilon from which PGD-trained beats FGSM-trained": ("RIT-11b",),
    "median limit": ("RIT-12",),
}


def link(row: pd.Series) -> Link:
    """The link of one row of the published numbers; its `measures` says what stands beside it.

    Raises:
        ValueError: nothing is known about the row.
    """
    kind = row["measures"]
    remark = _REMARKS.get(kind, "")
    if kind in _SETTINGS:
        return Link("setting", setting=float(_SETTINGS[kind]), remark=remark)
    if kind not in _REMARKS:
        accepted = ", ".join([*_SETTINGS, *_REMARKS])
        raise ValueError(f"measures is {kind!r}; accepted: {accepted}")
    grey = 255 * float(row["epsilon"]) if kind == "accuracy under attack" else None
    return Link(kind, role=_ROLES.get(row["model"], ""), epsilon_grey=grey, remark=remark)


def training_losses(role: str) -> dict[int, float]:
    """The printed losses by epoch, the first and the last one."""
    of_network = partial(printed, FOLDER, model=MODELS[role])
    last = arms.RECIPE.epochs
    return {1: of_network(measures="first loss"), last: of_network(measures="last loss")}


def baseline_under_fgsm() -> dict[float, float]:
    """The printed accuracies of the baseline in percent, by epsilon, 0 for clean images."""
    attacked = {"measures": "accuracy under attack"}
    return {
        0.0: printed(FOLDER, measures="clean accuracy", model=MODELS["undefended"]),
        0.1: printed(FOLDER, **attacked, epsilon="0.1"),
        0.2: printed(FOLDER, **attacked, epsilon="0.2"),
        **dict.fromkeys(arms.PLATEAU, printed(FOLDER, measures="plateau")),
    }

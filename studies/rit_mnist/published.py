"""Ties every row of `published/rit_mnist.csv` to what measures it, or says why nothing does."""

import pandas as pd

from harness.links import Link, printed
from models.rit_cnn import DROPOUT, FILTERS, KERNEL, UNITS
from studies.rit_mnist import arms as rit_mnist
from studies.rit_mnist.arms import CASE, MEETINGS, PUBLISHED_EPSILONS

_IMAGES = 54_000  # of MNIST, in the corrected split
_ONE_READING = "one reading of what the post lists"
_HELD_OUT = "a tenth of the official training images validates"
_RETRAINED = {"FGSM": "fgsm_retrained", "PGD": "pgd_retrained"}

#: The settings of the table of hyperparameters, with what there is to say about them.
_HYPERPARAMETERS = {
    "input channels": (1, ""),
    "input side": (28, ""),
    "convolution layers": (len(FILTERS), ""),
    "pooling layers": (len(FILTERS), ""),
    "fully connected layers": (len(UNITS) + 1, ""),
    "kernel side (first)": (KERNEL, ""),
    "kernel side (second)": (1, f"the stride of the convolutions: {_ONE_READING}"),
    "kernels of conv 1": (FILTERS[0], ""),
    "kernels of conv 2": (FILTERS[1], ""),
    "kernels of conv 3": (FILTERS[2], ""),
    "pool side": (2, ""),
    "batch size": (rit_mnist.RECIPE.batch_size, ""),
    "batch normalisation width 1": (UNITS[0], _ONE_READING),
    "batch normalisation width 2": (UNITS[1], _ONE_READING),
    "learning rate": (rit_mnist.RECIPE.learning_rate, ""),
    "dropout rate": (DROPOUT, f"after each hidden Dense layer: {_ONE_READING}"),
    "epochs (at least)": (rit_mnist.RECIPE.epochs, ""),
}
_SETTINGS = {
    "training batch size": (rit_mnist.RECIPE.batch_size, ""),
    "true class of the shown samples": (rit_mnist.PICTURED, ""),
    "samples shown": (10, "one image at ten epsilons"),
    "images per training epsilon": (_IMAGES, _HELD_OUT),
    "combined training images": (_IMAGES * rit_mnist.SETS, _HELD_OUT),
    "last epoch": (rit_mnist.RECIPE.epochs, ""),
}
_UNCLEAR = (
    "lower end of epsilon range of an unclear comparison",
    "upper end of epsilon range of an unclear comparison",
)
#: What is read off the baseline under FGSM.
_READ_OFF = {
    "accuracy on the plateau": ("plateau", "mean accuracy at 0.5 to 0.9"),
    "epsilon with the largest accuracy step": ("largest step", ""),
    "lower end of most effective epsilon range": (
        "largest step",
        "where the largest step ends; judged as RIT-4",
    ),
    "upper end of most effective epsilon range": (
        "constant from",
        "accuracies at it and beyond within 2 points; judged as RIT-4",
    ),
    "epsilon beyond which accuracy is constant": (
        "constant from",
        "accuracies at it and beyond within 2 points",
    ),
    "first misclassification: predicted class": (
        "wrong class",
        "most frequent wrong class of the images of class 5 at 0.2",
    ),
    "later misclassifications: predicted class": (
        "wrong class beyond",
        "most frequent wrong class of the images of class 5 beyond 0.2",
    ),
    "epsilon of first misclassification": (
        "first error",
        "of the image of class 5 that the report shows",
    ),
}


_MODELS = {
    "undefended": "baseline CNN",
    "fgsm_retrained": "FGSM-trained (retrained)",
    "fgsm_untrained": "FGSM-trained (untrained, new)",
    "pgd_retrained": "PGD-trained",
}


def meeting(words: str) -> float:
    """The printed epsilon of one of `MEETINGS`."""
    return printed("rit_mnist", metric=words)


def largest_step() -> float:
    """The printed epsilon at the end of the largest fall of the baseline's accuracy."""
    return printed("rit_mnist", metric="epsilon with the largest accuracy step")


def limit(role: str) -> float:
    """The printed largest epsilon at which images of a network are classified correctly."""
    metric = "largest epsilon with correct class on the shown samples"
    return printed("rit_mnist", metric=metric, model=_MODELS[role])


def training_losses(role: str) -> tuple[float, float]:
    """The printed losses after the first and after the last epoch."""
    metrics = (f"training loss after epoch {epoch}" for epoch in (1, rit_mnist.RECIPE.epochs))
    first, last = (printed("rit_mnist", metric=each, model=_MODELS[role]) for each in metrics)
    return first, last


def baseline_under_fgsm() -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Epsilons, 0 for clean images, and the printed accuracies of the baseline in percent."""
    where = {"model": _MODELS["undefended"], "defense": "none"}
    attacked = "accuracy under attack"
    accuracies = {
        0.0: printed("rit_mnist", metric="test accuracy", **where),
        0.1: printed("rit_mnist", metric=f"{attacked} before the largest step", **where),
        0.2: printed("rit_mnist", metric=attacked, **where),
    }
    plateau = printed("rit_mnist", metric="accuracy on the plateau", **where)
    start = printed("rit_mnist", metric="epsilon beyond which accuracy is constant", **where)
    accuracies |= {epsilon: plateau for epsilon in PUBLISHED_EPSILONS if epsilon > start}
    return tuple(accuracies), tuple(accuracies.values())


def link(row: pd.Series) -> Link:
    """The link of one row of the published numbers.

    Raises:
        ValueError: nothing is known about the row.
    """
    metric, model = row["metric"], row["model"]
    if metric.startswith("hyperparameter: "):
        return _setting(*_HYPERPARAMETERS[metric.removeprefix("hyperparameter: ")])
    if metric in _SETTINGS:
        return _setting(*_SETTINGS[metric])
    if metric == "epsilon grid value":
        return _setting(_nearest((0.0, *rit_mnist.PUBLISHED_EPSILONS), row))
    if metric == "training epsilon":
        return _setting(_nearest(rit_mnist.TRAINING_EPSILONS, row))
    if metric in _UNCLEAR:
        return Link("no counterpart", remark="what is compared is not said; see RIT-11 and RIT-13")
    if metric == "test accuracy":
        return Link("clean accuracy", (CASE,), _role(row), split="test")
    if metric.startswith("accuracy under attack"):
        grey = 255 * float(row["epsilon"])
        return Link("accuracy under attack", (CASE,), "undefended", ("FGSM",), grey)
    if metric.startswith("training loss after epoch"):
        role = "fgsm_untrained" if "new" in model else "fgsm_retrained"
        last = metric.endswith(f" {rit_mnist.RECIPE.epochs}")
        remark = "after the last epoch of the profile" if last else ""
        return Link("last loss" if last else "first loss", (CASE,), role, remark=remark)
    if metric in MEETINGS:
        remark = "a dash, or inf at an end, where the curves do not meet like this below 0.9"
        return Link("meeting", (CASE,), metric, ("FGSM",), remark=remark)
    if metric == "largest epsilon with correct class on the shown samples":
        remark = "median over the test images, on a grid of 0.05"
        return Link("median limit", (CASE,), _role(row), ("FGSM",), remark=remark)
    if metric in _READ_OFF:
        kind, remark = _READ_OFF[metric]
        return Link(kind, (CASE,), "undefended", ("FGSM",), remark=remark)
    raise ValueError(f"no link for {dict(row)}")


def _setting(value: float, remark: str = "") -> Link:
    return Link("setting", setting=float(value), remark=remark)


def _nearest(values: tuple[float, ...], row: pd.Series) -> float:
    return min(values, key=lambda value: abs(value - float(row["value"])))


def _role(row: pd.Series) -> str:
    """The retrained network is the one that the post calls trained."""
    for attack, role in _RETRAINED.items():
        if attack in row["defense"]:
            return role
    return "undefended"

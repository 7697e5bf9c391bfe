"""Ties every row of `published/praxis.csv` to what measures it, or says why nothing does."""

import re

import pandas as pd

from data import cifar10, imagenet
from harness.links import Link, printed
from harness.units import grey_levels
from studies.praxis import arms as praxis

_MODELS = {"ResNeXt50_32x4d": "resnext50_32x4d", "DenseNet201": "densenet201", "VGG-19": "vgg19"}
_CLASSES = {"great white shark": 2, "tiger shark": 3, "hammerhead": 4}
_ONE = grey_levels("standardised") / 100  # 1 %

_WEIGHTS = "needs ImageNet and the network's pre-trained weights"
_CW = (
    "faithful: one signed step of CW's margin; corrected: CW in L2, one search for the smallest "
    "distance, counted where no pixel changed by more than epsilon"
)
_CURVE = "epsilon is not stated; the whole curve is in the report"


def link(row: pd.Series) -> Link:
    """The link of one row of the published numbers.

    Raises:
        ValueError: nothing is known about the row.
    """
    if row["note"] == "background description":
        return Link("background", remark="what the study says of data sets and architectures")
    for tie in (_error, _confidence, _seconds, _setting, _distillation):
        tied = tie(row)
        if tied is not None:
            return tied
    raise ValueError(f"no link for {dict(row)}")


def clean_error(model: str, k: int) -> float:
    """The top-k error that the study prints of a network, in percent."""
    (name,) = (name for name, ours in _MODELS.items() if ours == model)
    return printed("praxis", table="Table 1", metric=f"top-{k} error", model=name)


def _error(row: pd.Series) -> Link | None:
    found = re.fullmatch(r"(highest )?(top-[15] error)( over epsilon)?", row["metric"])
    if not found:
        return None
    cw = row["attack"] == "CW"
    return Link(
        f"{found[1] or ''}{found[2]}",
        (f"{_MODELS[row['model']]}/{praxis.IMAGENET}",),
        "undefended",
        () if row["attack"] == "none" else ("CW" if cw else "FGSM",),
        _ONE * float(row["epsilon"]) if row["epsilon"] else None,
        remark="; ".join([_WEIGHTS, *([_CW] if cw else [])]),
    )


def _confidence(row: pd.Series) -> Link | None:
    metric = row["metric"]
    case = (f"{praxis.PUBLISHED_MODELS[0]}/{praxis.IMAGENET}",)
    found = re.fullmatch(r"image (\d+): confidence of rank-(\d) class", metric)
    if found:
        # The pairing of index and class is swapped between tables; the class decides.
        printed = re.search(r"true class as printed in this table: ([a-z ]+);", row["note"])[1]
        return Link(
            "confidence",
            case,
            "undefended",
            () if row["attack"] == "none" else (row["attack"],),
            _ONE * float(row["epsilon"]) if row["epsilon"] else None,
            index=(_CLASSES[printed], int(found[2])),
            remark=f"another image of the same class ({printed}), at the same rank; {_WEIGHTS}"
            + (
                "; faithful: one signed step of CW's margin; corrected: CW at any distance"
                if row["attack"] == "CW"
                else ""
            ),
        )
    if metric == "confidence of true class":
        remark = f"another image of the same class (great white shark); {_WEIGHTS}"
        factor = 100 if row["unit"] == "percent" else 1
        return Link("confidence", case, "undefended", index=(2, 1), factor=factor, remark=remark)
    if metric.startswith("lower bound of true-class confidence"):
        return Link("claim", case, "undefended", remark="judged as PRX-10")
    return None


def _seconds(row: pd.Series) -> Link | None:
    if row["metric"] != "mean time per iteration":
        return None
    return Link(
        "seconds per iteration",
        (f"{_MODELS[row['model']]}/{praxis.IMAGENET}",),
        "undefended",
        (row["attack"],),
        remark=f"of {praxis.ITERATION} images, on the machine named above; {_WEIGHTS}",
    )


def _setting(row: pd.Series) -> Link | None:
    metric = row["metric"]
    profile = praxis.PROFILES["paper"]
    images = imagenet.CLASSES * profile.scales[praxis.PUBLISHED_MODELS[0]].images_per_class
    train, test = cifar10.DESCRIPTION.original_counts
    student = praxis.distilled(profile, "student")
    recipe = student.recipe
    settings = {
        "epsilon grid minimum": 100 * min(praxis.EPSILONS),
        "epsilon grid maximum": 100 * max(praxis.EPSILONS),
        "epsilon grid step": 100 * (praxis.EPSILONS[1] - praxis.EPSILONS[0]),
        "epsilon of first experiment": 100 * praxis.SHOWN,
        "lower end of stated rise of error with epsilon": min(praxis.EPSILONS),
        "iterations (batches)": -(-images // praxis.ITERATION),
        "images": train + test,
        "images per class": (train + test) / len(cifar10.DESCRIPTION.class_names),
        "training images": (train + test) * 4 // 6,
        "validation images": (train + test) // 6,
        "test images": (train + test) // 6,
        "hyperparameter: temperature": student.temperature,
        "hyperparameter: adam beta_1": recipe.beta_1,
        "hyperparameter: adam beta_2": recipe.beta_2,
        "hyperparameter: minimum learning rate": recipe.learning_rate,
        "hyperparameter: plateau scheduler factor": recipe.plateau_factor,
        "hyperparameter: plateau scheduler patience": recipe.patience,
        "hyperparameter: epochs": recipe.epochs,
    }
    if metric in settings:
        return Link("setting", setting=float(settings[metric]), remark=_REMARKS.get(metric, ""))
    if metric == "number of classes":
        classes = imagenet.CLASSES
        if row["dataset"] == "CIFAR-10":
            classes = len(cifar10.DESCRIPTION.class_names)
        return Link("setting", setting=float(classes), remark=_REMARKS[metric])
    if metric == "epsilon grid value":
        percent = float(row["epsilon"] or row["value"])
        nearest = min((0.0, *praxis.DISTILLATION_EPSILONS), key=lambda e: abs(100 * e - percent))
        return Link("setting", setting=100 * nearest)
    if metric == "pixel change claimed for epsilon 2 %":
        return Link(
            "setting",
            setting=praxis.SHOWN * grey_levels("standardised"),
            remark="2 % of the deviation, mean over the channels; judged as PRX-4",
        )
    if metric == "epsilon at which error is said to saturate":
        return Link("claim", remark="judged as PRX-3")
    if metric == "index of an inspected image":
        return Link(
            "no counterpart",
            remark="which five images of each class were used is not known: images of the same "
            "classes stand in for them",
        )
    return None


_REMARKS = {
    "number of classes": "the errors and predictions fit 5,000 images of ImageNet's 1,000 "
    "classes, not Tiny ImageNet's 200",
    "hyperparameter: minimum learning rate": "taken as the initial one",
}


def _distillation(row: pd.Series) -> Link | None:
    if row["metric"] == "accuracy before attack and before distillation":
        remark = "trained from scratch; what the study started from is not said"
        return Link(
            "clean accuracy", (praxis.DISTILLED,), "undefended", split="test", remark=remark
        )
    if row["metric"] == "accuracy after attack, without distillation":
        return Link("no counterpart", remark=_CURVE)
    if row["metric"] == "accuracy after distillation":
        return Link("no counterpart", remark=f"whether it is under attack is not said; {_CURVE}")
    return None

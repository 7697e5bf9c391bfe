"""Ties every row of `published/wpi.csv` to what measures it, or says why nothing does."""

import pandas as pd

from data import cifar10, gtsrb, mnist
from data.dataset import WPI_SIDE, WPI_WITHOUT_OFFICIAL_TEST
from harness.links import Link, printed
from studies.wpi import arms as wpi

SHOWN_CLASSES = 3

_DATASETS = {"MNIST": mnist, "CIFAR-10": cifar10, "GTSRB": gtsrb}
_DEFENSES = {
    "none": wpi.NONE,
    "adversarial example training": wpi.ADVERSARIAL,
    "feature smoothing (Gaussian blur)": wpi.SMOOTHED,
    "gradient masking": wpi.MASKED_SEEN,
    "defensive distillation": wpi.DISTILLED,
}
_AVERAGING = "macro F1, the averaging of the study is not stated"
_CW = wpi.PROFILES["paper"].effort.corrected_cw


def link(row: pd.Series) -> Link:
    """The link of one row of the published numbers.

    Raises:
        ValueError: nothing is known about the row.
    """
    metric = row["metric"]
    if metric.startswith("background:"):
        return Link("background", remark="of a study it cites")
    if metric in _SETTINGS:
        setting, remark = _SETTINGS[metric](row)
        return Link("setting", setting=setting, remark=remark)
    if metric == "prediction time":
        return _time(row)
    if metric in _F1_SCORES:
        return Link(
            "F1 score",
            _cases(row),
            _DEFENSES[row["defense"]],
            (row["attack"],),
            remark=_F1_SCORES[metric],
        )
    if metric.startswith("confidence gap"):
        return Link(
            "confidence gap",
            _cases(row),
            wpi.NONE,
            (row["attack"],),
            remark="one image: another 7 than the study's",
        )
    if metric.startswith("classification accuracy under attack"):
        return Link(
            "accuracy under attack",
            wpi.CASES,
            wpi.NONE,
            (row["attack"],),
            remark="the mean over the data sets that were run",
        )
    if metric in ("CW constant c: usual lower value", "CW constant c: usual upper value"):
        return Link("no counterpart", remark="the attack does not keep the c that succeeded")
    raise ValueError(f"no link for {dict(row)}")


def _time(row: pd.Series) -> Link:
    attack = () if row["attack"] == "none" else (row["attack"],)
    reference, words = _compared_time(row)
    ratio = float(row["value"]) / reference
    return Link(
        "time ratio",
        _cases(row),
        _DEFENSES[row["defense"]],
        attack,
        ratio=ratio,
        ratio_to=words,
        remark=f"measured as a ratio {words}; published {ratio:.3g}"
        + ("; corrected: crafting alone" if attack else "")
        + ("; noise on the gradient seen" if row["defense"] == "gradient masking" else ""),
    )


def _compared_time(row: pd.Series) -> tuple[float, str]:
    """The printed seconds that those of a row are compared with, and whose they are."""
    dataset, attack = row["dataset"], row["attack"]
    if row["defense"] != "none":
        words = "to the undefended network" + ("" if attack == "none" else " under the same attack")
    elif attack != "none":
        attack, words = "none", "to the clean images"
    else:
        dataset, words = "MNIST", "to MNIST"
    seconds = printed(
        "wpi", metric="prediction time", dataset=dataset, defense="none", attack=attack
    )
    return seconds, words


def gtsrb_under_cw() -> float:
    """The F1 score that the study prints of GTSRB under CW."""
    return printed("wpi", table="Table 7", metric="F1 score", dataset="GTSRB")


def _cases(row: pd.Series) -> tuple[str, ...]:
    return (f"{wpi.MODEL}/{_DATASETS[row['dataset']].DESCRIPTION.name}",)


def _images(row: pd.Series) -> tuple[float, str]:
    description = _DATASETS[row["dataset"]].DESCRIPTION
    train, test = description.original_counts
    if description.name in WPI_WITHOUT_OFFICIAL_TEST:
        return train, "the training part, as the study counts"
    return train + test, ""


_F1_SCORES = {
    "F1 score": _AVERAGING,
    "F1 score on GTSRB (upper bound)": f"table 7 has {gtsrb_under_cw():g}; {_AVERAGING}",
    "highest F1 score under attack": f"of the pixel swap; {_AVERAGING}",
}
_SETTINGS = {
    "number of classes": lambda row: (
        len(_DATASETS[row["dataset"]].DESCRIPTION.class_names),
        "",
    ),
    "image side": lambda row: (_DATASETS[row["dataset"]].DESCRIPTION.image_shape[0], ""),
    "number of images": _images,
    "network input side": lambda row: (WPI_SIDE, ""),
    "train share": lambda row: (80, ""),
    "test share": lambda row: (20, ""),
    "validation share of the training part": lambda row: (20, ""),
    "hyperparameter: epochs": lambda row: (wpi.RECIPE.epochs, ""),
    "hyperparameter: further epochs of adversarial training": lambda row: (
        wpi.FURTHER_EPOCHS,
        "",
    ),
    "CW constant c: search minimum": lambda row: (_CW.initial_c, ""),
    "CW constant c: search maximum": lambda row: (
        _CW.initial_c * 10 ** (_CW.search_steps - 1),
        f"what {_CW.search_steps} runs reach; the attack itself goes to 1e10",
    ),
    "gradient noise mean": lambda row: (0, ""),
    "gradient noise variance": lambda row: (
        1,
        f"times the square of a scale: {wpi.SEEN_NOISE.scale:g} on the gradient seen, "
        f"{wpi.UPDATE_NOISE.scale:g} on the weights' updates",
    ),
    "digit used in the illustrations": lambda row: (wpi.PICTURED, ""),
    "number of classes shown with confidence": lambda row: (SHOWN_CLASSES, ""),
}

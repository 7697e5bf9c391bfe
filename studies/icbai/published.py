"""Ties every row of `published.csv` to what measures it, or says why nothing does."""

from pathlib import Path

import pandas as pd

from harness.arms import Role
from harness.links import Link
from studies.icbai import classifiers, distillation

FOLDER = Path(__file__).parent

_LINKS = {
    "accuracy of distilled network": Link(
        "accuracy under attack",
        (distillation.CASE,),
        Role.STUDENT,
        ("FGSM",),
        epsilon_grey=0.3 * 255,
        factor=100,
        remark="corrected: the worst of all attacks for every image",
    ),
    "side of the most damaging patch": Link(
        "most damaging side",
        classifiers.CASES,
        Role.UNDEFENDED,
        remark="faithful: pasted pictures, corrected: trained patches; mean over the networks "
        "and classes. That a class does most damage is claim ICB-3",
    ),
    "epsilon grid minimum": Link("setting", setting=min(classifiers.EPSILONS)),
    "epsilon grid maximum": Link("setting", setting=max(classifiers.EPSILONS)),
    "noise level": Link("setting", setting=100 * max(distillation.EPSILONS)),
    "number of classifier models": Link("setting", setting=len(classifiers.PUBLISHED_MODELS)),
}


def link(row: pd.Series) -> Link:
    """The link of one row of the published numbers.

    Raises:
        ValueError: nothing is known about the row.
    """
    metric = row["metric"]
    if metric == "reference count" or row["table"] == "First 3 experiments":
        return Link("background", remark="of the review, not a result of the paper")
    if metric == "patch side":
        nearest = min(classifiers.SIDES, key=lambda side: abs(side - float(row["value"])))
        return Link("setting", setting=nearest)
    if metric not in _LINKS:
        raise ValueError(f"metric is {metric!r}; accepted: {', '.join(_LINKS)}, patch side")
    return _LINKS[metric]

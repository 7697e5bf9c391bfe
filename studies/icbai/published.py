"""Ties every row of `published/icbai.csv` to what measures it, or says why nothing does."""

import pandas as pd

from harness.links import Link
from studies.icbai import classifiers as icbai_classifiers
from studies.icbai import distillation as icbai

#: What is printed of the attacks on ImageNet classifiers, by name: what the paper profile has.
_SETTINGS = {
    "epsilon grid minimum": lambda value: min(icbai_classifiers.EPSILONS),
    "epsilon grid maximum": lambda value: max(icbai_classifiers.EPSILONS),
    "patch side": lambda value: min(icbai_classifiers.SIDES, key=lambda side: abs(side - value)),
    "number of classifier models": lambda value: len(icbai_classifiers.PUBLISHED_MODELS),
}


def link(row: pd.Series) -> Link:
    """The link of one row of the published numbers.

    Raises:
        ValueError: nothing is known about the row.
    """
    metric = row["metric"]
    if metric == "accuracy of distilled network":
        return Link(
            "accuracy under attack",
            (icbai.CASE,),
            "student",
            ("FGSM",),
            float(row["epsilon"]) / 100 * 255,
            remark="corrected: the worst of all attacks for every image",
        )
    if metric == "noise level":
        return Link("setting", setting=100 * max(icbai.EPSILONS))
    if metric == "reference count" or row["table"] == "First 3 experiments":
        return Link("background", remark="of the review, not a result of the paper")
    if metric in _SETTINGS:
        return Link("setting", setting=_SETTINGS[metric](float(row["value"])))
    if metric == "side of the most damaging patch":
        return Link(
            "most damaging side",
            tuple(icbai_classifiers.CASES.values()),
            "undefended",
            remark="faithful: pasted pictures, corrected: trained patches; mean over the networks "
            "and classes. That a class does most damage is claim ICB-3",
        )
    raise ValueError(f"no link for {dict(row)}")

"""Ties every row of `published/icbai.csv` to what measures it, or says why nothing does."""

import pandas as pd

from studies import icbai
from studies.links import Link

_REVIEW = "known only through a review, which does not give the tables"


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
    if row["dataset"] == "ImageNet" or metric == "number of classifier models":
        return Link(
            "no counterpart",
            remark=f"the attacks on ImageNet classifiers are not part of this file; {_REVIEW}",
        )
    raise ValueError(f"no link for {dict(row)}")

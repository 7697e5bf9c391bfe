"""Ties every row of `published.csv` to what measures it, or says why nothing does."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from harness.arms import Role
from harness.links import NOT_MEASURED, Link
from studies.icbai import classifiers, distillation

FOLDER = Path(__file__).parent

#: The settings of the paper profile, by what `measures` calls them.
_SETTINGS = {
    "smallest epsilon": min(classifiers.EPSILONS),
    "largest epsilon": max(classifiers.EPSILONS),
    **{f"patch side {number}": side for number, side in enumerate(classifiers.SIDES, 1)},
    "noise level": 100 * max(distillation.EPSILONS),
    "classifiers": len(classifiers.PUBLISHED_MODELS),
}
_STUDENT = ((distillation.CASE,), Role.STUDENT, ("FGSM",), distillation.NOISE)
_MEASURED = {
    "accuracy under attack": Link("accuracy under attack", *_STUDENT, factor=100),
    "most damaging side": Link("most damaging side", classifiers.CASES, Role.UNDEFENDED),
}

#: By the kind of a published number, the claims that rest on it.
CLAIMS_ON = {
    "accuracy under attack": ("ICB-5",),
    "most damaging side": ("ICB-2",),
}


def link(row: pd.Series) -> Link:
    """The link of one row of the published numbers.

    Its `measures` names a setting or a measurement, or says that there is none, and then, after a
    colon, what a reader has to know.

    Raises:
        ValueError: nothing is known about the row.
    """
    kind, _, remark = row["measures"].partition(": ")
    if kind in NOT_MEASURED:
        return Link(kind, remark=remark)
    if kind in _SETTINGS:
        return Link("setting", setting=_SETTINGS[kind], remark=remark)
    if kind not in _MEASURED:
        accepted = ", ".join((*NOT_MEASURED, *_SETTINGS, *_MEASURED))
        raise ValueError(f"measures is {row['measures']!r}; accepted: {accepted}")
    return replace(_MEASURED[kind], remark=remark)

"""What the study did not do, as its page shows it: JSMA, a simpler network, a third data set."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from evaluation import Curve, Estimate
from harness.arms import MAIN, Case, Protocol, Role
from harness.results import Results, where_run
from reports.figures.curves import Line
from reports.figures.roles import NETWORKS
from reports.tables import listed
from studies.ntu import arms

ROLES = (Role.UNDEFENDED, Role.STUDENT, Role.CONTROL)
#: In grey levels: without attack, the study's largest epsilon, and the customary one.
_LEVELS = (0.0, 0.8, 8.0)
#: The study's own case, with which the others are compared, comes first.
_CASES = {arms.VGG_ON_CIFAR10: MAIN, **dict.fromkeys(arms.FURTHER, arms.NOT_IN_THE_STUDY)}


def jsma(results: Results, called: Callable[[pd.Series], str]) -> pd.DataFrame:
    """How many images JSMA turns, and how many of their values it changes for that.

    Args:
        called: a network in words, from a row of the table.
    """
    attacks = tuple(arms.JSMAS)
    columns = {
        "network": called,
        "seed": "seed",
        "derivatives of": lambda row: row["attack"].removeprefix("JSMA, "),
        "attacked through": "view",
        "clean": lambda row: f"{100 * results.correct[row['arm']][0].mean():.1f}",
        "turned, of those right": lambda row: _turned(results.correct[row["arm"]]),
        "values changed, mean": lambda row: f"{row['fooled_mean_l0']:.0f}" if row["fooled"] else "",
        "share of all values": (
            lambda row: f"{100 * row['fooled_mean_l0_share']:.1f} %" if row["fooled"] else ""
        ),
    }
    rows = results.select(variant=arms.NOT_IN_THE_STUDY, attack=attacks, epsilon=np.inf)
    return listed(rows, columns)


def _turned(correct: np.ndarray) -> str:
    """The share of the images right without attack; empty where there are none."""
    right, left = correct.sum(axis=1)
    return Estimate.share(1 - left / right, int(right)).percent() if right else ""


def was_run(results: Results) -> list[Case]:
    """The cases that are not in the study."""
    return [case for case in arms.FURTHER if results.arms(case=case, variant=arms.NOT_IN_THE_STUDY)]


def curves(results: Results, case: Case, attack: str) -> list[Curve]:
    """Of the undefended network, the student and the control, on the same images.

    For every image the worse of logits and logits / T counts.

    Raises:
        NotRun: one of them was not run.
    """
    place = {"attack": attack, "variant": _CASES[case]}
    return [results.compared_curve(case, Protocol.CORRECTED, role, **place) for role in ROLES]


def lines(results: Results, case: Case, attack: str) -> list[Line]:
    """The three networks of a case, as a picture shows them."""
    return [
        Line(role, NETWORKS[role], curve.grey, curve.accuracies)
        for role, curve in zip(ROLES, curves(results, case, attack), strict=True)
    ]


def paired(results: Results) -> pd.DataFrame:
    """Accuracies in percent, with the gain of the student on the same images; none if not run."""
    if not was_run(results):
        return pd.DataFrame()
    return pd.DataFrame(where_run(partial(_row, results), _CASES, arms.ATTACKS, _LEVELS))


def _row(results: Results, case: Case, attack: str, level: float) -> dict[str, str]:
    correct = [curve.at(grey=level) for curve in curves(results, case, attack)]
    undefended, student, control = correct
    whose = "the study's" if _CASES[case] == MAIN else arms.NOT_IN_THE_STUDY
    return {
        "network": f"{results.label(case)} ({whose})",
        "attack": attack,
        "epsilon": f"{level:g}/255" if level else "clean",
        **{role: Estimate.accuracy(c).percent() for role, c in zip(ROLES, correct, strict=True)},
        "student less undefended": Estimate.paired(student, undefended).points(),
        "student less control": Estimate.paired(student, control).points(),
    }

"""What temperature and alpha do to the corrected student: one table and one picture for each."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evaluation import Estimate
from harness.arms import Protocol, View
from harness.results import Results
from reports.figures.roles import ATTACKS, NETWORKS
from reports.figures.sweeps import Swept, sweep
from studies.ntu import arms

#: In grey levels: the study's largest epsilon.
EPSILON = 0.8
_SYMBOLS = {"temperature": "T", "alpha": "alpha"}
_GRADIENT = "input gradient (L2)"


def swept(results: Results, what: str) -> pd.DataFrame:
    """A row for each value that was run, with estimates of accuracies and plain numbers.

    Args:
        what: "temperature" or "alpha".
    """
    rows = [
        {"value": value, **_measured(results, variant)}
        for variant, value in arms.SWEEPS[what].items()
        if results.arms(variant=variant)
    ]
    return pd.DataFrame(rows)


def _measured(results: Results, variant: str) -> dict[str, Any]:
    place = {"case": arms.VGG_ON_CIFAR10, "protocol": Protocol.CORRECTED, "variant": variant}

    def row(attack: str, view: str, **at: float) -> pd.Series | None:
        rows = results.select(attack=attack, view=view, **at, **place)
        return None if rows.empty else rows.iloc[0]

    def accuracy(row: pd.Series | None) -> Estimate:
        if row is None:
            return Estimate(np.nan)
        return Estimate.share(row["accuracy"], int(row["images"]))

    def number(row: pd.Series | None, column: str) -> float:
        return float("nan") if row is None else float(row.get(column, np.nan))

    at = {"epsilon_grey": EPSILON}
    clean = row("FGSM", View.LOGITS, epsilon=0.0)
    # T = 1 has one output for both.
    over_t = row("PGD", View.LOGITS_OVER_T, **at)
    cw = row("CW", View.LOGITS, epsilon=np.inf)
    pgd = row("PGD", View.LOGITS, **at)
    return {
        "without attack": accuracy(clean),
        "FGSM": accuracy(row("FGSM", View.LOGITS, **at)),
        "PGD": accuracy(pgd),
        "PGD through logits / T": accuracy(pgd if over_t is None else over_t),
        "CW, any distance": accuracy(cw),
        "CW, mean L2": number(cw, "fooled_mean_l2"),
        _GRADIENT: number(clean, "gradient_l2"),
        "gradient exactly zero": number(clean, "zero_gradient"),
    }


def table(rows: pd.DataFrame, what: str) -> pd.DataFrame:
    """The rows of `swept` as they are printed."""

    def shown(entry: Any) -> str:
        if isinstance(entry, Estimate):
            return "" if np.isnan(entry.value) else entry.percent()
        return "" if np.isnan(entry) else f"{entry:.3g}"

    return rows.map(shown).rename(columns={"value": _SYMBOLS[what]})


def draw(rows: pd.DataFrame, what: str, title: str, path: Path) -> None:
    """The rows of `swept` as a picture."""
    looks = {
        "without attack": ATTACKS["none"],
        "FGSM": ATTACKS["FGSM"],
        "PGD": ATTACKS["PGD"],
        "PGD through logits / T": ATTACKS["PGD"]._replace(style="--"),
        "CW, any distance": ATTACKS["CW"],
    }
    student = NETWORKS["student"]
    drawn = {
        f"accuracy (%),\nepsilon {EPSILON:g}/255": [
            Swept(name, look, list(rows[name])) for name, look in looks.items()
        ],
        "mean L2 of CW\n(pixels 0 to 1)": [Swept("", ATTACKS["CW"], list(rows["CW, mean L2"]))],
        _GRADIENT: [Swept("", student, list(rows[_GRADIENT]))],
        "gradient exactly zero\n(share of images)": [
            Swept("", student, list(rows["gradient exactly zero"]))
        ],
    }
    measured = {
        name: [line for line in some if _is_measured(line)]
        for name, some in drawn.items()
        if any(map(_is_measured, some))
    }
    values = list(rows["value"])
    sweep(measured, values, _SYMBOLS[what], title, path, logarithmic=(_GRADIENT,))


def _is_measured(line: Swept) -> bool:
    numbers = (getattr(each, "value", each) for each in line.estimates)
    return not np.isnan(list(numbers)).all()

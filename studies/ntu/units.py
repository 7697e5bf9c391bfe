"""Which unit the study's epsilons have: its curves in each of them, beside the published ones."""

from functools import partial

import numpy as np
import pandas as pd

from evaluation import Curve, Estimate, NotRun
from harness.arms import MAIN, Case, Protocol, Role, View
from harness.links import read_published
from harness.results import Results, selected, where_run
from studies.ntu import arms, published

SHOWN = (0.1, 0.4, 0.8)
#: By unit, the variant with its epsilons.
UNITS = {
    "0-255 grey levels": MAIN,
    "images in [0, 1]": arms.UNIT,
    "standardised images": arms.STANDARDISED,
}


def table(results: Results) -> pd.DataFrame:
    """A row for each case, attack and unit; none where only grey levels were run."""
    if not results.arms(variant=(arms.UNIT, arms.STANDARDISED)):
        return pd.DataFrame()
    return pd.DataFrame(where_run(partial(_row, results), arms.CASES, arms.ATTACKS, UNITS))


def _row(results: Results, case: Case, attack: str, unit: str) -> dict[str, str]:
    curve, stated = attacked(results, case, attack, unit), published_shares(case, attack)
    clean, *accuracies = curve.per_image.mean(axis=1)
    shown = {
        f"left at {level:g}": f"{100 * accuracy / clean:.0f} % (published {100 * share:.0f} %)"
        for level, accuracy, share in zip(arms.LEVELS, accuracies, stated, strict=True)
        if level in SHOWN
    }
    apart = difference(curve, stated).times(100).text(1)
    return {"network": results.label(case), "attack": attack, "unit": unit, **shown} | {
        "difference": apart
    }


def attacked(results: Results, case: Case, attack: str, unit: str) -> Curve:
    """The undefended network at the study's epsilons in one of the units.

    Raises:
        NotRun: there is no such arm, or no image that is right without attack.
    """
    place = {"case": case, "protocol": Protocol.FAITHFUL, "role": Role.UNDEFENDED}
    curve = results.curve(variant=UNITS[unit], view=View.SOFTMAX, attack=attack, **place)
    if not curve.correct[0].any():
        raise NotRun(f"{case}: an image that is right without attack")
    return curve


def published_shares(case: Case, attack: str) -> np.ndarray:
    """The share of the undefended network's printed clean accuracy that is left, [levels]."""
    model, dataset = published.NAMES[case]
    where = {"measures": "accuracy under attack", "model": model, "dataset": dataset}
    rows = selected(read_published(published.FOLDER), attack=attack, defense="none", **where)
    shares = rows["value"].astype(float) / published.clean_accuracy(case, "test")
    return shares.set_axis(rows["epsilon"].astype(float))[list(arms.LEVELS)].to_numpy()


def difference(curve: Curve, stated: np.ndarray) -> Estimate:
    """The mean absolute difference of a curve from stated shares, by a bootstrap over images."""
    per_image = curve.per_image

    def mean_difference(weights: np.ndarray) -> np.ndarray:
        accuracies = weights.astype(np.float64) @ per_image.T
        with np.errstate(invalid="ignore", divide="ignore"):  # a sample without a right image
            return np.abs(accuracies[:, 1:] / accuracies[:, :1] - stated).mean(axis=1)

    return Estimate.bootstrap(mean_difference, curve.images)

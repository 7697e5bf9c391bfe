"""Accuracy against epsilon of one network under a battery of attacks."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from attacks import AutoAttack
from evaluation import Robustness
from evaluation.measured_arm import MeasuredArm
from evaluation.robustness_sentences import NORMS, budget
from reports.figures.canvas import canvas, percent
from reports.figures.curves import Line
from reports.figures.roles import ATTACKS, GUIDE


def robustness_curves(robustness: Robustness, path: Path) -> None:
    """Every attack that has a curve and the worst of them for each image, with 95 % bands.

    AutoAttack is a point with its interval. The picture is narrow enough for a phone.
    """
    is_grey = robustness.norm == "linf"
    scale = 255 if is_grey else 1
    with canvas("", path, (5.2, 5.2)) as [[axis]]:
        for name, curve in robustness.curves.items():
            look = ATTACKS.get(name, ATTACKS["worst"])  # called "worst of these"
            Line(name, look, scale * np.array([*curve]), [*curve.values()]).draw(axis)
        for arm in robustness.arms:
            if isinstance(arm.attack, AutoAttack):
                _draw_point(axis, arm, scale)
        axis.axvline(scale * robustness.epsilon, color=GUIDE, linestyle=":", zorder=0)
        within = budget(robustness.norm, robustness.epsilon)
        axis.set_title(f"dotted: the budget, {within}", fontsize=9)
        unit = f"epsilon ({NORMS[robustness.norm]}{', of 255' if is_grey else ''})"
        axis.set(xlabel=unit, ylabel="accuracy (%)", ylim=(-2, 102))
        axis.grid(alpha=0.3)


def _draw_point(axis: Axes, arm: MeasuredArm, scale: float) -> None:
    """The accuracy of an arm of one epsilon."""
    (epsilon, accuracy), *_ = [each for each in arm.curve.items() if each[0] > 0]
    ((value,), (low,), (high,)) = percent([accuracy])
    label = f"{arm.name}, {arm.images} images"
    spread = [[value - low], [high - value]]
    color, marker, *_ = ATTACKS["AutoAttack"]
    style = {"color": color, "marker": marker, "markersize": 9, "capsize": 3, "linestyle": "none"}
    axis.errorbar([scale * epsilon], [value], spread, label=label, **style)

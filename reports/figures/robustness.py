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


def robustness_curves(robustness: Robustness, path: Path) -> None:
    """Every attack that has a curve and the worst of them for each image, with 95 % bands.

    AutoAttack is a point with its interval. The picture is narrow enough for a phone.
    """
    is_grey = robustness.norm == "linf"
    scale = 255 if is_grey else 1
    *curves, worst = robustness.curves.items() or [None]
    with canvas("", path, (5.2, 5.2)) as [[axis]]:
        for number, (name, curve) in enumerate(curves):
            _draw(axis, name, f"C{number}", curve, scale)
        if worst:
            _draw(axis, worst[0], "black", worst[1], scale)
        for arm in robustness.arms:
            if isinstance(arm.attack, AutoAttack):
                _draw_point(axis, arm, scale)
        axis.axvline(scale * robustness.epsilon, color="gray", linestyle=":", zorder=0)
        within = budget(robustness.norm, robustness.epsilon)
        axis.set_title(f"dotted: the budget, {within}", fontsize=9)
        unit = f"epsilon ({NORMS[robustness.norm]}{', of 255' if is_grey else ''})"
        axis.set(xlabel=unit, ylabel="accuracy (%)", ylim=(-2, 102))
        axis.grid(alpha=0.3)


def _draw(axis: Axes, name: str, color: str, curve: dict, scale: float) -> None:
    epsilons = scale * np.array([*curve])
    Line(name, color, epsilons, [*curve.values()]).draw(axis)


def _draw_point(axis: Axes, arm: MeasuredArm, scale: float) -> None:
    """The accuracy of an arm of one epsilon."""
    (epsilon, accuracy), *_ = [each for each in arm.curve.items() if each[0] > 0]
    ((value,), (low,), (high,)) = percent([accuracy])
    label = f"{arm.name}, {arm.images} images"
    spread = [[value - low], [high - value]]
    axis.errorbar([scale * epsilon], [value], spread, fmt="kD", capsize=3, label=label)

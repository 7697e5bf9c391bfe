"""Estimates as dots with their intervals: many of them side by side."""

from collections.abc import Mapping
from itertools import chain
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from evaluation import Estimate
from reports.figures.canvas import canvas, percent
from reports.figures.roles import GUIDE, Look

#: The estimates of a panel, by group and member; `Dots` of several panels stand side by side.
Dots = Mapping[str, Mapping[str, Estimate]]


def dot_plot(
    rows: Mapping[str, Mapping[str, Dots]],
    looks: Mapping[str, Look],
    title: str,
    path: Path,
    *,
    quantity: str = "accuracy (%)",
    levels: Mapping[str, float] | None = None,
) -> None:
    """Fractions in percent with 95 % intervals: a line for each group, a dot for each member.

    Args:
        rows: by what is written beside a row of panels, its panels by their titles. All panels
            have the same columns; a group or a member that was not run is left out. Groups stand in
            the order of the panel with most of them.
        looks: of the members, in the order in which they stand below each other.
        levels: fractions that are drawn across all panels, by what they are.
    """
    every = [dots for row in rows.values() for dots in row.values()]
    groups = list(dict.fromkeys(chain.from_iterable(sorted(every, key=len, reverse=True))))
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    size = 3.0 * len(columns) + 2.2, len(rows) * (0.1 * len(groups) * len(looks) + 0.8) + 1.2
    options = {"sharex": True, "sharey": True}
    with canvas(title, path, size, len(rows), len(columns), **options) as axes:
        for axis_row, (row, panels) in zip(axes, rows.items(), strict=True):
            for axis, column in zip(axis_row, columns, strict=True):
                _draw(axis, panels.get(column, {}), groups, looks)
                for name, level in (levels or {}).items():
                    axis.axvline(100 * level, color=GUIDE, linestyle="--", label=name)
                axis.set_title(f"{row}, {column}" if row else column, fontsize=9)
        for axis in axes[-1]:
            axis.set_xlabel(quantity)


def _draw(axis: Axes, dots: Dots, groups: list[str], looks: Mapping[str, Look]) -> None:
    for place, (member, look) in enumerate(looks.items()):
        shown = {group: dots[group][member] for group in groups if member in dots.get(group, {})}
        if shown:
            value, low, high = percent(shown.values())
            below = (place - (len(looks) - 1) / 2) * 0.8 / len(looks)
            places = np.array([groups.index(group) for group in shown]) + below
            spread, style = np.abs([low - value, high - value]), look.marked | {"linestyle": "none"}
            axis.errorbar(value, places, xerr=spread, label=look.called, **style)
    axis.set_yticks(range(len(groups)), groups, fontsize=8)
    axis.set_xlim(-3, 103)
    axis.set_ylim(len(groups) - 0.5, -0.5)
    for between in range(1, len(groups)):
        axis.axhline(between - 0.5, color=GUIDE, linewidth=0.5, alpha=0.4)
    axis.grid(axis="x", alpha=0.3)
    axis.set_axisbelow(True)

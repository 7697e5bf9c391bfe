"""Pictures of defenses against attacks: bars and heat maps."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from reports.figures.pictures import _save


def accuracy_bars(
    accuracies: Mapping[str, Mapping[str, tuple[float, float, float]]], title: str, path: Path
) -> None:
    """A group of bars for every data set, one for every attack, with 95 % intervals.

    Args:
        accuracies: (accuracy, low, high) in percent by data set and attack; every data set has
            the same attacks.
    """
    attacks = list(next(iter(accuracies.values())))
    width = 0.8 / len(attacks)
    size = (max(6.0, 3.0 * len(accuracies) + 1.5), 3.6)
    figure = Figure(figsize=size, layout="constrained")
    axis = figure.subplots()
    for index, attack in enumerate(attacks):
        found = np.array([of_attack[attack] for of_attack in accuracies.values()])
        places = np.arange(len(accuracies)) + (index - (len(attacks) - 1) / 2) * width
        spread = np.abs(found[:, 1:] - found[:, :1]).T
        bars = axis.bar(places, found[:, 0], width, yerr=spread, capsize=2, label=attack)
        axis.bar_label(bars, fmt="%.0f", fontsize=7, padding=1)
    axis.set_xticks(np.arange(len(accuracies)), list(accuracies))
    axis.set(ylabel="accuracy (%)", ylim=(0, 112), yticks=range(0, 101, 20))
    axis.grid(axis="y", alpha=0.3)
    axis.set_axisbelow(True)
    figure.legend(fontsize=8, loc="outside lower center", ncols=len(attacks))
    figure.suptitle(title, fontsize=10)
    _save(figure, path)


def heat_maps(
    panels: Mapping[str, tuple[list[str], list[str], np.ndarray]], title: str, path: Path
) -> None:
    """Panels of values from 0 to 1, written into their cells; NaN leaves a cell empty.

    Args:
        panels: by their title, the names of rows and columns and the values [rows, columns].
    """
    rows = max(len(names) for names, _, _ in panels.values())
    columns = sum(len(names) for _, names, _ in panels.values())
    labels = 2.6 * len(panels)
    figure = Figure(figsize=(0.8 * columns + labels, 0.42 * rows + 1.9), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (panel, (row_names, column_names, values)) in zip(axes, panels.items(), strict=True):
        image = axis.imshow(values, vmin=0, vmax=1, cmap="viridis", aspect="auto")
        axis.set_xticks(range(len(column_names)), column_names, rotation=30, ha="right", fontsize=8)
        axis.set_yticks(range(len(row_names)), row_names, fontsize=8)
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                color = "black" if value > 0.6 else "white"
                axis.text(
                    column, row, f"{value:.2f}", ha="center", va="center", color=color, fontsize=8
                )
        axis.set_title(panel, fontsize=9)
    figure.colorbar(image, ax=axes[-1], label="macro F1")
    figure.suptitle(title, fontsize=10)
    _save(figure, path)

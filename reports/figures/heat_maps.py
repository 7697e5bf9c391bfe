"""Numbers in the cells of a grid, coloured by their size."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from reports.figures.canvas import canvas


def heat_maps(
    panels: Mapping[str, tuple[list[str], list[str], np.ndarray]], title: str, path: Path
) -> None:
    """Panels of macro F1, in percent in their cells; NaN leaves a cell empty.

    Args:
        panels: by their title, the names of rows and columns and F1 in [0, 1], float
            [rows, columns].
    """
    rows = max(len(names) for names, _, _ in panels.values())
    columns = sum(len(names) for _, names, _ in panels.values())
    size = 0.8 * columns + 2.6 * len(panels), 0.42 * rows + 1.9
    with canvas(title, path, size, columns=len(panels)) as [axes]:
        for axis, (panel, (row_names, column_names, values)) in zip(axes, panels.items()):
            axis.imshow(values, vmin=0, vmax=1, cmap="viridis", aspect="auto")
            _label_cells(axis, 100 * values, "{:.0f}", values <= 0.6)
            ticks = range(len(column_names))
            axis.set_xticks(ticks, column_names, rotation=30, ha="right", fontsize=8)
            axis.set_yticks(range(len(row_names)), row_names, fontsize=8)
            axis.set_xlabel("cells: macro F1 (%)", fontsize=8)
            axis.set_title(panel, fontsize=9)


def class_shares(
    counts: np.ndarray,
    columns: Sequence[str],
    class_names: Sequence[str],
    unit: str,
    title: str,
    path: Path,
) -> None:
    """How the predictions of each column are shared among the classes, in percent.

    Args:
        counts: int [classes, columns].
        unit: of the columns.
    """
    shares = 100 * counts / counts.sum(axis=0)
    size = 0.55 * len(columns) + 2, 0.35 * len(counts) + 1.4
    with canvas(title, path, size) as [[axis]]:
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=100, aspect="auto")
        _label_cells(axis, shares, "{:.0f}", shares > 50)
        axis.set_xticks(range(len(columns)), columns, fontsize=8, rotation=90)
        axis.set_yticks(range(len(counts)), class_names, fontsize=8)
        axis.set(xlabel=unit, ylabel="predicted class (cells: % of images)")


def _label_cells(axis: Axes, values: np.ndarray, form: str, is_dark: np.ndarray) -> None:
    """Writes values into the cells of an image; NaN leaves one empty."""
    for row, column in np.argwhere(~np.isnan(values)):
        style = {"fontsize": 7, "color": "white" if is_dark[row, column] else "black"}
        text = form.format(values[row, column])
        axis.text(column, row, text, ha="center", va="center", **style)

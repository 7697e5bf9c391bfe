"""SVG that follows the colours of the page around it, in two widths."""

from math import ceil
from pathlib import Path, PurePath
from typing import TypeVar

import numpy as np
from matplotlib.figure import Figure

AnyPath = TypeVar("AnyPath", bound=PurePath)

#: Lines and letters, and lines behind them; on a dark page others take their places.
_INK, _GRID = "#1b1c1e", "#b4b5b6"
_ON_DARK = {_INK: "#e4e5e7", _GRID: "#54565a"}
#: Of matplotlib: text stays text, and nothing is painted behind it.
STYLE = {
    "svg.fonttype": "none",
    "savefig.transparent": True,
    "legend.frameon": False,
    "grid.color": _GRID,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor"), _INK),
    **dict.fromkeys(("xtick.color", "ytick.color", "axes.titlecolor"), _INK),
}
#: Inches; a phone shows it at its natural size or a little smaller.
_NARROW = 3.9


def narrow_path(path: AnyPath) -> AnyPath:
    """Where the picture for narrow screens lies."""
    return path.with_stem(f"{path.stem}-narrow")


def recolored(path: Path) -> None:
    """Makes ink and grid of a written picture follow the colour scheme of the page."""
    text = path.read_text()
    for index, color in enumerate(_ON_DARK):
        text = text.replace(color, f"var(--c{index})")
    light, dark = (
        ";".join(f"--c{index}:{color}" for index, color in enumerate(colors))
        for colors in (_ON_DARK.keys(), _ON_DARK.values())
    )
    rules = f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"
    start = text.index(">", text.index("<svg ")) + 1
    path.write_text(f"{text[:start]}<style>{rules}</style>{text[start:]}")


def narrow(figure: Figure, axes: np.ndarray) -> None:
    """Lays the panels [rows, columns] of a figure out again, in blocks below each other.

    Rows of many panels are broken like lines; what stands left of the first of them is repeated.
    """
    rows, columns = axes.shape
    width, height = figure.get_size_inches()
    across = max(1, min(columns, int(1.3 * _NARROW * columns / width)))  # a little smaller is fine
    blocks = ceil(columns / across)
    grid = figure.add_gridspec(rows * blocks, across)
    for row, column in np.ndindex(axes.shape):
        axis, first = axes[row, column], axes[row, 0]
        block, place = divmod(column, across)
        axis.set_subplotspec(grid[block * rows + row, place])
        if place == 0 and column:
            axis.set_ylabel(first.get_ylabel(), fontsize=first.yaxis.label.get_size())
            axis.tick_params(labelleft=bool(len(first.get_yticks())) and first.axison)
    shrunk = min(1.0, _NARROW / (width / columns * across))
    pictures = axes[0, 0].get_aspect() == 1  # which have a shape of their own
    figure.set_size_inches(_NARROW, height * blocks * (shrunk if pictures else max(shrunk, 0.7)))

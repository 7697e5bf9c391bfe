"""How every picture is laid out, coloured and saved."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaluation import Estimate

#: The colours of the networks that distillation makes, and of one that it does not.
COLORS = {"undefended": "C0", "teacher": "C2", "student": "C3", "control": "C1", "warm_up": "C7"}
COLORS["adversarial"] = "C4"


@contextmanager
def canvas(
    title: str,
    path: Path,
    size: tuple[float, float],
    rows: int = 1,
    columns: int = 1,
    *,
    legend_title: str | None = None,
    **options: Any,
) -> Iterator[np.ndarray]:
    """Axes [rows, columns] to draw on, written to `path` (.png or .svg) in the end.

    What has a label is in one legend below all panels.

    Args:
        size: width and height in inches.
        options: of `Figure.subplots`.
    """
    figure = Figure(figsize=size, layout="constrained")
    yield figure.subplots(rows, columns, squeeze=False, **options)
    if title:
        figure.suptitle(title, fontsize=10)
    _add_legend(figure, legend_title)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The library's version, the date and names drawn at random alone would change a picture.
    unwritten = {".png": "Software", ".svg": "Date"}[path.suffix]
    with rc_context({"svg.hashsalt": path.name}):
        figure.savefig(path, dpi=110, metadata={unwritten: None})


def _add_legend(figure: Figure, title: str | None) -> None:
    """With every label once, as wide as the figure allows."""
    labelled = [axis.get_legend_handles_labels() for axis in figure.axes]
    handles = {label: handle for each in labelled for handle, label in zip(*each, strict=True)}
    if handles:
        inches = 0.7 + 0.065 * max(map(len, handles))  # of a handle and the longest label
        columns = max(1, min(len(handles), int(figure.get_figwidth() / inches)))
        style = {"title": title, "fontsize": 8, "title_fontsize": 8, "ncols": columns}
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", **style)


def show(axis: Axes, picture: np.ndarray) -> None:
    """A picture [height, width, channels], uint8 or float in [0, 1], without ticks."""
    most = 255 if picture.dtype == np.uint8 else 1
    axis.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=most)
    axis.set(xticks=[], yticks=[])


def percent(estimates: Iterable[Estimate]) -> np.ndarray:
    """Values of fractions and both ends of their intervals, in percent: float [3, N]."""
    return 100 * np.array([(each.value, each.low, each.high) for each in estimates]).T

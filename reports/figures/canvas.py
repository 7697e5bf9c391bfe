"""How every picture is laid out, coloured and saved."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaluation import Estimate

#: The colours of the networks that distillation makes.
COLORS = {"undefended": "C0", "teacher": "C2", "student": "C3", "control": "C1", "warm_up": "C7"}


def shared_legend(figure: Figure, axes: Sequence[Axes], title: str | None = None) -> None:
    """One legend below all panels, with every label once, as wide as the figure allows."""
    handles = {
        label: handle
        for axis in axes
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    if not handles:
        return
    inches = 0.7 + 0.065 * max(map(len, handles))  # of a handle and the longest label
    figure.legend(
        handles.values(),
        handles.keys(),
        title=title,
        fontsize=8,
        title_fontsize=8,
        loc="outside lower center",
        ncols=max(1, min(len(handles), int(figure.get_figwidth() / inches))),
    )


@contextmanager
def canvas(
    title: str,
    path: Path,
    size: tuple[float, float],
    rows: int = 1,
    columns: int = 1,
    **options: Any,
) -> Iterator[tuple[Figure, np.ndarray]]:
    """A figure and its axes [rows, columns] to draw on, written to `path` in the end.

    Args:
        size: width and height in inches.
        options: of `Figure.subplots`.
    """
    figure = Figure(figsize=size, layout="constrained")
    yield figure, figure.subplots(rows, columns, squeeze=False, **options)
    if title:
        figure.suptitle(title, fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without this, the library's version alone would change a committed picture.
    figure.savefig(path, dpi=110, metadata={"Software": None})


def show(axis: Axes, picture: np.ndarray) -> None:
    """A picture [height, width, channels], uint8 or float in [0, 1], without ticks."""
    most = 255 if picture.dtype == np.uint8 else 1
    axis.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=most)
    axis.set(xticks=[], yticks=[])


def percent(estimates: Iterable[Estimate]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values of fractions and both ends of their intervals, in percent."""
    ends = [(each.value, each.low, each.high) for each in estimates]
    value, low, high = 100 * np.array(ends).T
    return value, low, high

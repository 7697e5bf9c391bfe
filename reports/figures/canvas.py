"""How every picture is laid out, coloured and saved."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.ticker import LogFormatter

from evaluation import Estimate
from reports.figures import vector
from reports.figures.medium import Medium

_LETTER = 0.078  # inches that a letter of a title takes, on average


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
    """Axes [rows, columns] to draw on, written to `path` (.png, .svg or .pdf) in the end.

    What has a label is in one legend below all panels. An SVG has no title, follows the colours of
    the page, and has a second file for narrow screens beside it, see `vector`.

    Args:
        size: width and height in inches.
        options: of `Figure.subplots`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    follows_page = path.suffix == Medium.SITE
    style = vector.STYLE if follows_page else {}
    # Names drawn at random, the date and the library's version alone would change a picture.
    # A dollar in the name of a class begins no formula.
    plain = {"text.parse_math": False}
    with rc_context({"svg.hashsalt": path.name, **plain, **style}):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, **options)
        yield axes
        if title and not follows_page:  # a page of the site has a caption
            figure.suptitle(_broken(title, size[0]), fontsize=10)
        legend = _add_legend(figure, legend_title)
        _write(figure, path)
        if follows_page:
            if legend:
                legend.remove()
            vector.narrow(figure, axes)
            _add_legend(figure, legend_title)
            _write(figure, vector.narrow_path(path))


def _broken(title: str, inches: float) -> str:
    """A title in lines that are no wider than the figure."""
    letters = max(20, int(inches / _LETTER))
    return "\n".join(wrapped for line in title.split("\n") for wrapped in wrap(line, letters))


def _write(figure: Figure, path: Path) -> None:
    unwritten = {".png": "Software", ".svg": "Date", ".pdf": "CreationDate"}[path.suffix]
    figure.savefig(path, dpi=110, metadata={unwritten: None})
    if path.suffix == Medium.SITE:
        vector.recolored(path)


def _add_legend(figure: Figure, title: str | None) -> Legend | None:
    """With every label once, as wide as the figure allows; `None` without labels."""
    labelled = [axis.get_legend_handles_labels() for axis in figure.axes]
    handles = {label: handle for each in labelled for handle, label in zip(*each, strict=True)}
    if not handles:
        return None
    inches = 0.7 + 0.065 * max(map(len, handles))  # of a handle and the longest label
    columns = max(1, min(len(handles), int(figure.get_figwidth() / inches)))
    style = {"title": title, "fontsize": 8, "title_fontsize": 8, "ncols": columns}
    return figure.legend(handles.values(), handles.keys(), loc="outside lower center", **style)


def scale_by_powers(axes: Axes, **options: Any) -> None:
    """Makes the y axis logarithmic, with numbers that are no formulas.

    Args:
        options: of the scale.
    """
    axes.set_yscale("log", **options)
    axes.yaxis.set_major_formatter(_Plain())
    axes.yaxis.set_minor_formatter(_Plain())


class _Plain(LogFormatter):
    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}" if super().__call__(x, pos) else ""


def show(axis: Axes, picture: np.ndarray) -> None:
    """A picture [height, width, channels], uint8 or float in [0, 1], without ticks."""
    most = 255 if picture.dtype == np.uint8 else 1
    axis.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=most)
    axis.set(xticks=[], yticks=[])


def percent(estimates: Iterable[Estimate]) -> np.ndarray:
    """Values of fractions and both ends of their intervals, in percent: float [3, N]."""
    return 100 * np.array([(each.value, each.low, each.high) for each in estimates]).T

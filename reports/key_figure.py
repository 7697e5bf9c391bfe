"""The key finding of a study, drawn as bars."""

from pathlib import Path

from matplotlib import rcParams
from matplotlib.axes import Axes

from evaluation import Estimate
from harness.study import Bar, KeyFinding
from reports.figures.canvas import canvas, percent
from reports.figures.roles import GUIDE

#: The height of a bar, where 1 is from one to the next; the rest is for its label, above it.
_HEIGHT = 0.45
_PUBLISHED = "published: "


def draw(finding: KeyFinding, path: Path) -> None:
    """Horizontal bars in percent with 95 % intervals; a published number is a hatched outline.

    Measured bars are grey, as they mix networks and attacks, of which each has a colour. Labels are
    above their bars, so that the picture is narrow enough for a phone.

    Args:
        path: of the picture, see `figures.canvas.canvas`.
    """
    size = 4.2, 0.52 * len(finding.bars) + 0.7
    with canvas("", path, size) as [[axis]]:
        for place, bar in enumerate(finding.bars):
            _draw(axis, place, bar)
        axis.set(xlim=(0, 120), xticks=range(0, 101, 20), yticks=[])
        axis.set_ylim(len(finding.bars) - 0.6, -0.8)  # downwards
        axis.set_xlabel(f"{finding.quantity} (%)", fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)


def _draw(axis: Axes, place: int, bar: Bar) -> None:
    ink = rcParams["text.color"]  # that of a dark page is another one
    if isinstance(bar.share, Estimate):
        value, low, end = percent([bar.share])[:, 0]
        label = bar.label
        axis.barh(place, value, _HEIGHT, color=GUIDE)
        axis.errorbar(
            value, place, xerr=[[abs(value - low)], [abs(end - value)]], color=ink, capsize=3
        )
    else:
        end = 100 * bar.share
        label = _PUBLISHED + bar.label
        axis.barh(place, end, _HEIGHT, facecolor="none", edgecolor=ink, hatch="///")
    axis.text(end + 2, place, f"{bar.percent} %", va="center", fontsize=9)
    axis.text(0.5, place - 0.6 * _HEIGHT, label, va="bottom", fontsize=9)


def described(finding: KeyFinding) -> str:
    """The figure in words, for those who do not see it."""
    bars = (
        f"{bar.label} {bar.share.percent()}"
        if isinstance(bar.share, Estimate)
        else f"{_PUBLISHED}{bar.label} {bar.percent}"
        for bar in finding.bars
    )
    return f"{finding.quantity}, in percent: {'; '.join(bars)}"

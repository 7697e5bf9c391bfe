"""Accuracies and errors against epsilon."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from evaluation import Estimate
from reports.figures.canvas import canvas, percent
from reports.figures.roles import GUIDE, Look


@dataclass(frozen=True, eq=False)
class Line:
    """Measured fractions with their 95 % intervals against epsilons [E]; drawn in percent."""

    label: str
    look: Look
    epsilons: np.ndarray
    estimates: Sequence[Estimate]

    @property
    def images(self) -> int:
        """How many images it stands on."""
        return self.estimates[0].images

    def draw(self, axis: Axes) -> None:
        value, low, high = percent(self.estimates)
        axis.plot(self.epsilons, value, self.look.style, label=self.label, **self.look.marked)
        color = self.look.color
        axis.fill_between(self.epsilons, low, high, color=color, alpha=0.15, linewidth=0)


@dataclass(frozen=True, eq=False)
class Published:
    """What a study printed, in percent, against epsilons [E]; drawn as crosses."""

    label: str
    look: Look
    epsilons: Sequence[float]
    percent: Sequence[float]

    def draw(self, axis: Axes) -> None:
        style = {"markersize": 6, "color": self.look.color, "label": self.label}
        axis.plot(self.epsilons, self.percent, "x", **style)


def sample_sizes(drawn: Mapping[str, Sequence[Line | Published]]) -> str:
    """On how many images the lines of a figure stand, for its caption; see `panels`."""
    named: dict[int, dict[str, None]] = {}
    for panel, lines in drawn.items():
        measured = [line for line in lines if isinstance(line, Line)]
        is_one = len({line.images for line in measured}) == 1
        for line in measured:
            name = " ".join((panel if is_one else line.label).split())
            named.setdefault(line.images, {})[name] = None
    if len(named) == 1:
        return f"{next(iter(named)):,} images"
    return ", ".join(f"{images:,} images ({'; '.join(names)})" for images, names in named.items())


def panels(
    drawn: Mapping[str, Sequence[Line | Published]],
    title: str,
    path: Path,
    *,
    unit: str | Mapping[str, str],
    quantity: str = "accuracy (%)",
    linear_up_to: float | None = None,
) -> None:
    """One panel for each title; panels without anything to draw are left out.

    Args:
        unit: of the epsilons, written below each panel; by panel where they differ.
        quantity: written beside the first panel.
        linear_up_to: the epsilon beyond which the axis is logarithmic, which the panel says.
    """
    drawn = {panel: lines for panel, lines in drawn.items() if lines}
    size = 3.4 * len(drawn) + 0.8, 4.2
    with canvas(title, path, size, columns=len(drawn), sharey=True) as [axes]:
        for axis, (panel, lines) in zip(axes, drawn.items(), strict=True):
            for line in lines:
                line.draw(axis)
            axis.set_title(panel, fontsize=9)
            words = unit if isinstance(unit, str) else unit[panel]
            axis.set_xlabel(words, fontsize=8)
            axis.set_ylim(-2, 102)
            axis.grid(alpha=0.3)
            if linear_up_to is not None:
                _bend(axis, words, linear_up_to, max(max(line.epsilons) for line in lines))
        axes[0].set_ylabel(quantity)


def _bend(axis: Axes, unit: str, linear_up_to: float, largest: float) -> None:
    """A logarithmic axis beyond `linear_up_to`, with a line where it begins."""
    if largest <= linear_up_to * 1.01:
        return
    axis.set_xscale("symlog", linthresh=linear_up_to)
    axis.set_xlim(left=-linear_up_to / 20)
    powers = 2.0 ** np.arange(np.ceil(np.log2(linear_up_to)) + 1, np.log2(largest) + 0.01)
    ticks = [0, linear_up_to / 2, linear_up_to, *powers]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.axvline(linear_up_to, color=GUIDE, linestyle=":", linewidth=0.8)
    axis.set_xlabel(f"{unit}, logarithmic beyond {linear_up_to:g}", fontsize=8)

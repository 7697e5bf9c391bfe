"""What a setting of the training does to a network, value by value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evaluation import Estimate
from reports.figures.canvas import canvas, percent, scale_by_powers
from reports.figures.roles import Look


@dataclass(frozen=True, eq=False)
class Swept:
    """One quantity at each value of the setting; NaN where it was not measured.

    Attributes:
        label: in the legend; empty for none.
        estimates: fractions with their intervals, drawn in percent; or plain numbers.
    """

    label: str
    look: Look
    estimates: Sequence[Estimate] | Sequence[float]


def sweep(
    drawn: Mapping[str, Sequence[Swept]],
    values: Sequence[float],
    setting: str,
    title: str,
    path: Path,
    *,
    logarithmic: tuple[str, ...] = (),
) -> None:
    """One panel below another for each quantity, over the same values of the setting.

    Args:
        drawn: by what is written beside its panel.
        values: of the setting, ascending, equally far apart in the picture.
        logarithmic: the panels whose quantity is drawn so; zeros are left out there.
    """
    places = np.arange(len(values))
    with canvas(title, path, (5.6, 2.3 * len(drawn) + 0.8), len(drawn), sharex=True) as axes:
        for axis, (quantity, lines) in zip(axes[:, 0], drawn.items(), strict=True):
            for line in lines:
                if isinstance(line.estimates[0], Estimate):
                    value, low, high = percent(line.estimates)
                    axis.fill_between(
                        places, low, high, color=line.look.color, alpha=0.15, linewidth=0
                    )
                else:
                    value = np.array(line.estimates, float)
                axis.plot(places, value, line.look.style, label=line.label, **line.look.marked)
            if quantity in logarithmic:
                scale_by_powers(axis, nonpositive="mask")
                quantity += ",\nlogarithmic"
            axis.set_ylabel(quantity, fontsize=8)
            axis.grid(alpha=0.3)
        axes[-1, 0].set_xticks(places, [f"{value:g}" for value in values])
        axes[-1, 0].set_xlabel(f"{setting}, equally spaced")

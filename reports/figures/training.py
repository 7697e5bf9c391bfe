"""How trainings went: accuracies, losses, and the terms of losses over the epochs."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from reports.figures.canvas import COLORS, canvas


def training_curves(
    trainings: pd.DataFrame,
    histories: pd.DataFrame,
    title: str,
    path: Path,
    names: Mapping[str, str] | Callable[[pd.Series], str],
    colors: Mapping[str, str] = COLORS,
    dotted: tuple[str, ...] = (),
) -> None:
    """Accuracy and loss over the epochs, training dashed and validation solid.

    Args:
        names: of the networks, by role or from a row of `trainings`.
        colors: by role.
        dotted: procedures whose validation is dotted instead.
    """
    named = names if callable(names) else lambda row: names[row["role"]]
    styles = "solid: validation, dashed: training"
    with canvas(title, path, (10.4, 4), columns=2, legend_title=styles) as [axes]:
        for _, training in trainings.iterrows():
            history = histories[histories["stage"] == training["stage"]]
            epochs, color = history["epoch"] + 1, colors[training["role"]]
            style = ":" if training["procedure"] in dotted else "-"
            for axis, name, scale in zip(axes, ("accuracy", "loss"), (100, 1), strict=True):
                validation = scale * history[f"val_{name}"]
                axis.plot(epochs, validation, style, color=color, label=named(training))
                axis.plot(epochs, scale * history[name], "--", color=color, alpha=0.5)
        axes[1].set_yscale("log")
        for axis, panel in zip(axes, ("accuracy (%)", "loss"), strict=True):
            axis.set(title=panel)
            _along_epochs(axis)


def loss_curves(
    curves: Mapping[str, np.ndarray],
    names: Mapping[str, str],
    colors: Mapping[str, str],
    title: str,
    path: Path,
    published: Mapping[str, Mapping[int, float]] | None = None,
) -> None:
    """Training losses against the epoch.

    Args:
        curves: by role, float [epochs].
        published: by role, the losses that a study prints by epoch, drawn as crosses.
    """
    with canvas(title, path, (7, 4)) as [[axis]]:
        for role, values in curves.items():
            epochs = np.arange(1, len(values) + 1)
            axis.semilogy(epochs, values, marker=".", color=colors[role], label=names[role])
        for role, losses in (published or {}).items():
            label = f"published, {names[role]}"
            axis.plot([*losses], [*losses.values()], "x", color=colors[role], label=label)
        axis.set(ylabel="training loss")
        _along_epochs(axis)


def loss_terms(histories: Mapping[str, pd.DataFrame], title: str, path: Path) -> None:
    """The weighted loss terms of the students and their gradient norms over the epochs.

    Args:
        histories: by procedure, the history of the student.
    """
    panels = {"term": "weighted loss term", "gradient_norm": "gradient norm of the weighted term"}
    with canvas(title, path, (10.4, 4), columns=2) as [axes]:
        for index, (procedure, history) in enumerate(histories.items()):
            for name, style in (("student", "-"), ("distillation", "--")):
                label = f"{procedure.replace('_', ' ')}: {name} term"
                drawn = {"color": f"C{index}", "label": label}
                for axis, column in zip(axes, panels, strict=True):
                    values = history[f"{name}_{column}"]
                    if (values > 0).any():
                        axis.semilogy(history["epoch"] + 1, values, style, **drawn)
        for axis, panel in zip(axes, panels.values(), strict=True):
            axis.set(title=panel)
            _along_epochs(axis)


def _along_epochs(axis: Axes) -> None:
    axis.set(xlabel="epoch")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.3)

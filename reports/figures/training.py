"""How trainings went: accuracies, losses, and the terms of losses over the epochs."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from reports.figures.canvas import canvas, scale_by_powers
from reports.figures.roles import NETWORKS, Look

#: Of cross-entropies and divergences, and its axis.
_LOSS = "loss (nats, logarithmic)"


def training_curves(
    trainings: pd.DataFrame,
    histories: pd.DataFrame,
    title: str,
    path: Path,
    names: Mapping[str, str] | Callable[[pd.Series], str],
    looks: Mapping[str, Look] = NETWORKS,
    dotted: tuple[str, ...] = (),
) -> None:
    """Accuracy and loss over the epochs, training dashed and validation solid.

    Args:
        names: of the networks, by role or from a row of `trainings`.
        looks: by role.
        dotted: procedures whose validation is dotted instead.
    """
    named = names if callable(names) else lambda row: names[row["role"]]
    styles = "solid: validation, dashed: training"
    with canvas(title, path, (10.4, 4), columns=2, legend_title=styles) as [axes]:
        for _, training in trainings.iterrows():
            history = histories[histories["stage"] == training["stage"]]
            epochs, look = history["epoch"] + 1, looks[training["role"]]
            style = ":" if training["procedure"] in dotted else "-"
            marked = look.marked | {"markevery": max(1, len(history) // 8)}
            for axis, name, scale in zip(axes, ("accuracy", "loss"), (100, 1), strict=True):
                validation = scale * history[f"val_{name}"]
                axis.plot(epochs, validation, style, label=named(training), **marked)
                axis.plot(epochs, scale * history[name], "--", color=look.color, linewidth=0.8)
        scale_by_powers(axes[1])
        for axis, quantity in zip(axes, ("accuracy (%)", _LOSS), strict=True):
            axis.set_ylabel(quantity)
            _along_epochs(axis)


def loss_curves(
    curves: Mapping[str, np.ndarray],
    names: Mapping[str, str],
    looks: Mapping[str, Look],
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
            marked = looks[role].marked | {"markevery": max(1, len(values) // 8)}
            axis.plot(epochs, values, looks[role].style, label=names[role], **marked)
        printed = {role: losses for role, losses in (published or {}).items() if losses}
        for role, losses in printed.items():
            label = f"published, {names[role]}"
            axis.plot([*losses], [*losses.values()], "x", color=looks[role].color, label=label)
        scale_by_powers(axis)
        axis.set(ylabel=f"training {_LOSS}")
        _along_epochs(axis)


def loss_terms(histories: Mapping[str, pd.DataFrame], title: str, path: Path) -> None:
    """The weighted loss terms of the students and their gradient norms over the epochs.

    The line style tells the procedures apart, the colour the two terms.

    Args:
        histories: by procedure, the history of the student.
    """
    panels = {"term": f"weighted {_LOSS}", "gradient_norm": "L2 norm of its gradient, logarithmic"}
    # The student's term is what the control learns from, the other one what the teacher says.
    looks = {"student": NETWORKS["control"], "distillation": NETWORKS["teacher"]}
    with canvas(title, path, (10.4, 4), columns=2) as [axes]:
        for style, (procedure, history) in zip(("-", "--", ":"), histories.items()):
            for name, look in looks.items():
                label = f"{procedure.replace('_', ' ')}: {name} term"
                marked = look.marked | {"markevery": max(1, len(history) // 8)}
                drawn = {"label": label, **marked}
                for axis, column in zip(axes, panels, strict=True):
                    values = history[f"{name}_{column}"]
                    if (values > 0).any():
                        axis.plot(history["epoch"] + 1, values, style, **drawn)
        for axis, quantity in zip(axes, panels.values(), strict=True):
            scale_by_powers(axis)
            axis.set_ylabel(quantity)
            _along_epochs(axis)


def _along_epochs(axis: Axes) -> None:
    axis.set(xlabel="epoch")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.3)

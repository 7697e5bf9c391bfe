"""How trainings went: accuracies, losses, and the terms of losses over the epochs."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from reports.figures.canvas import COLORS, save, shared_legend


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
    figure = Figure(figsize=(10.4, 4), layout="constrained")
    axes = figure.subplots(1, 2)
    for _, training in trainings.iterrows():
        history = histories[histories["stage"] == training["stage"]]
        color = colors[training["role"]]
        style = ":" if training["procedure"] in dotted else "-"
        for axis, name, scale in ((axes[0], "accuracy", 100), (axes[1], "loss", 1)):
            axis.plot(
                history["epoch"] + 1,
                scale * history[f"val_{name}"],
                style,
                color=color,
                label=named(training),
            )
            axis.plot(history["epoch"] + 1, scale * history[name], "--", color=color, alpha=0.5)
    axes[0].set(title="accuracy (%)", xlabel="epoch")
    axes[1].set(title="loss", xlabel="epoch", yscale="log")
    for axis in axes:
        axis.grid(alpha=0.3)
    shared_legend(figure, axes[:1], title="solid: validation, dashed: training")
    figure.suptitle(title)
    save(figure, path)


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
    figure = Figure(figsize=(7, 4), layout="constrained")
    axis = figure.subplots()
    for role, values in curves.items():
        epochs = np.arange(1, len(values) + 1)
        axis.semilogy(epochs, values, marker=".", color=colors[role], label=names[role])
    for role, losses in (published or {}).items():
        label = f"published, {names[role]}"
        axis.plot([*losses], [*losses.values()], "x", color=colors[role], label=label)
    axis.set(xlabel="epoch", ylabel="training loss")
    axis.grid(alpha=0.3)
    shared_legend(figure, [axis])
    figure.suptitle(title, fontsize=10)
    save(figure, path)


def loss_terms(histories: Mapping[str, pd.DataFrame], title: str, path: Path) -> None:
    """The weighted loss terms of the students and their gradient norms over the epochs.

    Args:
        histories: by procedure, the history of the student.
    """
    figure = Figure(figsize=(10.4, 4), layout="constrained")
    axes = figure.subplots(1, 2)
    for index, (procedure, history) in enumerate(histories.items()):
        for name, style in (("student", "-"), ("distillation", "--")):
            label = f"{procedure.replace('_', ' ')}: {name} term"
            for axis, column in ((axes[0], "term"), (axes[1], "gradient_norm")):
                values = history[f"{name}_{column}"]
                if (values > 0).any():
                    axis.semilogy(
                        history["epoch"] + 1, values, style, color=f"C{index}", label=label
                    )
    axes[0].set(title="weighted loss term", xlabel="epoch")
    axes[1].set(title="gradient norm of the weighted term", xlabel="epoch")
    for axis in axes:
        axis.grid(alpha=0.3)
    shared_legend(figure, axes[:1])
    figure.suptitle(title)
    save(figure, path)

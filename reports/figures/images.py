"""The pictures of a study's report, as PNG files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import tensorflow as tf
from matplotlib.figure import Figure

from data import RandomErasing

COLORS = {"undefended": "C0", "teacher": "C2", "student": "C3", "control": "C1", "warm_up": "C7"}


def accuracy_curves(
    table: pd.DataFrame, published: pd.DataFrame, title: str, view: str, path: Path
) -> bool:
    """Accuracy against epsilon per attack, with 95 % bands; published values as crosses.

    Args:
        table: the rows of `Results.table` to draw, of one case and protocol.
        published: rows of the study's tables for the same case.
        view: the output attacked; without arms through it nothing is drawn.

    Returns:
        Whether there was something to draw.
    """
    shown = table[table["view"] == view]
    attacks = [a for a in ("FGSM", "PGD") if (shown["attack"] == a).any()]
    if not attacks:
        return False
    figure = Figure(figsize=(5.2 * len(attacks), 4), layout="constrained")
    axes = figure.subplots(1, len(attacks), sharey=True, squeeze=False)
    wide = shown["epsilon_grey"].max() > 1
    for axis, attack in zip(axes[0], attacks, strict=True):
        for (defense, role), rows in shown[shown["attack"] == attack].groupby(
            ["defense", "role"], sort=False
        ):
            rows = rows.groupby("epsilon_grey", as_index=False)[
                ["accuracy", "ci_low", "ci_high"]
            ].mean()
            style = ":" if "papernot" in defense else "-"
            label = "undefended" if role == "undefended" else defense.replace("_", " ")
            axis.plot(
                rows["epsilon_grey"],
                100 * rows["accuracy"],
                style,
                marker="o",
                markersize=3,
                color=COLORS[role],
                label=label,
            )
            axis.fill_between(
                rows["epsilon_grey"],
                100 * rows["ci_low"],
                100 * rows["ci_high"],
                color=COLORS[role],
                alpha=0.10,
                linewidth=0,
            )
        for defense, role in (("none", "undefended"), ("defensive distillation", "student")):
            printed = published[(published["attack"] == attack) & (published["defense"] == defense)]
            if len(printed):
                axis.plot(
                    printed["epsilon"].astype(float),
                    printed["value"].astype(float),
                    "x",
                    color=COLORS[role],
                    label=f"published, {role}",
                )
        if wide:
            axis.set_xscale("symlog", linthresh=0.8)
            axis.set_xticks([0, 0.4, 0.8, 2, 4, 8], ["0", "0.4", "0.8", "2", "4", "8"])
        axis.set(title=attack, xlabel="epsilon (0-255 grey levels)", ylim=(-2, 102))
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("accuracy (%)")
    axes[0][-1].legend(fontsize=7)
    figure.suptitle(f"{title}, attacked through: {view}")
    _save(figure, path)
    return True


class Curve(NamedTuple):
    """Accuracies or errors in percent with 95 % intervals, float [E], against epsilons [E]."""

    epsilons: np.ndarray
    percent: np.ndarray
    low: np.ndarray
    high: np.ndarray


def accuracy_panels(
    panels: Mapping[str, Mapping[str, Curve]],
    names: Mapping[str, str],
    unit: str,
    title: str,
    path: Path,
    colors: Mapping[str, str] = COLORS,
    printed: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None,
) -> None:
    """One panel per way of attacking, with a curve per role; those without curves are left out.

    Args:
        panels: by title, curves by role.
        names: of the roles, for the legend.
        unit: of the epsilons, written below each panel.
        colors: of the roles.
        printed: by title, epsilons and accuracies in percent of a study, drawn as crosses.
    """
    panels = {panel: curves for panel, curves in panels.items() if curves}
    figure = Figure(figsize=(3.2 * len(panels) + 0.6, 3.8), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, (panel, curves) in zip(axes, panels.items(), strict=True):
        for role, curve in curves.items():
            axis.plot(
                curve.epsilons,
                curve.percent,
                marker="o",
                markersize=3,
                color=colors[role],
                label=names[role],
            )
            axis.fill_between(
                curve.epsilons, curve.low, curve.high, color=colors[role], alpha=0.1, linewidth=0
            )
        if printed and panel in printed:
            axis.plot(*printed[panel], "kx", label="published")
        axis.set_title(panel, fontsize=9)
        axis.set_xlabel(unit, fontsize=8)
        axis.set_ylim(-2, 102)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("accuracy (%)")
    handles = {
        label: handle
        for axis in axes
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    columns = min(len(handles), 2 * len(panels) + 1)
    figure.legend(handles.values(), handles, fontsize=8, loc="outside lower center", ncols=columns)
    figure.suptitle(title, fontsize="large" if len(panels) > 1 else "small")
    _save(figure, path)


def error_curves(
    panels: Mapping[str, Mapping[str, Curve]],
    unit: str,
    title: str,
    path: Path,
    published: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]] | None = None,
) -> None:
    """One panel per kind of error, with a curve per network and a dotted one as published.

    Args:
        panels: by title, curves by network.
        unit: of the epsilons, written below each panel.
        published: by panel and network, epsilons and errors in percent, [E] each.
    """
    published = published or {}
    names = [name for part in (panels, published) for curves in part.values() for name in curves]
    colors = {name: f"C{index}" for index, name in enumerate(dict.fromkeys(names))}
    figure = Figure(figsize=(4.4 * len(panels) + 0.6, 4.2), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, (panel, curves) in zip(axes, panels.items(), strict=True):
        for name, curve in curves.items():
            color = colors[name]
            axis.plot(
                curve.epsilons, curve.percent, marker="o", markersize=3, color=color, label=name
            )
            axis.fill_between(
                curve.epsilons, curve.low, curve.high, color=color, alpha=0.1, linewidth=0
            )
        for name, (epsilons, errors) in published.get(panel, {}).items():
            axis.plot(
                epsilons, errors, ":x", markersize=4, color=colors[name], label=f"{name}, published"
            )
        axis.set(title=panel, xlabel=unit, ylim=(-2, 102))
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("error (%)")
    handles = axes[0].get_legend_handles_labels()
    figure.legend(*handles, fontsize=7, loc="outside lower center", ncols=3)
    figure.suptitle(title, fontsize=11)
    _save(figure, path)


class Confidences(NamedTuple):
    """A picture and the classes it is most likely of.

    Attributes:
        title: above the picture.
        picture: uint8 [height, width, channels].
        names: of the classes, the most likely one first.
        confidences: float [K].
        true: the name of its true class.
    """

    title: str
    picture: np.ndarray
    names: list[str]
    confidences: np.ndarray
    true: str


def confidence_bars(rows: list[list[Confidences]], title: str, path: Path) -> None:
    """Pictures with bars of their highest confidences beside them; the true class is green.

    Args:
        rows: one per picture, each with one entry per attack.
    """
    columns = len(rows[0])
    figure = Figure(figsize=(4.6 * columns, 1.75 * len(rows) + 0.5), layout="constrained")
    axes = figure.subplots(len(rows), 2 * columns, squeeze=False, width_ratios=[1, 1.15] * columns)
    for axis_row, row in zip(axes, rows, strict=True):
        for column, shown in enumerate(row):
            picture, bars = axis_row[2 * column : 2 * column + 2]
            picture.imshow(shown.picture.squeeze(), cmap="gray", vmin=0, vmax=255)
            picture.set(xticks=[], yticks=[])
            picture.set_title(shown.title, fontsize=8)
            places = np.arange(len(shown.names))
            colors = ["C2" if name == shown.true else "C0" for name in shown.names]
            bars.barh(places, shown.confidences, color=colors)
            bars.set_yticks(places, shown.names, fontsize=7)
            bars.invert_yaxis()
            bars.set(xlim=(0, 1.25), xticks=[0, 0.5, 1])
            bars.tick_params(axis="x", labelsize=7)
            for place, confidence in zip(places, shown.confidences, strict=True):
                bars.text(confidence + 0.02, place, f"{confidence:.3f}", va="center", fontsize=6)
            bars.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=10)
    _save(figure, path)


def training_curves(
    trainings: pd.DataFrame,
    histories: pd.DataFrame,
    title: str,
    path: Path,
    colors: Mapping[str, str] = COLORS,
    names: Mapping[str, str] | None = None,
) -> None:
    """Accuracy and loss over the epochs, training dashed and validation solid.

    Args:
        colors, names: of the roles; without names the role and the procedure are written.
    """
    figure = Figure(figsize=(10.4, 4), layout="constrained")
    axes = figure.subplots(1, 2)
    for _, training in trainings.iterrows():
        history = histories[histories["stage"] == training["stage"]]
        color = colors[training["role"]]
        label = names[training["role"]] if names else training["role"].replace("_", " ")
        if not names and training["procedure"] not in ("none", "as_listed"):
            label += f" ({training['procedure']})"
        style = ":" if training["procedure"] == "papernot" else "-"
        for axis, name, scale in ((axes[0], "accuracy", 100), (axes[1], "loss", 1)):
            axis.plot(
                history["epoch"] + 1,
                scale * history[f"val_{name}"],
                style,
                color=color,
                label=label,
            )
            axis.plot(history["epoch"] + 1, scale * history[name], "--", color=color, alpha=0.5)
    axes[0].set(title="accuracy (%)", xlabel="epoch")
    axes[1].set(title="loss", xlabel="epoch", yscale="log")
    for axis in axes:
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=7, title="solid: validation, dashed: training", title_fontsize=7)
    figure.suptitle(title)
    _save(figure, path)


def loss_curves(
    curves: Mapping[str, np.ndarray],
    names: Mapping[str, str],
    colors: Mapping[str, str],
    printed: Mapping[str, tuple[float, float]],
    title: str,
    path: Path,
) -> None:
    """Training losses against the epoch.

    Args:
        curves: by role, float [epochs].
        printed: by role, the losses that a study prints after its first and its last epoch,
            drawn as crosses at the first and the last epoch here.
    """
    figure = Figure(figsize=(7, 4), layout="constrained")
    axis = figure.subplots()
    for role, values in curves.items():
        epochs = np.arange(1, len(values) + 1)
        axis.semilogy(epochs, values, marker=".", color=colors[role], label=names[role])
        if role in printed:
            label = f"published, {names[role]}"
            axis.plot(
                [1, len(values)], printed[role], linestyle="", marker="x", color=colors[role],
                label=label,
            )  # fmt: skip
    axis.set(xlabel="epoch", ylabel="training loss")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=7)
    figure.suptitle(title, fontsize=10)
    _save(figure, path)


def strips(
    rows: Mapping[str, tuple[np.ndarray, np.ndarray]],
    headings: Sequence[str],
    class_names: Sequence[str],
    label: int,
    title: str,
    path: Path,
) -> None:
    """One picture at growing epsilons with its predictions, wrong ones in red, a row per network.

    Args:
        rows: by network, pictures [E, height, width, channels] in [0, 1] and predictions [E].
        headings: of the columns.
        label: the true class.
    """
    size = (1.1 * len(headings) + 1.2, 1.45 * len(rows) + 0.7)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(rows), len(headings), squeeze=False)
    for axis_row, (name, (pictures, predictions)) in zip(axes, rows.items(), strict=True):
        for axis, picture, predicted in zip(axis_row, pictures, predictions, strict=True):
            axis.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
            color = "black" if predicted == label else "C3"
            axis.set_xlabel(_called(class_names, predicted), fontsize=9, color=color)
        axis_row[0].set_ylabel(name.replace(", ", ",\n").replace(": ", ":\n"), fontsize=8)
    for axis, heading in zip(axes[0], headings, strict=True):
        axis.set_title(heading, fontsize=8)
    figure.suptitle(title, fontsize=10)
    _save(figure, path)


def class_shares(
    counts: np.ndarray,
    columns: Sequence[str],
    class_names: Sequence[str],
    unit: str,
    title: str,
    path: Path,
) -> None:
    """How the predictions of each column are shared among the classes, in percent.

    Args:
        counts: int [classes, columns].
        unit: of the columns.
    """
    shares = 100 * counts / counts.sum(axis=0)
    figure = Figure(figsize=(0.55 * len(columns) + 2, 0.35 * len(counts) + 1.4))
    figure.set_layout_engine("constrained")
    axis = figure.subplots()
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        color = "white" if share > 50 else "black"
        axis.text(column, row, f"{share:.0f}", ha="center", va="center", fontsize=7, color=color)
    axis.set_xticks(range(len(columns)), columns, fontsize=8)
    axis.set_yticks(range(len(counts)), class_names, fontsize=8)
    axis.set(xlabel=unit, ylabel="predicted class")
    figure.suptitle(title, fontsize=9)
    _save(figure, path)


def loss_terms(histories: dict[str, pd.DataFrame], title: str, path: Path) -> None:
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
    axes[0].legend(fontsize=7)
    figure.suptitle(title)
    _save(figure, path)


def random_erasing(images: np.ndarray, path: Path) -> None:
    """Images above what `RandomErasing` makes of them, every one erased."""
    erased = RandomErasing(probability=1.0).erase(
        tf.constant(images), tf.constant([0, 0], tf.int64)
    )
    _grid([("before", images), ("after", np.asarray(erased))], None, path)


def adversarial_images(
    examples: dict[str, np.ndarray], class_names, title: str, path: Path
) -> None:
    """Images, perturbations and adversarial images with their predictions."""
    images, adversarial = examples["images"], examples["adversarial"]
    perturbation = adversarial - images
    largest = max(float(np.abs(perturbation).max()), 1e-9)
    captions = {
        "image": [
            _called(class_names, p) + ("" if p == t else f"\n(true: {class_names[t]})")
            for p, t in zip(examples["clean"], examples["labels"], strict=True)
        ],
        "adversarial": [_called(class_names, p) for p in examples["predictions"]],
    }
    _grid(
        [
            ("image", images),
            (f"perturbation\n(largest {255 * largest:.2g} grey)", perturbation / largest / 2 + 0.5),
            ("adversarial", np.clip(adversarial, 0, 1)),
        ],
        captions,
        path,
        title,
    )


def _called(class_names, prediction: int) -> str:
    """Outputs that are not numbers predict no class."""
    return str(class_names[prediction]) if prediction >= 0 else "no number"


def _grid(rows, captions, path: Path, title: str | None = None) -> None:
    columns = len(rows[0][1])
    size = (1.5 * columns + 1, 1.8 * len(rows) + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for axis_row, (name, images) in zip(axes, rows, strict=True):
        for column, (axis, image) in enumerate(zip(axis_row, images, strict=True)):
            axis.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
            if captions and name in captions:
                axis.set_title(captions[name][column], fontsize=8)
        axis_row[0].set_ylabel(name, fontsize=8)
    if title:
        figure.suptitle(title, fontsize=10)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without this, the library's version alone would change a committed picture.
    figure.savefig(path, dpi=110, metadata={"Software": None})

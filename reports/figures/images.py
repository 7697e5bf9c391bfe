"""Images before and after an attack, with what networks take them for."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from data import RandomErasing
from reports.figures.canvas import canvas, show


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
    size, widths = (4.6 * columns, 1.75 * len(rows) + 0.5), [1, 1.15] * columns
    with canvas(title, path, size, len(rows), 2 * columns, width_ratios=widths) as axes:
        for axis_row, row in zip(axes, rows, strict=True):
            for column, shown in enumerate(row):
                picture, bars = axis_row[2 * column : 2 * column + 2]
                show(picture, shown.picture)
                picture.set_title(shown.title, fontsize=8)
                _draw_confidences(bars, shown)


def _draw_confidences(axis: Axes, shown: Confidences) -> None:
    places = np.arange(len(shown.names))
    colors = ["C2" if name == shown.true else "C0" for name in shown.names]
    bars = axis.barh(places, shown.confidences, color=colors)
    axis.bar_label(bars, fmt="%.3f", fontsize=6, padding=1)
    axis.set_yticks(places, shown.names, fontsize=7)
    axis.invert_yaxis()
    axis.set(xlim=(0, 1.25), xticks=[0, 0.5, 1])
    axis.tick_params(axis="x", labelsize=7)
    axis.spines[["top", "right"]].set_visible(False)


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
    size = 1.1 * len(headings) + 1.2, 1.45 * len(rows) + 0.7
    with canvas(title, path, size, len(rows), len(headings)) as axes:
        for axis_row, (name, (pictures, predictions)) in zip(axes, rows.items(), strict=True):
            for axis, picture, predicted in zip(axis_row, pictures, predictions, strict=True):
                show(axis, picture)
                color = "black" if predicted == label else "C3"
                axis.set_xlabel(_called(class_names, predicted), fontsize=9, color=color)
            axis_row[0].set_ylabel(name.replace(", ", ",\n").replace(": ", ":\n"), fontsize=8)
        for axis, heading in zip(axes[0], headings, strict=True):
            axis.set_title(heading, fontsize=8)


def random_erasing(images: np.ndarray, path: Path) -> None:
    """Images above what `RandomErasing` makes of them, every one erased."""
    erased = RandomErasing(probability=1.0).erase(images, np.zeros(2, np.int64)).numpy()
    _grid([("before", images, []), ("after", erased, [])], "", path)


def adversarial_images(
    examples: Mapping[str, np.ndarray], class_names: Sequence[str] | None, title: str, path: Path
) -> None:
    """Images, perturbations and adversarial images with their predictions.

    Args:
        examples: see `harness.pictures.examples`.
        class_names: of all classes; `None` for the names that the examples bring.
    """
    names = class_names or dict(zip(examples["classes"], examples["class_names"], strict=True))
    images, adversarial = (examples[name].astype(np.float32) for name in ("images", "adversarial"))
    perturbation = adversarial - images
    largest = max(float(np.abs(perturbation).max()), 1e-9)
    amplified = perturbation / largest / 2 + 0.5
    true, before, after = (
        [_called(names, index) for index in examples[each]]
        for each in ("labels", "clean", "predictions")
    )
    for place in np.flatnonzero(examples["clean"] != examples["labels"]):
        before[place] += f"\n(true: {true[place]})"
    rows = [
        ("image", images, before),
        (f"perturbation\n(largest {255 * largest:.2g} grey)", amplified, []),
        ("adversarial", np.clip(adversarial, 0, 1), after),
    ]
    _grid(rows, title, path)


def _called(class_names, prediction: int) -> str:
    """Outputs that are not numbers predict no class."""
    return str(class_names[prediction]).replace("_", " ") if prediction >= 0 else "no number"


def _grid(rows: list[tuple[str, np.ndarray, list[str]]], title: str, path: Path) -> None:
    """Rows of images, each with its name and the captions above its images, if it has any."""
    columns = len(rows[0][1])
    size = 1.5 * columns + 1, 1.8 * len(rows) + 0.4
    with canvas(title, path, size, len(rows), columns) as axes:
        for axis_row, (name, images, captions) in zip(axes, rows, strict=True):
            axis_row[0].set_ylabel(name, fontsize=8)
            for axis, image, caption in zip_longest(axis_row, images, captions, fillvalue=""):
                show(axis, image)
                axis.set_title(caption, fontsize=8)

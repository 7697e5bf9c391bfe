"""Images before and after an attack, with what networks take them for."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from data import RandomErasing
from evaluation import nearest_median
from reports.figures.canvas import canvas, show
from reports.figures.roles import GUIDE, RIGHT, WRONG


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
    """Pictures with bars of their highest confidences beside them; the true class is bold.

    Args:
        rows: one per picture, each with one entry per attack.
    """
    columns = len(rows[0])
    size, widths = (4.6 * columns, 1.75 * len(rows) + 0.7), [1, 1.15] * columns
    with canvas(title, path, size, len(rows), 2 * columns, width_ratios=widths) as axes:
        for axis_row, row in zip(axes, rows, strict=True):
            for column, shown in enumerate(row):
                picture, bars = axis_row[2 * column : 2 * column + 2]
                show(picture, shown.picture)
                picture.set_title(shown.title, fontsize=8)
                _draw_confidences(bars, shown)
        for axis in axes[-1, 1::2]:
            axis.set_xlabel("confidence", fontsize=7)


def _draw_confidences(axis: Axes, shown: Confidences) -> None:
    places = np.arange(len(shown.names))
    colors = [RIGHT if name == shown.true else GUIDE for name in shown.names]
    bars = axis.barh(places, shown.confidences, color=colors)
    axis.bar_label(bars, fmt="%.3f", fontsize=6, padding=1)
    axis.set_yticks(places, shown.names, fontsize=7)
    for label in axis.get_yticklabels():
        label.set_fontweight("bold" if label.get_text() == shown.true else "normal")
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
    """One picture at growing epsilons with its predictions, wrong ones bold, a row per network.

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
                is_wrong = {"color": WRONG, "fontweight": "bold"} if predicted != label else {}
                axis.set_xlabel(_called(class_names, predicted), fontsize=9, **is_wrong)
            axis_row[0].set_ylabel(name.replace(", ", ",\n").replace(": ", ":\n"), fontsize=8)
        for axis, heading in zip(axes[0], headings, strict=True):
            axis.set_title(heading, fontsize=8)


def random_erasing(images: np.ndarray, path: Path) -> None:
    """Images above what `RandomErasing` makes of them, every one erased."""
    erased = RandomErasing(probability=1.0).erase(images, np.zeros(2, np.int64)).numpy()
    size = 1.5 * len(images) + 1, 4.0
    with canvas("", path, size, 2, len(images)) as axes:
        for axis_row, (name, shown) in zip(axes, (("before", images), ("after", erased))):
            axis_row[0].set_ylabel(name, fontsize=8)
            for axis, image in zip(axis_row, shown, strict=True):
                show(axis, image)


class Attacked(NamedTuple):
    """One network under one attack, and what results keep of its images.

    Attributes:
        label: what is written beside its pictures.
        examples: see `harness.pictures.examples`.
        class_names: of all classes; `None` for the names that the examples bring.
    """

    label: str
    examples: Mapping[str, np.ndarray]
    class_names: Sequence[str] | None = None

    @property
    def chosen(self) -> int | None:
        """The image to show: right before and wrong after, and of the median distance of those.

        Its place among the examples; `None` where the attack turned none of them.
        """
        kept = self.examples
        change = kept["adversarial"].astype(np.float64) - kept["images"]
        turned = (kept["clean"] == kept["labels"]) & (kept["predictions"] != kept["labels"])
        distances = np.sqrt((change**2).sum(axis=tuple(range(1, change.ndim))))
        return next(iter(nearest_median(distances, turned & (kept["predictions"] >= 0), 1)), None)


def adversarial_images(attacked: Sequence[Attacked], title: str, path: Path) -> None:
    """A row for each: its chosen image, what the attack adds, and the two together.

    Args:
        attacked: at least one, all of them with a chosen image.
    """
    size = 5.0, 1.45 * len(attacked) + 0.4
    with canvas(title, path, size, len(attacked), 3) as axes:
        for axis_row, each in zip(axes, attacked, strict=True):
            _draw_attacked(axis_row, each)


def _draw_attacked(axes: Sequence[Axes], attacked: Attacked) -> None:
    kept, chosen = attacked.examples, attacked.chosen
    names = attacked.class_names or dict(zip(kept["classes"], kept["class_names"], strict=True))
    image, adversarial = (kept[name][chosen].astype(np.float32) for name in _BEFORE_AND_AFTER)
    perturbation = adversarial - image
    largest = max(float(np.abs(perturbation).max()), 1e-9)
    pictures = {
        _called(names, kept["clean"][chosen]): image,
        f"added, ≤ {255 * largest:.2g}/255": perturbation / largest / 2 + 0.5,
        _called(names, kept["predictions"][chosen]): np.clip(adversarial, 0, 1),
    }
    for axis, (words, picture) in zip(axes, pictures.items(), strict=True):
        show(axis, picture)
        axis.set_title(words, fontsize=8)
    axes[2].title.set_color(WRONG)
    axes[0].set_ylabel(attacked.label, fontsize=7, rotation=0, ha="right", va="center")


_BEFORE_AND_AFTER = ("images", "adversarial")


def _called(class_names, prediction: int) -> str:
    """Outputs that are not numbers predict no class."""
    return str(class_names[prediction]).replace("_", " ") if prediction >= 0 else "no number"

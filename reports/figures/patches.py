"""Pictures of patches: how much damage they do, what they look like, and where they lie."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from reports.figures.pictures import _save


def error_bars(
    errors: Mapping[str, Mapping[int, tuple[float, float, float]]],
    without: float,
    title: str,
    path: Path,
) -> None:
    """A group of bars for every class, one for every size, with 95 % intervals.

    Args:
        errors: (error, low, high) in percent, by class and side in pixels.
        without: the error without a patch, a line.
    """
    sides = list(next(iter(errors.values())))
    width = 0.8 / len(sides)
    figure = Figure(figsize=(1.5 * len(errors) + 2.2, 3.6), layout="constrained")
    axis = figure.subplots()
    for index, side in enumerate(sides):
        found = np.array([of_class[side] for of_class in errors.values()])
        places = np.arange(len(errors)) + (index - (len(sides) - 1) / 2) * width
        axis.bar(places, found[:, 0], 0.92 * width, color=f"C{index}", label=f"{side} pixels")
        axis.vlines(places, found[:, 1], found[:, 2], color="black", linewidth=1)
    axis.axhline(without, color="gray", linestyle="--", label="no patch")
    axis.set_xticks(np.arange(len(errors)), errors)
    axis.set(ylim=(0, 102), ylabel="top-1 error (%)")
    axis.grid(alpha=0.3, axis="y")
    figure.legend(fontsize=8, loc="outside lower center", ncols=len(sides) + 1)
    figure.suptitle(title, fontsize=10)
    _save(figure, path)


def patch_grid(patches: Mapping[int, Mapping[str, Mapping]], title: str, path: Path) -> None:
    """The patches themselves, a row for every size and a column for every class.

    Args:
        patches: by side and class, "pixels" uint8 [h, w, C], and the shares "target", of the
            images that are taken for the class, and "error".
    """
    columns = max(len(of_side) for of_side in patches.values())
    figure = Figure(figsize=(1.5 * columns + 0.8, 1.75 * len(patches) + 0.4), layout="constrained")
    axes = figure.subplots(len(patches), columns, squeeze=False)
    for axis_row, (side, of_side) in zip(axes, patches.items(), strict=True):
        for axis, (name, patch) in zip(axis_row, of_side.items(), strict=True):
            _show(axis, patch["pixels"])
            axis.set_title(
                f"{name}\nerror {patch['error']:.0%}, target {patch['target']:.0%}", fontsize=7
            )
        axis_row[0].set_ylabel(f"{side} pixels", fontsize=8)
    figure.suptitle(title, fontsize=10)
    _save(figure, path)


def patched_images(patches: Mapping[str, Mapping[str, Mapping]], title: str, path: Path) -> None:
    """An image under every patch, with what it is taken for; right answers are green.

    Args:
        patches: by row and class of the patch, "image" uint8 [H, W, C] and the names "label",
            "prediction".
    """
    columns = max(len(of_row) for of_row in patches.values())
    figure = Figure(figsize=(1.9 * columns + 0.8, 2.4 * len(patches) + 0.6), layout="constrained")
    figure.get_layout_engine().set(hspace=0.1)
    axes = figure.subplots(len(patches), columns, squeeze=False)
    for axis_row, (row, of_row) in zip(axes, patches.items(), strict=True):
        for axis, (name, patch) in zip(axis_row, of_row.items(), strict=True):
            _show(axis, patch["image"])
            right = patch["prediction"] == patch["label"]
            axis.set_title(
                _words(patch["prediction"]),
                fontsize=8,
                color="C2" if right else "C3",
            )
            axis.set_xlabel(f"patch: {name}", fontsize=7)
        axis_row[0].set_ylabel(row, fontsize=8)
    first = next(iter(next(iter(patches.values())).values()))
    true = _words(first["label"])
    figure.suptitle(f"{title}\ntrue class: {true}", fontsize=9)
    _save(figure, path)


def _words(name) -> str:
    return str(name).replace("_", " ")


def _show(axis, picture: np.ndarray) -> None:
    axis.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=255)
    axis.set(xticks=[], yticks=[])

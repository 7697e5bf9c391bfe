"""Pictures of patches: what they look like, and images that carry them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from reports.figures.canvas import canvas, show
from reports.figures.roles import RIGHT, WRONG

#: What is shown of each patch, by row and by the name of its class.
Patches = Mapping[str, Mapping[str, Mapping[str, Any]]]


def patch_grid(patches: Patches, title: str, path: Path) -> None:
    """The patches themselves.

    Args:
        patches: "pixels" uint8 [h, w, C], and the shares of the images that are classified wrong,
            "error", and that are taken for the class of the patch, "target".
    """
    for axis, name, patch in _grid(patches, "pixels", (1.5, 1.75), title, path):
        shares = f"error {patch['error']:.0%}, target {patch['target']:.0%}"
        axis.set_title(f"{name}\n{shares}", fontsize=7)


def patched_images(patches: Patches, title: str, path: Path) -> None:
    """One image under every patch, with what it is taken for, in the colour of right or wrong.

    Args:
        patches: "image" uint8 [H, W, C], and the names "label" and "prediction".
    """
    [[first, *_], *_] = [[*of_row.values()] for of_row in patches.values()]
    title += f"\ntrue class: {_words(first['label'])}"
    for axis, name, patch in _grid(patches, "image", (1.9, 2.4), title, path):
        color = RIGHT if patch["prediction"] == patch["label"] else WRONG
        axis.set_title(_words(patch["prediction"]), fontsize=8, color=color)
        axis.set_xlabel(f"patch: {name}", fontsize=7)


def _grid(
    patches: Patches, picture: str, cell: tuple[float, float], title: str, path: Path
) -> Iterator[tuple[Axes, str, Mapping[str, Any]]]:
    """Draws that picture of every patch; each axis with its patch, to be labelled."""
    columns, (width, height) = max(map(len, patches.values())), cell
    size = width * columns + 0.8, height * len(patches) + 0.6
    with canvas(title, path, size, len(patches), columns) as axes:
        for axis_row, (row, of_row) in zip(axes, patches.items(), strict=True):
            axis_row[0].set_ylabel(row, fontsize=8)
            for axis, (name, patch) in zip(axis_row, of_row.items(), strict=True):
                show(axis, patch[picture])
                yield axis, name, patch


def _words(name: Any) -> str:
    return str(name).replace("_", " ")

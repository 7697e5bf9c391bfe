"""Pictures of patches: what they look like, and images that carry them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.figures.canvas import save

#: What is shown of each patch, by row and by the name of its class.
Patches = Mapping[str, Mapping[str, Mapping[str, Any]]]


def patch_grid(patches: Patches, title: str, path: Path) -> None:
    """The patches themselves.

    Args:
        patches: "pixels" uint8 [h, w, C], and the shares of the images that are classified wrong,
            "error", and that are taken for the class of the patch, "target".
    """
    figure, shown = _grid(patches, "pixels", (1.5, 1.75))
    for axis, name, patch in shown:
        shares = f"error {patch['error']:.0%}, target {patch['target']:.0%}"
        axis.set_title(f"{name}\n{shares}", fontsize=7)
    figure.suptitle(title, fontsize=10)
    save(figure, path)


def patched_images(patches: Patches, title: str, path: Path) -> None:
    """One image under every patch, with what it is taken for; right answers are green.

    Args:
        patches: "image" uint8 [H, W, C], and the names "label" and "prediction".
    """
    figure, shown = _grid(patches, "image", (1.9, 2.4))
    for axis, name, patch in shown:
        color = "C2" if patch["prediction"] == patch["label"] else "C3"
        axis.set_title(_words(patch["prediction"]), fontsize=8, color=color)
        axis.set_xlabel(f"patch: {name}", fontsize=7)
    label = _words(shown[0][2]["label"])
    figure.suptitle(f"{title}\ntrue class: {label}", fontsize=9)
    save(figure, path)


def _grid(
    patches: Patches, picture: str, cell: tuple[float, float]
) -> tuple[Figure, list[tuple[Axes, str, Mapping[str, Any]]]]:
    """A figure with that picture of every patch, and each axis with its patch."""
    columns = max(map(len, patches.values()))
    width, height = cell
    figure = Figure(figsize=(width * columns + 0.8, height * len(patches) + 0.6))
    figure.set_layout_engine("constrained", hspace=0.08)
    axes = figure.subplots(len(patches), columns, squeeze=False)
    shown = []
    for axis_row, (row, of_row) in zip(axes, patches.items(), strict=True):
        axis_row[0].set_ylabel(row, fontsize=8)
        for axis, (name, patch) in zip(axis_row, of_row.items(), strict=True):
            axis.imshow(patch[picture].squeeze(), cmap="gray", vmin=0, vmax=255)
            axis.set(xticks=[], yticks=[])
            shown.append((axis, name, patch))
    return figure, shown


def _words(name: Any) -> str:
    return str(name).replace("_", " ")

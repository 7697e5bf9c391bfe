"""How every picture is laid out, coloured and saved."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: The colours of the networks that distillation makes.
COLORS = {"undefended": "C0", "teacher": "C2", "student": "C3", "control": "C1", "warm_up": "C7"}


def shared_legend(figure: Figure, axes: Sequence[Axes], title: str | None = None) -> None:
    """One legend below all panels, with every label once, as wide as the figure allows."""
    handles = {
        label: handle
        for axis in axes
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    if not handles:
        return
    inches = 0.7 + 0.065 * max(map(len, handles))  # of a handle and the longest label
    figure.legend(
        handles.values(),
        handles.keys(),
        title=title,
        fontsize=8,
        title_fontsize=8,
        loc="outside lower center",
        ncols=max(1, min(len(handles), int(figure.get_figwidth() / inches))),
    )


def save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without this, the library's version alone would change a committed picture.
    figure.savefig(path, dpi=110, metadata={"Software": None})

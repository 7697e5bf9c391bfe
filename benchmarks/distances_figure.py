"""Local optimality against gradients, one panel for each norm, legible on a telephone."""

from pathlib import Path

from matplotlib.figure import Figure

from benchmarks import ours

_COLOURS = {
    "DeepFool": "#7f7f7f",
    "CW": "#9467bd",
    "FAB": "#2ca02c",
    "DDN": "#ff7f0e",
    "FMN": "#1f77b4",
    "sigma-zero": "#d62728",
}
_LINES = {ours.NAME: "-", "Foolbox": "--", "PyTorch": ":"}


def draw(measured, titles: dict[str, str], path: Path) -> None:
    """Writes the figure of rows of `benchmarks.distances`; panels are below one another."""
    figure = Figure(figsize=(5, 3.5 * len(titles)), layout="constrained")
    panels = figure.subplots(len(titles), squeeze=False)[:, 0]
    for panel, (norm, title) in zip(panels, titles.items()):
        of_norm = [each for each in measured if each.norm == norm]
        for attack, library in dict.fromkeys((each.attack, each.library) for each in of_norm):
            points = [each for each in of_norm if (each.attack, each.library) == (attack, library)]
            panel.plot(
                [each.gradients for each in points],
                [float("nan") if each.optimality is None else each.optimality for each in points],
                _LINES[library],
                color=_COLOURS[attack],
                marker="o",
                markersize=3.5,
                label=attack if library == ours.NAME else f"{attack}, {library}",
            )
        panel.set(
            title=f"{title}, by gradients for an image",
            xscale="log",
            ylim=(-0.02, 1.02),
            ylabel="local optimality",
        )
        ticks = sorted({each.budget for each in of_norm})
        panel.set_xticks(ticks, [f"{tick}" for tick in ticks], minor=False)
        panel.set_xticks([], minor=True)
        panel.grid(alpha=0.3)
        if of_norm:
            panel.legend(fontsize=8, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.1))
    figure.savefig(path, dpi=100, metadata={"Software": None})

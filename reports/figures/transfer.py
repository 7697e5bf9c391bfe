"""How adversarial images that were made on one model do on others, as a heat map."""

from pathlib import Path
from textwrap import fill

from matplotlib.patches import Rectangle

from evaluation import TransferMatrix
from reports.figures.canvas import canvas, percent
from reports.figures.roles import WRONG

_CELL = 0.78, 0.58  # inches: with four models, the text is still read on a phone


def transfer_map(matrix: TransferMatrix, title: str, path: Path) -> None:
    """Accuracies in percent with 95 % intervals: a row for each model that images are crafted on.

    The first row is without attack; white-box attacks are framed.
    """
    names = [fill(name, 12, break_long_words=False) for name in matrix.names]
    rows = [matrix.clean_accuracies, *matrix.accuracies]
    size = _CELL[0] * len(names) + 1.5, _CELL[1] * len(rows) + 1.3
    with canvas(title, path, size) as [[axis]]:
        shown = [percent(row) for row in rows]
        values = [value for value, _, _ in shown]
        axis.imshow(values, vmin=0, vmax=100, cmap="viridis", aspect="auto")
        for row, cells in enumerate(shown):
            for column, (value, low, high) in enumerate(cells.T):
                style = {"ha": "center", "color": "white" if value <= 60 else "black"}
                axis.text(column, row, f"{value:.0f}", va="bottom", fontsize=11, **style)
                interval = f"{low:.0f} to {high:.0f}"
                axis.text(column, row + 0.08, interval, va="top", fontsize=8, **style)
        for place in range(len(names)):
            corner = place - 0.47, place + 1 - 0.47
            axis.add_patch(Rectangle(corner, 0.94, 0.94, fill=False, color=WRONG, linewidth=2))
        axis.axhline(0.5, color="white", linewidth=4)
        axis.set_xticks(range(len(names)), names, rotation=30, ha="right", fontsize=9)
        axis.set_yticks(range(len(rows)), ["no attack", *names], fontsize=9)
        axis.set_xlabel("accuracy (%) of", fontsize=9)
        axis.set_ylabel("images crafted on", fontsize=9)

"""What is around the panels of a figure."""

from unittest.mock import patch

import numpy as np
from matplotlib.figure import Figure

from reports.figures.canvas import canvas
from reports.figures.roles import NETWORKS
from reports.figures.training import loss_curves

LONG = "One image under each attack, and what the attack adds (scaled): digits in place of mnist"


def drawn(path, draw) -> Figure:
    """The figure that is written to a path."""
    with patch("reports.figures.canvas._write") as written:
        draw()
    return next(call.args[0] for call in written.call_args_list if call.args[1] == path)


def test_a_title_is_no_wider_than_its_figure(tmp_path):
    path = tmp_path / "figure.png"

    def draw():
        with canvas(LONG, path, (4.0, 3.0)) as [[axis]]:
            axis.plot([0, 1])

    figure = drawn(path, draw)
    figure.canvas.draw()
    (title,) = [each for each in figure.texts if each.get_text()]
    assert title.get_text().replace("\n", " ") == LONG
    box = title.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.width


def test_a_legend_names_no_published_loss_where_none_is_drawn(tmp_path):
    path, names = tmp_path / "losses.png", {"student": "student", "control": "control"}

    def draw():
        curves = {role: np.array([1.0, 0.5]) for role in names}
        loss_curves(curves, names, NETWORKS, "", path, {"student": {}, "control": {1: 0.7}})

    (legend,) = drawn(path, draw).legends
    labels = {text.get_text() for text in legend.get_texts()}
    assert labels == {"student", "control", "published, control"}

"""What is around the panels of a figure."""

from functools import partial
from unittest.mock import patch

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from reports.figures.canvas import canvas
from reports.figures.roles import NETWORKS
from reports.figures.training import loss_curves, loss_terms

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


def numbers_of(figure: Figure) -> list[str]:
    """What stands beside the ticks of the upward axes."""
    figure.canvas.draw()
    ticks = [axis.yaxis.get_majorticklabels() for axis in figure.axes]
    return [label.get_text() for labels in ticks for label in labels if label.get_text()]


def test_numbers_along_a_logarithmic_axis_are_no_formulas(tmp_path):
    values = np.geomspace(10.0, 0.01, 5)
    columns = ("student_term", "student_gradient_norm", "distillation_term")
    columns += ("distillation_gradient_norm",)
    history = pd.DataFrame({"epoch": range(5), **dict.fromkeys(columns, values)})
    names = {"undefended": "undefended"}

    def losses(path):
        loss_curves({"undefended": values}, names, NETWORKS, "Loss", path)

    def terms(path):
        loss_terms({"as_listed": history}, "Terms", path)

    for draw in (losses, terms):
        path = tmp_path / f"{draw.__name__}.png"
        # The numbers are written while the figure is drawn, and formulas are off only then.
        with rc_context({"text.parse_math": False}):
            numbers = numbers_of(drawn(path, partial(draw, path)))
        assert {"0.1", "1"} <= set(numbers) and not any("$" in each for each in numbers)

"""What figures say of their lines: how many images, in which unit, from where on a logarithm."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from evaluation import Estimate
from reports.figures.curves import Line, Published, panels, sample_sizes
from reports.figures.roles import NETWORKS


def line(label: str, images: int, epsilons=(0.0, 0.8)) -> Line:
    estimates = [Estimate.share(0.5, images) for _ in epsilons]
    return Line(label, NETWORKS["student"], np.array(epsilons), estimates)


CROSS = Published("published", NETWORKS["student"], [0.8], [40.0])


@pytest.mark.parametrize(
    "drawn, said",
    [
        ({"FGSM": [line("a", 1000), CROSS], "PGD": [line("a", 1000)], "CW": []}, "1,000 images"),
        ({"FGSM": [line("a", 1000)], "CW": [line("a", 64)]}, "1,000 images (FGSM), 64 images (CW)"),
        ({"top-1": [line("FGSM", 1000), line("CW", 64)]}, "1,000 images (FGSM), 64 images (CW)"),
    ],
)
def test_sample_sizes_are_said_once_where_they_are_the_same(drawn, said):
    assert sample_sizes(drawn) == said


def test_an_axis_says_its_unit_and_where_it_becomes_logarithmic(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: figures.append(self))
    drawn = {"FGSM": [line("a", 10)], "PGD": [line("a", 10, (0.0, 0.8, 8.0))]}
    panels(drawn, "title", tmp_path / "a.png", unit="epsilon (grey levels)", linear_up_to=0.8)
    linear, bent = figures[0].axes
    assert linear.get_xlabel() == "epsilon (grey levels)" and linear.get_xscale() == "linear"
    assert bent.get_xlabel() == "epsilon (grey levels), logarithmic beyond 0.8"
    assert [each.get_xdata() for each in bent.lines if each.get_linestyle() == ":"] == [[0.8, 0.8]]
    (shown, *_) = linear.lines
    assert (shown.get_color(), shown.get_marker()) == NETWORKS["student"][:2]

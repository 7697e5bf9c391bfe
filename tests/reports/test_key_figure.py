"""The drawing of a key finding: a bar for every share, with its number, and no label cut off."""

from contextlib import contextmanager

import numpy as np
import pytest
from matplotlib.figure import Figure

from evaluation import Estimate
from harness.study import Bar, KeyFinding
from reports import key_figure
from reports.figures.vector import narrow_path

LONGEST = "control without soft labels and FGSM as published"
MEASURED = Estimate(0.25, 0.2, 0.35, images=100)
BARS = (Bar("distilled, FGSM", 0.9291), Bar(LONGEST, MEASURED))
FINDING = KeyFinding("", "", "accuracy of the VGG variant on CIFAR-10 under PGD", BARS, "here")


@pytest.fixture
def figures(monkeypatch):
    """Those that are drawn, as wide as a phone."""
    drawn = []

    @contextmanager
    def canvas(title, path, size):
        figure = Figure(figsize=(3.9, size[1]), layout="constrained", dpi=110)
        yield figure.subplots(squeeze=False)
        drawn.append(figure)

    monkeypatch.setattr(key_figure, "canvas", canvas)
    return drawn


def test_bars_are_as_long_as_their_shares(figures, tmp_path):
    key_figure.draw(FINDING, tmp_path / "finding.svg")
    axis = figures[0].axes[0]
    published, measured = axis.patches
    assert np.allclose([published.get_width(), measured.get_width()], [92.91, 25])
    assert published.get_hatch() and not measured.get_hatch()
    assert published.get_y() < measured.get_y() and axis.yaxis_inverted()
    (interval,) = axis.collections
    assert np.allclose(interval.get_segments()[0][:, 0], [20, 35])


def test_no_text_is_cut_off_or_runs_into_another(figures, tmp_path):
    key_figure.draw(FINDING, tmp_path / "finding.svg")
    (figure,) = figures
    figure.draw_without_rendering()
    axis = figure.axes[0]
    texts = [*axis.texts, axis.xaxis.label]
    places = [text.get_window_extent() for text in texts]
    for text, place in zip(texts, places, strict=True):
        assert figure.bbox.x0 <= place.x0 and place.x1 <= figure.bbox.x1, text.get_text()
        assert not any(place.overlaps(other) for other in places if other is not place)


def test_a_picture_says_its_numbers(tmp_path):
    path = tmp_path / "finding.svg"
    key_figure.draw(FINDING, path)
    for drawn in (path.read_text(), narrow_path(path).read_text()):
        for text in ("published: distilled, FGSM", "92.91 %", LONGEST, "25.0 %"):
            assert text in drawn
        assert "#000000" not in drawn  # what is black does not follow a dark page
    assert key_figure.described(FINDING) == (
        "accuracy of the VGG variant on CIFAR-10 under PGD, in percent: "
        f"published: distilled, FGSM 92.91; {LONGEST} 25.0 [20.0, 35.0]"
    )

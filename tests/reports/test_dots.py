"""A dot plot: each estimate at its place, in the look of its member."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from evaluation import Estimate
from reports.figures.dots import dot_plot
from reports.figures.roles import ATTACKS


@pytest.fixture
def axes(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: figures.append(self))
    share = Estimate.share
    faithful = {"no defense": {"FGSM": share(0.2, 50)}, "blur": {"FGSM": share(0.4, 50)}}
    corrected = {"no defense": {"FGSM": share(0.1, 50), "PGD": share(0.0, 50)}}
    drawn = {"mnist": {"faithful": faithful, "corrected": corrected}}
    looks = {name: ATTACKS[name] for name in ("FGSM", "PGD")}
    dot_plot(drawn, looks, "title", tmp_path / "a.png", levels={"no attack": 0.9})
    return figures[0].axes


def test_every_estimate_stands_at_its_value_with_its_interval(axes):
    faithful, corrected = axes
    assert faithful.get_title() == "mnist, faithful" and corrected.get_xlabel() == "accuracy (%)"
    (fgsm,) = faithful.containers
    np.testing.assert_allclose(fgsm.lines[0].get_xdata(), [20, 40])
    assert [round(place) for place in fgsm.lines[0].get_ydata()] == [0, 1]
    low, high = 100 * Estimate.share(0.2, 50).low, 100 * Estimate.share(0.2, 50).high
    (bars,) = fgsm.lines[2]
    np.testing.assert_allclose(bars.get_segments()[0][:, 0], [low, high])
    labels = [label.get_text() for label in faithful.get_yticklabels()]
    assert labels == ["no defense", "blur"]


def test_members_have_their_looks_and_what_was_not_run_is_left_out(axes):
    _, corrected = axes
    assert [each.get_label() for each in corrected.containers] == ["FGSM", "PGD"]
    assert [len(each.lines[0].get_xdata()) for each in corrected.containers] == [1, 1]
    drawn = [
        (to_hex(each.lines[0].get_color()), each.lines[0].get_marker())
        for each in corrected.containers
    ]
    assert drawn == [ATTACKS[name][:2] for name in ("FGSM", "PGD")]
    fgsm, pgd = (each.lines[0].get_ydata()[0] for each in corrected.containers)
    assert -0.5 < fgsm < pgd < 0.5  # below each other, in one line
    (level,) = [each for each in corrected.lines if each.get_label() == "no attack"]
    assert level.get_xdata() == [90, 90]

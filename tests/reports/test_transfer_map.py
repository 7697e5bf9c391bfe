"""The heat map of a transfer matrix."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from evaluation import TransferMatrix
from reports.figures.transfer import transfer_map

NAMES = ("undefended", "distilled student", "teacher", "adversarially trained")
PHONE = 375  # pixels, to which a page scales a wider picture


@pytest.fixture
def matrix():
    """With 20 images; model j gets j + 1 of those crafted on model i right, and i more."""
    counts = np.add.outer(np.arange(4), np.arange(4)) + 1
    clean = np.arange(20) < np.array([[20], [19], [18], [10]])
    return TransferMatrix(NAMES, clean, np.arange(20) < counts[..., None])


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved, which are written as well."""
    figures, savefig = [], Figure.savefig

    def note(self, *arguments, **options):
        figures.append(self)
        savefig(self, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", note)
    return figures


def test_every_accuracy_stands_in_its_cell_with_its_interval(matrix, drawn, tmp_path):
    transfer_map(matrix, "title", tmp_path / "figures" / "transfer.png")
    assert (tmp_path / "figures" / "transfer.png").stat().st_size > 1000
    [axis] = drawn[0].axes
    cells = {}
    for text in axis.texts:
        column, row = (round(each) for each in text.get_position())
        cells.setdefault((row, column), []).append(text.get_text())
    assert cells[0, 3] == ["50", "30 to 70"]  # no attack
    assert cells[1, 0] == ["5", "1 to 24"]
    assert [cells[1 + i, j][0] for i, j in ((0, 2), (2, 0), (3, 3))] == ["15", "15", "35"]
    assert len(cells) == 5 * 4
    rows = [label.get_text() for label in axis.get_yticklabels()]
    assert rows[:3] == ["no attack", "undefended", "distilled\nstudent"]
    # The frames are around the white-box attacks.
    frames = [frame.get_xy() for frame in axis.patches]
    assert [(round(x), round(y)) for x, y in frames] == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_it_is_read_on_a_phone(matrix, drawn, tmp_path):
    transfer_map(matrix, "title", tmp_path / "transfer.png")
    [figure] = drawn
    shrunk = min(1.0, PHONE / (110 * figure.get_figwidth()))
    [axis] = figure.axes
    labels = [*axis.texts, *axis.get_xticklabels(), *axis.get_yticklabels()]
    sizes = [text.get_fontsize() / 72 * 110 * shrunk for text in labels]
    assert min(sizes) >= 8 and sorted(sizes)[-20] >= 11  # pixels; the accuracies are larger

"""A notebook shows each picture of a report once, and its text without them."""

import numpy as np
import pytest
from PIL import Image

from reports import inline


@pytest.fixture
def page(tmp_path):
    (tmp_path / "figures").mkdir()
    for name in ("accuracy-b", "accuracy-a", "training", "strip-a"):
        Image.fromarray(np.full((6, 8, 3), 40, np.uint8)).save(tmp_path / f"figures/{name}.png")
    text = "# Title\n\n![a caption](figures/accuracy-a.png)\n\n| a |\n|---|\n| 1 |\n"
    (tmp_path / "report.md").write_text(text)
    return tmp_path / "index.html"


@pytest.fixture
def shown(monkeypatch):
    displayed = []
    monkeypatch.setattr(inline, "display", displayed.append)
    return displayed


def test_every_picture_is_shown_once(page, shown, capsys):
    pictures = inline.Pictures(page)
    pictures.show("strip-*", "accuracy-*")
    pictures.show("accuracy-a")
    pictures.show_rest()
    pictures.show_rest()
    names = ["strip-a.png", "accuracy-a.png", "accuracy-b.png", "training.png"]
    assert [each.alt for each in shown] == names
    assert capsys.readouterr().out == "This run has no picture called accuracy-a.\n"


def test_a_picture_is_as_large_as_its_file(page, shown, tmp_path):
    inline.Pictures(page).show("training")
    (tmp_path / "shown.png").write_bytes(shown[0].data)
    pixels = np.asarray(Image.open(tmp_path / "shown.png").convert("RGB"))
    np.testing.assert_array_equal(pixels, np.full((6, 8, 3), 40))


def test_the_text_is_that_of_the_report_without_pictures(page, shown):
    inline.show_text(page)
    assert shown[0].data == "# Title\n\n| a |\n|---|\n| 1 |\n"

"""Pictures of the site: colours that follow the page, and a second layout for narrow screens."""

import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from reports.figures import vector
from reports.figures.canvas import canvas
from reports.figures.medium import Medium, drawn_for
from reports.gallery import Gallery


def size_of(path):
    width, height = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', path.read_text()).groups()
    return float(width), float(height)


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "figures" / "curves.svg"
    with canvas("Title", path, (11.0, 4.0), columns=3, sharey=True) as [axes]:
        for axis, name in zip(axes, ("one", "two", "three")):
            axis.plot([0, 1], [0, 1], label="line")
            axis.set_title(name)
        axes[0].set_ylabel("accuracy (%)")
    return path


def test_ink_follows_the_scheme_of_the_page(picture):
    for path in (picture, vector.narrow_path(picture)):
        text = path.read_text()
        assert "prefers-color-scheme:dark" in text
        assert "fill: var(--c0)" in text and "stroke: var(--c1)" not in text.split("</style>")[0]
        ink = next(iter(vector._ON_DARK))
        assert text.count(ink) == 1  # where the variable is declared
        assert "Title" not in text  # the page has a caption


def test_a_narrow_picture_has_a_panel_a_line(picture):
    (wide, high), (narrow, higher) = map(size_of, (picture, vector.narrow_path(picture)))
    assert narrow < wide / 2 and higher > 2 * high
    texts = re.findall(
        r">(one|two|three|accuracy \(%\))</text>", vector.narrow_path(picture).read_text()
    )
    assert texts.count("accuracy (%)") == 3  # each line has its own axis
    assert re.findall(r">(accuracy \(%\))</text>", picture.read_text()) == ["accuracy (%)"]


def test_panels_stay_in_their_order():
    figure = Figure(figsize=(10, 6))
    axes = figure.subplots(2, 6, squeeze=False)
    vector.narrow(figure, axes)
    places = [axis.get_subplotspec() for axis in axes.flat]
    at = np.array([(each.rowspan.start, each.colspan.start) for each in places]).reshape(2, 6, 2)
    across = at[..., 1].max() + 1
    assert across == 3
    for row, column in np.ndindex(2, 6):
        assert tuple(at[row, column]) == (2 * (column // across) + row, column % across)


def test_a_page_has_png_and_the_site_svg(tmp_path):
    gallery = Gallery(tmp_path / "figures", ("curves",))
    assert gallery.add("curves", "one", "caption").suffix == ".png"
    with drawn_for(Medium.SITE):
        assert gallery.add("curves", "two", "caption").suffix == ".svg"
    assert gallery.add("curves", "three", "caption").suffix == ".png"

"""Hostile names in every kind of page: each shows as it is written, and does nothing."""

import shlex
import warnings
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from evaluation.pictures import Picture
from files import printable
from harness.plan import plan
from hostile_names import NAMES
from reports.figures.canvas import canvas
from reports.gallery import Gallery
from reports.markdown import rendered
from reports.model_card import Exported, model_card
from reports.outside_names import in_code, in_markdown, in_shell
from reports.picture_files import write_pictures
from reports.tables import markdown_table
from studies import STUDIES

_SPLIT = ("train", "validation", "test")


class Shown(HTMLParser):
    """What a reader sees of some HTML, by spaces apart, and the tags around it."""

    def __init__(self, html: str):
        super().__init__()
        self._text, self.tags = [], set()
        self.feed(html)
        self.text = " ".join("".join(self._text).split())

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)

    def handle_data(self, data):
        self._text.append(data)


def as_seen(name: str) -> str:
    return " ".join(printable(name).split())


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_markdown_is_text(name):
    line = Shown(rendered(f"- data of {in_markdown(name)}: more").html)
    assert line.text == " ".join(f"data of {as_seen(name)}: more".split())
    assert line.tags == {"ul", "li"}
    code = Shown(rendered(f"network {in_code(name)}.").html)
    assert code.tags <= {"p", "code"} and as_seen(name) in code.text


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_a_table_stays_in_its_cell(name):
    html = rendered(markdown_table(pd.DataFrame({name: ["x"], "other": [name]}))).html
    assert html.count("<tr>") == 2 and html.count("<td") == 2 and html.count("<th") >= 2
    assert Shown(html).tags == {"div", "table", "thead", "tbody", "tr", "th", "td"}
    assert as_seen(name) in Shown(html).text


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_a_command_is_one_word(name):
    assert shlex.split(f"run --arms {in_shell(name)}") == ["run", "--arms", printable(name)]


def test_names_of_today_are_written_as_they_are():
    for name in ("vgg16/cifar10 (T = 20)", "57.5 [50.1, 60.2]", "great_white_shark", "1 -> 7"):
        assert in_markdown(name) == name


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_name_in_a_figure_is_no_formula(tmp_path, suffix):
    path, shown = tmp_path / f"figure{suffix}", [printable(name)[:100] for name in NAMES]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph|constrained_layout|.*Tight")
        with canvas(" ".join(shown), path, (8.0, 12.0)) as [[axis]]:
            axis.plot([0, 1], label="costs $5 and $6")
            axis.set_yticks(range(len(shown)), shown)
            axis.set_title("$\\frac$")
    assert path.stat().st_size > 1000
    if suffix == ".svg":
        text = Shown(path.read_text(errors="replace"))
        assert "costs $5 and $6" in text.text and "script" not in text.tags


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_drawn_into_its_folder(tmp_path, name):
    gallery = Gallery(tmp_path, ("all",))
    path = gallery.add("all", f"map-{name}", name)
    assert path.parent == tmp_path
    page = rendered("".join(f"![{caption}]({address})" for caption, address in gallery["all"]))
    assert [address.split("/")[0] for _, address in page.pictures] == [tmp_path.name]
    assert " ".join(page.pictures[0][0].split()) == as_seen(name)
    assert Shown(page.html).tags <= {"figure", "figcaption", "picture", "source", "img", "p"}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_the_names_of_picture_files(tmp_path, name):
    image = np.zeros((2, 2, 1), np.float32)
    picture = Picture("PGD", 0.1, 0, image, image, 0, 1, 0.9, 0.9, 0.1, 0.1)
    assert write_pictures([picture], tmp_path / "new", lambda _: name) == 1
    assert {path.parent.name for path in tmp_path.rglob("*.png")} == {"new"}
    assert len(list(tmp_path.rglob("*.png"))) == 3


def card(path: Path, name: str) -> str:
    """The model card of a file that holds nothing, of a network with a class called `name`."""
    study = STUDIES["icbai"]
    path.write_bytes(b"")
    network = SimpleNamespace(input_shape=(None, 8, 8, 1), output_shape=(None, 2))
    about = {f"{part}_{what}": 1 for part in _SPLIT for what in ("images", "accuracy")}
    exported = Exported(
        study=study,
        profile="demo",
        name="network",
        arm=plan(study, study.profile("demo"), "*").arms[0],
        stage="train-1",
        sources={},
        trained=about | {"best_epoch": 1, "epochs": 1, "parameters": 1},
        data=(f"made of {name}",),
        class_names=("zero", name),
        results=None,
    )
    return model_card(exported, network, path)


@pytest.mark.parametrize("name", [name for name in NAMES if 0 < len(name) < 200])
def test_a_name_in_a_model_card(tmp_path, name):
    path = tmp_path / f"{name.replace('/', '-')}.h5"
    text = card(path, name)
    seen, plain = (Shown(rendered(each).html) for each in (text, card(tmp_path / "a.h5", "one")))
    assert f"made of {as_seen(name)}" in seen.text
    assert f"The classes: zero, {as_seen(name)}" in seen.text
    assert seen.tags == plain.tags
    code = text.split("```python\n")[1].split("```\n")[0]
    loaded = []
    load = SimpleNamespace(predict=np.asarray)
    models = SimpleNamespace(load_model=lambda file, compile: loaded.append(file) or load)
    exec(code.replace("import keras", ""), {"keras": SimpleNamespace(models=models), "images": []})
    assert loaded == [path.name]

"""The page on a user's own model: what is on it, that it needs no other file, and its JSON."""

import json
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from io import StringIO

import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from blobs import blobs, plain
from evaluation import Robustness, evaluate_robustness
from evaluation.flag_guide import paragraph
from files import printable
from hostile_names import NAMES
from quick_battery import quick_autoattack
from reports.own_model import robustness_table
from reports.picture_cards import by_attack
from reports.robustness_page import Setting, build_page, page_of

SETTING = Setting("model.h5", "blobs", ("<u>zero</u>", *"123456789"), ("Channels are put first.",))


@pytest.fixture(scope="module")
def robustness() -> Robustness:
    """Of a saturated network, which raises warnings, on few images."""
    model = plain()
    with quick_autoattack():
        return evaluate_robustness(
            lambda x: 100 * model(x), *blobs(30, seed=1), epsilon=0.1, autoattack_images=10
        )


@pytest.fixture(scope="module")
def page(robustness) -> str:
    return page_of(robustness, SETTING)


class Elements(HTMLParser):
    """The elements of a page, and whether every one that was opened is closed in order."""

    EMPTY = {"meta", "img", "br"}

    def __init__(self, page: str):
        super().__init__()
        self.open, self.all = [], []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.all.append((tag, dict(attributes)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def words(page: str) -> str:
    """What is to be read, without the tags."""
    body = page[page.index("<body>") : page.index("<script>")]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def test_the_page_begins_with_the_three_sentences(page, robustness):
    text = words(page)
    start = f"Robustness of model.h5 on blobs {' '.join(robustness.sentences)} Accuracy against"
    assert text.startswith(start)


def test_the_page_needs_no_other_file_and_is_well_formed(page):
    elements = Elements(page).all
    sources = [attributes["src"] for _, attributes in elements if "src" in attributes]
    assert len(sources) > 6 and all(each.startswith("data:image/") for each in sources)
    links = [attributes["href"] for _, attributes in elements if "href" in attributes]
    assert links == ["robustness.json"]  # which lies beside it
    assert not {"link", "iframe"} & {tag for tag, _ in elements}
    assert "url(" not in page and "@import" not in page


def test_every_attack_is_in_the_table(page, robustness):
    text = words(page)
    for arm in robustness.arms:
        assert str(arm.attack) in text
        assert f"{arm.name} * " in text if arm.is_check else f"{arm.name} " in text
    total = f"all of them 25.5/255 10 {robustness.worst_case.percent()}"
    assert total in text
    assert f"run on all images 25.5/255 30 {robustness.worst_case_of_complete.percent()}" in text
    margin = next(arm for arm in robustness.arms if arm.name == "APGD-margin")
    row = f"APGD-margin 25.5/255 30 {margin.curve[0.1].percent()} "
    row += f"{robustness.broken['APGD-margin'].sum()} {robustness.broken_alone['APGD-margin']} "
    assert row in text


def test_every_flag_has_its_paragraph(page, robustness):
    text, names = words(page), {each.flag.name for each in robustness.raised}
    assert "zero gradient" in names
    for name in names:
        said = paragraph(name)
        for part in (said.flagged, said.means, said.do):
            assert " ".join(part.replace("`", "").split()) in text
    warnings, notes = text[text.index(" Warnings ") :].split(" Notes ")[:2]
    assert "zero gradient : FGSM, PGD, APGD-CE, PGD without a bound" in warnings
    assert "zero gradient : " not in notes
    assert "Not checked, because no attack here could show it: weaker than a transferred" in notes


def test_pictures_show_what_they_are_taken_for(page, robustness):
    cards = by_attack(robustness.pictures, "linf", SETTING.called)
    assert "DeepFool, at any distance" in cards
    for attack, own in cards.items():
        assert attack in words(page)
        for card in own:
            assert [len(each) for each in card.pictures] == [2, 2, 2]
            assert all(each.startswith("data:image/png;base64,") for each, _ in card.pictures)
    first = robustness.pictures[0]
    before, _, after = (below for _, below in next(iter(cards.values()))[0].pictures)
    assert before.startswith(SETTING.called(first.label))
    assert after.startswith(SETTING.called(first.prediction)) and before != after


def test_what_users_call_things_is_escaped(robustness):
    setting = replace(SETTING, model="<i>m</i>", notes=("<script>alert(1)</script>",))
    page = page_of(robustness, setting)
    assert "<script>alert" not in page and "<i>m</i>" not in page and "<u>" not in page
    assert "&lt;script&gt;" in page


def test_hostile_names_show_as_they_are(robustness, page, tmp_path):
    called = " ".join(NAMES)
    hostile = Setting(called, called, (called,) * 10, NAMES)
    path = build_page(robustness, hostile, tmp_path / "page")
    text = path.read_text(encoding="utf-8")
    tags = {tag for tag, _ in Elements(text).all}
    assert tags == {tag for tag, _ in Elements(page).all}
    shown = " ".join(printable(called).split())
    assert words(text).count(shown) > 3 and f"model {shown}, 10 classes" in words(text)
    assert json.loads(path.with_name("robustness.json").read_text())["model"] == called


def test_images_that_are_no_pictures_are_not_shown(robustness):
    flat = [replace(each, image=each.image.ravel()) for each in robustness.pictures]
    assert by_attack(flat, "linf", SETTING.called) == {}


def test_large_pictures_are_fewer(robustness):
    shown = [each for each in robustness.pictures if each.attack == "DeepFool"]
    large = np.zeros((120, 120, 3), np.float32)
    large = [replace(each, image=large, adversarial=large) for each in shown]
    assert len(by_attack(shown, "linf", SETTING.called)["DeepFool, at any distance"]) == 4
    assert len(by_attack(large, "linf", SETTING.called)["DeepFool, at any distance"]) == 2


def test_what_was_skipped_is_on_the_page():
    model = plain()
    with quick_autoattack():
        stopped = evaluate_robustness(
            lambda x: model(tf.stop_gradient(x)), *blobs(12, seed=1), epsilon=0.3
        )
    text = words(page_of(stopped, SETTING))
    assert "No attack with a curve could be run." in text
    assert "What was skipped FGSM: model has no gradient with respect to images" in text
    assert "Remarks Channels are put first. AutoAttack: model has no gradient" in text


def test_a_new_folder_gets_the_page_and_its_numbers(robustness, page, tmp_path):
    folder = tmp_path / "new" / "folder"
    assert build_page(robustness, SETTING, folder) == folder / "index.html"
    assert (folder / "index.html").read_text(encoding="utf-8") == page
    written = json.loads((folder / "robustness.json").read_text(encoding="utf-8"))
    assert written["sentences"] == list(robustness.sentences)
    assert written["model"] == "model.h5" and written["versions"]["keras"]
    with pytest.raises(FileExistsError, match="--to .*folder exists; accepted: a new folder"):
        build_page(robustness, SETTING, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["index.html", "robustness.json"]


def test_one_table_on_a_screen(robustness):
    console = Console(width=80, record=True, file=StringIO())
    console.print(robustness_table(robustness))
    text = console.export_text()
    lines = [" ".join(line.split()) for line in text.splitlines()]
    total = f"all of them 25.5/255 10 {robustness.worst_case.percent()}"
    assert total in lines
    assert len(lines) < 20 and all(arm.name in text for arm in robustness.arms)

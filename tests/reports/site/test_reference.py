"""The reference pages: every public attack and network, its parameters, and where it comes from."""

import re
from pathlib import Path

import pytest

import attacks
import models
from reports.site.docstrings import docstring_of
from reports.site.reference import attack_entries, network_entries

ROOT = Path(__file__).parents[3]
ENTRIES = [*attack_entries(), *network_entries()]


def test_every_attack_is_there_with_its_kind():
    kinds = {each.name: each.kind for each in attack_entries()}
    patches = {attacks.AdversarialPatch, attacks.PatchOverlay}
    assert set(kinds) == {each.__name__ for each in {*attacks.BY_NAME.values(), *patches}}
    assert {kinds[each.__name__] for each in patches} == {"patch"}
    assert kinds["FGSM"] == kinds["AutoAttack"] == "budget"
    assert kinds["DeepFool"] == kinds["JSMA"] == "minimum norm"


def test_every_network_is_there():
    assert tuple(each.name for each in network_entries()) == models.NAMES


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda each: each.name)
def test_every_entry_names_where_it_comes_from(entry):
    assert entry.papers
    for paper in entry.papers:
        assert re.fullmatch(r"https://\S+", paper.link) or (ROOT / paper.link).is_dir()
        assert paper.title or paper.link.startswith("studies/")
    assert (ROOT / entry.source).is_file()


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda each: each.name)
def test_every_parameter_is_described(entry):
    assert entry.summary.endswith(".")
    assert entry.parameters and all(each.description for each in entry.parameters)


def test_parameters_norms_and_places_are_those_of_the_code():
    by_name = {each.name: each for each in attack_entries()}
    steps, step_size, *_ = by_name["PGD"].parameters
    assert (steps.name, steps.type, steps.default) == ("steps", "int", repr(attacks.PGD().steps))
    assert (step_size.type, step_size.default) == ("float | None", "None")
    assert by_name["AdversarialPatch"].parameters[0].default == ""
    norms = {name: each.norms for name, each in by_name.items()}
    assert norms["FGSM"] == ("L-inf", "L2", "L1") and norms["PGD"] == ("L-inf", "L2")
    assert norms["CarliniWagner"] == ("L2",) and norms["JSMA"] == ("L0",)
    assert norms["AdversarialPatch"] == ()
    assert {by_name[name].anchor for name in ("PGD", "PatchOverlay")} == {"pgd", "patch-overlay"}
    [paper] = by_name["DeepFool"].papers
    assert paper.authors == "Moosavi-Dezfooli, Fawzi and Frossard"
    assert (paper.published, paper.place) == ("CVPR 2016", "algorithm 2")


def test_networks_of_one_file_have_papers_of_their_own():
    links = {each.name: [paper.link for paper in each.papers] for each in network_entries()}
    assert links["mobilenet"] == ["https://arxiv.org/abs/1704.04861"]
    assert links["vgg19"] == links["vgg16"] != links["mobilenet_v2"]


def test_a_builder_that_refers_to_another_has_its_descriptions():
    by_name = {each.name: each for each in network_entries()}
    ours, theirs = by_name["alexnet"], by_name["resnext50_32x4d"]
    assert [each.description for each in ours.parameters] == [
        each.description for each in theirs.parameters
    ]


def sample():
    """Does one
    thing.

    More `text`.

        a formula

    Args:
        one, two: both
            of them.
        **more: the rest.

    Raises:
        ValueError: never.

    After the sections.
    """


def test_a_docstring_is_read_into_its_parts():
    said = docstring_of(sample)
    assert said.summary == "Does one thing."
    assert said.description == "More `text`.\n\n    a formula\n\n\nAfter the sections."
    assert said.parameters() == {
        "one": "both of them.",
        "two": "both of them.",
        "more": "the rest.",
    }
    assert said.sections["Raises"] == ["ValueError: never."]


def test_a_reference_of_another_form_is_refused(monkeypatch):
    text = attacks.FGSM.__doc__
    monkeypatch.setattr(attacks.FGSM, "__doc__", text.replace("https://", "arXiv "))
    with pytest.raises(ValueError, match=r"a reference is .*; accepted: AUTHORS"):
        attack_entries()

"""The worked examples of CONTRIBUTING.md do what they say."""

import importlib
import re
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

import attacks
import data
import studies
from command_line import fitted_to_digits, run, said
from commands import catalogue

GUIDE = Path(__file__).parents[1] / "CONTRIBUTING.md"


@pytest.fixture
def example(tmp_path, monkeypatch):
    """Writes the files of the guide into a folder and imports them from there."""
    blocks = re.findall(r"^ +```\w+ (\S+)\n(.*?)^ +```$", GUIDE.read_text(), re.M | re.S)
    for path, text in blocks:
        path = tmp_path / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    for package in (attacks, studies):
        places = [*package.__path__, str(tmp_path / package.__name__)]
        monkeypatch.setattr(package, "__path__", places)
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if name in ("attacks.random_fgsm", "studies.goodfellow", "test_random_fgsm"):
            del sys.modules[name]


def test_the_attack_of_the_guide(example, monkeypatch, tmp_path):
    attack = example("attacks.random_fgsm").RandomFGSM
    model, digits = fitted_to_digits(), data.load("digits")
    images, labels = digits.x_test[:24], digits.y_test[:24]
    result = attack()(model, images, labels, epsilon=0.1)
    assert result.success.sum() > 5
    assert np.isclose(result.distances["linf"].max(), 0.1, atol=1e-6)
    part = attack()(model, images[7:], labels[7:], epsilon=0.1, ids=np.arange(7, 24))
    np.testing.assert_allclose(part.images, result.images[7:], atol=1e-6)

    monkeypatch.setattr(attacks, "RandomFGSM", attack, raising=False)
    monkeypatch.syspath_prepend(tmp_path / "tests" / "attacks")
    tests = example("test_random_fgsm")
    tests.test_half_of_the_way_is_random_and_half_along_the_gradient()


def test_every_printed_number_of_the_study_of_the_guide_is_linked(example):
    study = example("studies.goodfellow").STUDY
    kinds = [study.link(row).kind for _, row in study.published.iterrows()]
    assert kinds == ["setting", "error"]
    for profile in study.profiles.values():
        [arm] = study.arms(profile)
        assert arm.epsilons == (0.1, 0.25)


def test_numbers_come_from_where_the_guide_says():
    rows = re.findall(r"^\| (\w+) \|.*\| `(\w+)` \|.*`(attack-\w+)` \|$", GUIDE.read_text(), re.M)
    assert [study for study, _, _ in rows] == ["ntu", "icbai", "praxis", "rit_mnist", "wpi"]
    for study, measured_by, stage in rows:
        code = GUIDE.parent / "studies" / study / "measures.py"
        assert f"\ndef {measured_by}(" in code.read_text()
        table = GUIDE.parent / "reports" / "results" / study / "laptop" / "table.csv"
        assert stage in table.read_text()


@pytest.mark.slow
def test_the_study_of_the_guide_runs(example, monkeypatch, tmp_path):
    study = example("studies.goodfellow").STUDY
    monkeypatch.setitem(studies.STUDIES, "goodfellow", study)
    costs = {each.name: each.cost for each in study.profiles.values()}
    monkeypatch.setitem(catalogue.STUDIES, "goodfellow", catalogue.Listed(study.title, costs))
    done = run("run", "goodfellow", "--runs", tmp_path / "runs", "--results", tmp_path / "results")
    assert done.exit_code == 0, said(done)
    page = (tmp_path / "results" / "report.md").read_text()
    assert "<b>GSS-1</b>" in page and "## Published and measured" in page
    assert "which cannot tell of such a level" in page

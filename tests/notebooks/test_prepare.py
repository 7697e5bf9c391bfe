"""Committed notebooks: made alike, run once, and fit to be published."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from notebooks import prepare
from notebooks.prepare import NAMES, faults, read, repository
from studies import STUDIES

SETTINGS = {"PROFILE": "demo", "ARMS": ["*"], "DATA_DIR": None}


def test_there_is_one_for_every_study_and_two_more():
    assert set(NAMES) == {*STUDIES, "attack_your_model", "distillation_explained"}


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_as_it_was_made_and_as_it_was_run(name):
    notebook = read(name)
    prepare.prepare(notebook, name, repository())
    assert notebook == read(name), "make notebooks"
    assert faults(name) == []


@pytest.mark.parametrize("name", NAMES)
def test_it_calls_the_library_and_defines_nothing(name):
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    for cell in read(name).cells:
        if cell.cell_type == "code":
            assert not any(isinstance(node, defined) for node in ast.walk(ast.parse(cell.source)))


@pytest.mark.parametrize("name", STUDIES)
def test_one_setting_is_changed_for_another_size(name):
    given = {}
    for cell in read(name).cells:
        for node in ast.parse(cell.source).body if cell.cell_type == "code" else ():
            if (
                isinstance(node, ast.Assign)
                and (setting := ast.unparse(node.targets[0])) in SETTINGS
            ):
                given[setting] = ast.literal_eval(node.value)
    assert given == SETTINGS


def notebook_of(*sources):
    cells = [new_markdown_cell("# Title", id="title"), new_code_cell("", id=prepare.SET_UP)]
    return new_notebook(cells=[*cells, *(new_code_cell(source) for source in sources)])


def test_the_badge_and_the_address_come_from_one_setting():
    notebook = notebook_of()
    prepare.prepare(notebook, "ntu", "someone/suite")
    prepare.prepare(notebook, "ntu", "someone/suite")  # once more changes nothing
    title, badge, set_up = notebook.cells
    address = "https://colab.research.google.com/github/someone/suite/blob/main/notebooks/ntu.ipynb"
    assert badge.source.endswith(f"]({address})")
    assert 'REPOSITORY = "https://github.com/someone/suite"' in set_up.source
    prepare.prepare(notebook, "ntu", "")
    assert [cell.id for cell in notebook.cells] == ["title", prepare.SET_UP]
    assert 'REPOSITORY = ""' in notebook.cells[1].source


@pytest.fixture
def set_up(monkeypatch, tmp_path):
    """Runs the set-up cell in an empty folder; returns the commands that it would have run."""
    commands = []

    def pretended(command, check):
        assert check
        commands.append(command)
        if command[0] == "git":
            Path("suite").mkdir()

    monkeypatch.setattr(subprocess, "run", pretended)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    monkeypatch.chdir(tmp_path)

    def run(github=""):
        notebook = notebook_of()
        prepare.prepare(notebook, "ntu", github)
        exec(notebook.cells[-1].source, {})
        return commands

    return run


def test_in_a_clone_what_is_missing_is_installed(set_up, tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "reproduce.py").touch()
    monkeypatch.chdir(tmp_path / "notebooks")
    (command,) = set_up()
    assert command[0] == sys.executable and command[-2:] == ["--requirement", "requirements.txt"]
    assert Path.cwd() == tmp_path and sys.path[0] == os.getcwd()


def test_elsewhere_the_repository_is_cloned(set_up, tmp_path):
    clone, install = set_up("someone/suite")
    assert clone[-2:] == ["https://github.com/someone/suite", "suite"]
    assert install[0] == sys.executable and Path.cwd() == tmp_path / "suite"


def test_without_an_address_the_cell_says_what_to_fill_in(set_up):
    with pytest.raises(ValueError, match="REPOSITORY is ''; accepted: the address"):
        set_up()


def test_faults_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(prepare, "FOLDER", tmp_path)
    notebook = notebook_of("1 / 0")
    notebook.cells[1].execution_count = 1
    place = new_output("stream", text=f"written to {prepare.ROOT}/page.html " + 1_000_000 * ".")
    notebook.cells[1].outputs = [place]
    notebook.cells[2].outputs = [new_output("error", ename="E", evalue="", traceback=[])]
    prepare.write("bad", notebook)
    size, not_run, failed, *named = faults("bad")
    assert "accepted: up to 1000000" in size
    assert not_run.endswith("was not run") and failed.endswith("failed")
    assert f"bad names this machine: {prepare.ROOT}" in named


def test_a_run_keeps_outputs_and_no_log_of_tensorflow(monkeypatch, tmp_path):
    monkeypatch.setattr(prepare, "FOLDER", tmp_path)
    notebook = notebook_of("import sys; print('out'); print('log', file=sys.stderr)")
    prepare.execute(notebook)
    code = notebook.cells[-1]
    assert [output.text for output in code.outputs] == ["out\n"]
    assert code.metadata == {} and code.execution_count

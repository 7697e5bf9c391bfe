"""Networks of a study, exported from the command line with their model cards."""

import hashlib
import re
import shutil

import numpy as np
import pytest

import models
from command_line import run, said
from evaluation import Estimate, Outcomes

pytestmark = pytest.mark.usefixtures("tiny_study")
STUDENT = "vgg16/cifar10/student"


def export(finished, *words):
    return run("export", "ntu", "--runs", finished[0], *words)


def arms_of(finished, role):
    return [arm for arm in finished[1].arms if arm.training.role == role]


def table_below(card: str, heading: str) -> list[list[str]]:
    """The cells of every row of the tables in a section."""
    section = card.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_several_networks_go_into_a_folder_each_with_its_card(finished, tmp_path):
    folder = tmp_path / "networks"
    done = export(finished, "--network", "vgg16/*", "--to", folder)
    assert done.exit_code == 0, done.output
    files = ["vgg16-cifar10-student.h5", "vgg16-cifar10-undefended.h5"]
    cards = [f"{name}.md" for name in files]
    assert sorted(path.name for path in folder.iterdir()) == sorted(files + cards)
    assert all(name in said(done) for name in cards)
    # Each is its own network.
    for role, name in zip(("student", "undefended"), files, strict=True):
        stage = finished[2].training_path(arms_of(finished, role)[0].training)
        assert models.weights_sum(folder / name) == models.weights_sum(stage / "model.h5")


#: What the code on a card of this format needs besides TensorFlow.
NEEDS = {".onnx": ("tf2onnx", "onnxruntime"), ".tflite": ("ai_edge_litert",)}


@pytest.mark.slow
@pytest.mark.parametrize("suffix", models.SUFFIXES)
def test_the_code_on_a_card_gives_the_logits(finished, suffix, tmp_path, monkeypatch):
    for package in NEEDS.get(suffix, ()):
        pytest.importorskip(package)
    done = export(finished, "--network", STUDENT, "--to", tmp_path / f"student{suffix}")
    assert done.exit_code == 0, done.output
    training = arms_of(finished, "student")[0].training
    images = finished[2].dataset(training).x_test[:5]
    card = (tmp_path / f"student{suffix}.md").read_text()
    monkeypatch.chdir(tmp_path)
    variables = {"images": images}
    exec(re.search(r"```python\n(.*?)```", card, re.DOTALL)[1], variables)
    network = models.load_checkpoint(finished[2].training_path(training) / "model.h5")
    expected = network.predict(images, verbose=0)
    np.testing.assert_allclose(variables["logits"], expected, rtol=1e-4, atol=1e-5)


def test_a_card_says_what_the_network_is_and_what_was_measured(finished, tmp_path):
    path = tmp_path / "student.keras"
    assert export(finished, "--network", STUDENT, "--to", path).exit_code == 0
    card = (tmp_path / "student.keras.md").read_text()
    assert hashlib.sha256(path.read_bytes()).hexdigest() in card
    arms = arms_of(finished, "student")
    training = arms[0].training
    assert finished[2].training_path(training).name in card
    assert finished[2].training_path(training.teacher).name in card
    assert "`digits`, which stands in for the study's cifar10" in card
    assert "[N, 32, 32, 3]" in card and "[N, 10]" in card and "in [0, 1]" in card
    assert f"| temperature | {training.temperature} |" in card
    assert "| epochs | 2 |" in card and "epochs 2 instead of 150" in card
    # Every attack at every epsilon, as it was stored.
    rows = {tuple(row[:2] + row[3:4]): row for row in table_below(card, "Accuracy under attack")}
    for arm in arms:
        outcomes = Outcomes.load(finished[2].arm_path(arm) / "outcomes.npz")
        for epsilon, correct in zip(outcomes.epsilons, outcomes.correct, strict=True):
            row = rows[arm.attack_name, f"{255 * epsilon:.3g}/255", arm.view]
            assert row[6] == Estimate.accuracy(correct).percent()


def test_a_card_without_attacks_says_so(finished, tmp_path):
    runs = tmp_path / "runs"
    for stage in finished[0].glob("train-*"):
        shutil.copytree(stage, runs / stage.name)
    words = ["export", "ntu", "--runs", runs, "--network", STUDENT, "--to", tmp_path / "student.h5"]
    done = run(*words)
    assert done.exit_code == 0, done.output
    card = (tmp_path / "student.h5.md").read_text()
    assert "Not measured: no attack on this network has been run." in card
    assert ["test"] == [row[0] for row in table_below(card, "Accuracy without attack")][-1:]


def test_nothing_is_overwritten_unasked_and_nothing_written_by_halves(finished, tmp_path):
    mine = tmp_path / "vgg16-cifar10-undefended.h5.md"
    mine.write_text("mine")
    words = ["--network", "vgg16/*", "--to", tmp_path]
    done = export(finished, *words)
    assert done.exit_code == 2
    assert f"{mine.name} exists; accepted: a new file (or --overwrite" in said(done)
    assert mine.read_text() == "mine" and list(tmp_path.iterdir()) == [mine]
    assert export(finished, *words, "--overwrite").exit_code == 0
    assert mine.read_text() != "mine"


def test_an_export_that_fails_leaves_no_file(finished, tmp_path, monkeypatch):
    def fail(*arguments):
        raise ValueError("no card")

    monkeypatch.setattr("studies.export.model_card", fail)
    done = export(finished, "--network", STUDENT, "--to", tmp_path / "student.h5")
    assert done.exit_code == 2 and "no card" in said(done)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words, message",
    [
        (
            ["--network", "lenet/*", "--to", "out"],
            "is 'lenet/*', which is not in profile demo",
        ),
        (["--network", "vgg16/*", "--to", "out.h5"], "out.h5 for 2 networks; accepted: a folder"),
        (["--network", STUDENT, "--to", "out.pt"], "accepted: a folder, or a file in .h5, .keras"),
        (
            ["--network", STUDENT, "--to", "out.h5", "--format", "tflite"],
            "--format is tflite with --to out.h5; accepted: h5, or a folder",
        ),
        (
            ["--network", STUDENT, "--procedure", "papernot", "--to", "out"],
            "with --procedure papernot, which is not in profile",
        ),
    ],
)
def test_wrong_words_are_named(finished, words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = export(finished, *words)
    assert done.exit_code == 2 and message in said(done)
    assert not list(tmp_path.iterdir())


def test_a_format_whose_packages_are_missing_is_refused_before_anything_is_written(
    finished, tmp_path, monkeypatch
):
    monkeypatch.setattr("models.conversion.find_spec", lambda name: None)
    done = export(finished, "--network", STUDENT, "--to", tmp_path, "--format", "onnx")
    assert done.exit_code == 2 and "pip install tf2onnx onnx" in said(done)
    assert not list(tmp_path.iterdir())

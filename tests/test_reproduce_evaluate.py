"""`reproduce.py evaluate`: data sets, .npz files and folders, what it writes, and bad input."""

import json

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

import data
import models
from command_line import fitted_to_digits, run, said
from commands import choices
from evaluation.battery import CUSTOMARY
from quick_battery import quick_autoattack

CHEAP = ["--epsilon", "0.15", "--images", 12, "--autoattack-images", 6, "--batch-size", 12]


@pytest.fixture(scope="module", autouse=True)
def quick():
    with quick_autoattack():
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A small classifier of the digits, with and without softmax."""
    folder = tmp_path_factory.mktemp("models")
    network = fitted_to_digits(360)  # all test images
    models.save(network, folder / "logits.h5")
    models.save(models.with_softmax(network), folder / "softmax.keras")
    return folder


@pytest.fixture(scope="module")
def digits():
    found = data.load("digits")
    return found.x_test[:24], found.y_test[:24]


def written(folder) -> dict:
    assert sorted(path.name for path in folder.iterdir()) == ["index.html", "robustness.json"]
    return json.loads((folder / "robustness.json").read_text())


@pytest.mark.slow
def test_a_data_set_by_name(model, tmp_path):
    folder = tmp_path / "page"
    done = run("evaluate", model / "logits.h5", "--data", "digits", *CHEAP, "--to", folder)
    assert done.exit_code == 0, done.output
    result = written(folder)
    text = said(done)
    assert all(sentence in text for sentence in result["sentences"])
    assert (result["norm"], result["epsilon"], len(result["images"])) == ("linf", 0.15, 12)
    assert (result["model"], result["data"]) == ("logits.h5", "digits")
    assert result["worst_case"]["images"] == 6 and result["clean"]["value"] > 0.9
    for name in ("FGSM", "AutoAttack", "PGD without a bound", "all of them"):
        assert name in text
    assert "12 of 12 images" in text and str(folder / "index.html") in text.replace(" ", "")
    assert len(done.output.splitlines()) < 40  # fits a screen


@pytest.mark.slow
def test_json_on_stdout_and_nothing_else(model, tmp_path):
    words = ["--data", "digits", *CHEAP, "--autoattack-images", 0, "--to", tmp_path / "page"]
    done = run("evaluate", model / "logits.h5", *words, "--json", "--quiet")
    assert done.exit_code == 0 and not done.stderr
    document = json.loads(done.stdout)
    assert document.pop("page") == str(tmp_path / "page" / "index.html")
    assert document == written(tmp_path / "page")
    assert "CPU cores" in document["machine"]


@pytest.mark.slow
def test_quiet_prints_the_path_alone(model, tmp_path):
    words = ["--data", "digits", *CHEAP, "--autoattack-images", 0, "--to", tmp_path / "page"]
    done = run("evaluate", model / "logits.h5", *words, "--quiet")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == f"{tmp_path / 'page' / 'index.html'}\n"


@pytest.mark.slow
def test_an_npz_file_and_a_softmax(model, digits, tmp_path, monkeypatch):
    x, y = digits
    np.savez(tmp_path / "mine.npz", x=(255 * x).round().astype(np.uint8), y=y)
    words = ["evaluate", model / "softmax.keras", "--data", tmp_path / "mine.npz", *CHEAP]
    words += ["--norm", "l2", "--epsilon", 3]
    refused = run(*words)
    assert refused.exit_code == 2 and "--softmax remove" in said(refused)
    monkeypatch.chdir(tmp_path)
    done = run(*words, "--softmax", "remove")
    assert done.exit_code == 0, done.output
    result = written(tmp_path / "softmax-robustness")  # the default
    assert result["norm"] == "l2" and result["clean"]["value"] > 0.9
    assert sorted(each["label"] for each in result["images"]) == sorted(
        y[[each["index"] for each in result["images"]]]
    )


@pytest.mark.slow
def test_a_folder_of_class_folders(model, digits, tmp_path):
    for index, (image, label) in enumerate(zip(*digits)):
        path = tmp_path / "mine" / str(label) / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((255 * image).round().astype(np.uint8)).save(path)
    words = ["evaluate", model / "logits.h5", "--data", tmp_path / "mine", *CHEAP]
    done = run(*words, "--to", tmp_path / "page")
    assert done.exit_code == 0, done.output
    assert "mine: the names of its folders are the labels: 0, 1, 2" in said(done)
    result = written(tmp_path / "page")
    assert result["clean"]["value"] > 0.9 and len(result["images"]) == 12


@pytest.mark.slow
def test_a_model_that_guesses_is_told_of_its_range(tmp_path):
    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [keras.Input((32, 32, 3)), layers.AveragePooling2D(16), layers.Flatten(), layers.Dense(10)]
    )
    path = models.save(network, tmp_path / "model.keras")
    words = ["evaluate", path, "--data", "digits", *CHEAP, "--autoattack-images", 0]
    done = run(*words, "--to", tmp_path / "page")
    assert done.exit_code == 0, done.output
    assert "accuracy at chance" in said(done) and "say --range 0-255." in said(done)


@pytest.mark.parametrize(
    "words, message",
    [
        (["--data", "svhn"], "--data is 'svhn'; accepted: digits, mnist, cifar10, cifar100, gtsrb"),
        (["--data", "MISSING"], "missing.npz'; accepted: digits, mnist"),
        (["--data", "NPZ"], "model has 10 classes, mine.npz has 12; accepted: a model of these 12"),
        (["--data", "TALL"], "model takes (32, 32, 3), data has (9, 9, 3); accepted: data that"),
        (["--data", "NAMELESS"], "has the arrays a; accepted: x and y, or images and labels"),
        (["--data", "EMPTY"], "has no images; accepted: a folder for each class"),
        (["--data", "NPZ", "--data-dir", "EMPTY"], "accepted: no --data-dir"),
        (["--data", "NPZ", "--images-per-class", "3"], "accepted: no --images-per-class"),
        (["--data", "digits", "--to", "FULL"], "which exists; accepted: a new folder"),
        (["--data", "digits", "--to", "NPZ"], "which exists; accepted: a new folder"),
        (["--data", "digits", "--to", "BELOW"], "accepted: a new folder, but not in"),
        (
            ["--data", "digits", "--images", "0"],
            "--images is '0'; accepted: a whole number, 1 or more",
        ),
        (["--data", "digits", "--epsilon", "8"], "--epsilon is 8.0; accepted for linf: 0 to 1"),
        (["--data", "digits", "--epsilon", "0"], "--epsilon is 0; accepted: above 0"),
        (["--data", "digits", "--norm", "l1"], "--norm is 'l1'; accepted: linf, l2"),
        (
            ["--data", "digits", "--autoattack-version", "best"],
            "--autoattack-version is 'best'; accepted: standard, plus, rand",
        ),
        (
            ["--data", "digits", "--autoattack-images", "-1"],
            "--autoattack-images is '-1'; accepted",
        ),
        (["--data", "digits", "--batch-size", "0"], "--batch-size is '0'; accepted"),
        (["--data", "digits", "--softmax", "remove"], "--softmax is remove, but the model ends in"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_arguments_are_named_and_nothing_is_written(words, message, model, tmp_path):
    for name in ("empty", "full"):
        (tmp_path / name).mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    images, labels = np.zeros((12, 32, 32, 3), np.uint8), np.arange(12)
    np.savez(tmp_path / "mine.npz", x=images, y=labels)
    np.savez(tmp_path / "tall.npz", x=images[:, :9, :9], y=labels % 10)
    np.savez(tmp_path / "nameless.npz", a=images)
    places = {"NPZ": "mine.npz", "TALL": "tall.npz", "NAMELESS": "nameless.npz", "EMPTY": "empty"}
    places |= {"MISSING": "missing.npz", "FULL": "full", "BELOW": "mine.npz/page"}
    words = [tmp_path / places[word] if word in places else word for word in words]
    to = [] if "--to" in words else ["--to", tmp_path / "page"]
    result = run("evaluate", model / "logits.h5", *words, *to)
    assert result.exit_code == 2, result.output
    assert "Error" in result.stderr and message in said(result)
    assert not (tmp_path / "page").exists()
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["notes.txt"]


def test_the_norms_are_those_of_the_battery():
    assert {each.value for each in choices.BudgetNorm} == set(CUSTOMARY)

"""What `attack` prints and writes: several attacks, JSON, pictures, what an interrupt leaves."""

import json
import re

import keras
import numpy as np
import pytest
from PIL import Image

import attacks
import data
import models
from command_line import fitted_to_digits, run, said
from evaluation import Outcomes


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return models.save(fitted_to_digits(), tmp_path_factory.mktemp("models") / "model.h5")


def attack(model, *words, images=24):
    return run("attack", model, "--data", "digits", "--images", images, *words)


TWO = ["--attack", "fgsm", "--attack", "pgd", "--steps", 2, "--epsilon", 0.1, "--epsilon", 0.2]


def test_several_attacks_in_one_table(model, tmp_path):
    done = attack(model, *TWO, "--attack", "deepfool", "--save", tmp_path / "seen.npz")
    assert done.exit_code == 0, done.output
    text = said(done)
    assert "FGSM(" in text and "PGD(steps=2" in text and "DeepFool(steps=2" in text
    paths = {name: tmp_path / f"seen-{name}.npz" for name in ("fgsm", "pgd", "deepfool")}
    assert sorted(tmp_path.iterdir()) == sorted(paths.values())
    fgsm, pgd = (Outcomes.load(paths[name]).correct for name in ("fgsm", "pgd"))
    for at, epsilon in enumerate(("25.5/255", "51/255")):
        left = 100 * (fgsm[at] & pgd[at]).mean()
        assert f"worst of 2 L-inf {epsilon} {left:.1f} [" in text
    again = attack(model, *TWO, "--save", tmp_path / "seen.npz")
    assert again.exit_code == 2 and "seen-fgsm.npz, which exists" in said(again)


def test_results_on_stdout_and_remarks_on_stderr(model):
    done = attack(model, "--attack", "fgsm")
    assert "8/255" in done.stdout and "FGSM(" in done.stdout
    assert "CPU cores" in done.stderr and "24 of 24 images" in done.stderr
    assert "of 24 images" not in done.stdout and "CPU cores" not in done.stdout
    quiet = attack(model, "--attack", "fgsm", "--quiet")
    assert (quiet.stdout, quiet.stderr) == (done.stdout, "")


def test_json_has_every_digit(model, tmp_path):
    done = attack(model, *TWO, "--json", "--save", tmp_path / "seen.npz")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["model"] == "model.h5" and document["data"] == "digits"
    fgsm, pgd = document["attacks"]
    assert (fgsm["name"], fgsm["norm"], pgd["settings"][:12]) == ("fgsm", "linf", "PGD(steps=2,")
    outcomes = Outcomes.load(tmp_path / "seen-fgsm.npz")
    clean, first, second = fgsm["epsilons"]
    assert clean["accuracy"] == outcomes.clean_correct.mean()
    assert [first["accuracy"], second["accuracy"]] == list(outcomes.correct.mean(axis=1))
    assert first["fooled_mean_l2"] == outcomes.l2[0, outcomes.fooled[0]].mean()
    assert [each["epsilon"] for each in document["worst_cases"]] == [0.1, 0.2]
    assert document["missing"] is None


def test_pictures_are_of_images_that_were_right_and_are_wrong(model, tmp_path):
    folder = tmp_path / "new" / "pictures"
    words = ["--attack", "fgsm", "--epsilon", 0.2, "--save-images", folder, "--saved-images", 3]
    done = attack(model, *words, "--save", tmp_path / "seen.npz")
    assert done.exit_code == 0, done.output
    outcomes = Outcomes.load(tmp_path / "seen.npz")
    digits, chosen = data.load("digits"), []
    for path in folder.glob("*_image.png"):
        name = path.name.removesuffix("_image.png")
        index, label, prediction = map(
            int, re.fullmatch(r"fgsm_epsilon-0.2_(\d+)_true-(\d)_predicted-(\d)", name).groups()
        )
        assert outcomes.fooled[0, index] and outcomes.labels[index] == label
        assert outcomes.predictions[0, index] == prediction != label
        before = np.asarray(Image.open(path)) / 255
        np.testing.assert_allclose(before, digits.x_test[index], atol=0.5 / 255 + 1e-6)
        after = np.asarray(Image.open(folder / f"{name}_adversarial.png")) / 255
        assert 0.19 < abs(after - before).max() < 0.21
        [added] = folder.glob(f"{name}_perturbation-x*.png")
        times = float(added.stem.rpartition("-x")[2])
        shown = np.asarray(Image.open(added)) / 255 - 0.5
        np.testing.assert_allclose(shown, times * (after - before), atol=0.03)
        chosen.append(index)
    assert len(chosen) == 3 and len(list(folder.iterdir())) == 9
    distances = outcomes.l2[0, outcomes.fooled[0]]
    ranks = sorted(np.searchsorted(np.sort(distances), outcomes.l2[0, chosen]))
    assert abs(np.mean(ranks) - (len(distances) - 1) / 2) <= 1  # around the median
    full = attack(model, *words)
    assert full.exit_code == 2 and "--save-images is " in said(full)


def test_pictures_with_a_target_have_the_index_of_the_test_set(model, tmp_path):
    words = ["--target", 3, "--epsilon", 0.4, "--steps", 5, "--save-images", tmp_path / "seen"]
    done = attack(model, *words)
    assert done.exit_code == 0, done.output
    labels, seen = data.load("digits").y_test, list((tmp_path / "seen").glob("*_image.png"))
    assert seen
    for path in seen:
        index, label = re.search(r"_(\d+)_true-(\d)_predicted-3_", path.name).groups()
        assert labels[int(index)] == int(label) != 3


def interrupted_at(monkeypatch, call):
    """FGSM is interrupted in its n-th batch."""
    calls, plain = [], attacks.FGSM.crafted_within

    def crafted_within(self, *arguments):
        calls.append(1)
        if len(calls) == call:
            raise KeyboardInterrupt
        return plain(self, *arguments)

    monkeypatch.setattr(attacks.FGSM, "crafted_within", crafted_within)


def test_an_interrupt_keeps_finished_attacks_and_batches(model, tmp_path, monkeypatch):
    interrupted_at(monkeypatch, 3)
    words = ["--attack", "deepfool", "--attack", "fgsm", "--attack", "square", "--batch-size", 8]
    done = attack(model, *words, "--steps", 2, "--save", tmp_path / "seen.npz")
    assert done.exit_code == 130
    assert "Interrupted: fgsm attacked the first 16 of 24 images; not run: square." in done.stderr
    rows = [line.split()[:3] for line in done.stdout.splitlines()]
    assert ["deepfool", "L2", "0.03137"] not in rows and ["fgsm", "L-inf", "8/255"] in rows
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "seen-deepfool.npz",
        "seen-fgsm.npz",
    ]
    kept = Outcomes.load(tmp_path / "seen-fgsm.npz")
    monkeypatch.undo()
    whole = attack(model, "--attack", "fgsm", "--save", tmp_path / "whole.npz", images=16)
    assert whole.exit_code == 0
    expected = Outcomes.load(tmp_path / "whole.npz")
    np.testing.assert_array_equal(kept.predictions, expected.predictions)
    np.testing.assert_allclose(kept.l2, expected.l2, rtol=1e-5)


def test_an_interrupt_before_anything_is_finished(model, tmp_path, monkeypatch):
    interrupted_at(monkeypatch, 1)
    done = attack(model, "--attack", "fgsm", "--save", tmp_path / "seen.npz", "--json")
    assert done.exit_code == 130 and "Interrupted." in done.stderr
    assert not done.stdout and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words, message",
    [
        (["--attack", "pgd", "--attack", "pgd"], "--attack is pgd twice; accepted: each attack"),
        (
            ["--attack", "fgsm", "--attack", "square", "--steps", 3],
            "--steps is 3 with --attack fgsm",
        ),
        (["--attack", "deepfool", "--attack", "pgd", "--epsilon", "inf"], "--epsilon is inf"),
        (["--save-images", __file__], "--save-images is "),
    ],
)
def test_what_is_wrong_is_said_before_any_attack_runs(words, message, model):
    done = attack(model, *words)
    assert done.exit_code == 2 and message in said(done)
    assert "of 24 images" not in done.output


def test_an_attack_that_the_model_refuses_is_said_to_be_missing(model, monkeypatch):
    plain = fitted_to_digits()
    images = keras.Input(plain.input_shape[1:])
    opaque = keras.Model(images, plain(keras.ops.stop_gradient(images)))
    monkeypatch.setattr(models, "load_checkpoint", lambda path: opaque)
    both = attack(model, "--attack", "fgsm", "--attack", "square", "--option", "queries=5")
    assert both.exit_code == 0 and "fgsm was not run: model" in said(both)
    assert "Square(" in said(both) and "FGSM(" not in said(both)
    alone = attack(model, "--attack", "fgsm")
    assert alone.exit_code == 2 and "no gradient" in said(alone)

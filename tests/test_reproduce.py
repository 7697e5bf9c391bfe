"""The command line, used right and wrong."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer

import attacks
import data
import models
from attacks.auto_attack import VERSIONS
from attacks.engine.norms import NORMS
from command_line import fitted_to_digits, run, said
from commands import catalogue, choices
from commands.parameters import number
from distillation import PROCEDURES
from evaluation import Outcomes
from harness.precision import PRECISIONS
from studies import STUDIES

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A small classifier of the digits, with and without softmax."""
    folder = tmp_path_factory.mktemp("models")
    network = fitted_to_digits()
    models.save(network, folder / "logits.h5")
    models.save(models.with_softmax(network), folder / "softmax.keras")
    return folder


@pytest.mark.parametrize(
    "text, value",
    [("8/255", 8 / 255), ("25.5/255", 0.1), ("0.03", 0.03), (" 1 / 4 ", 0.25), ("1e-3", 0.001)],
)
def test_epsilons_are_numbers_or_fractions(text, value):
    assert np.isclose(number(text), value)


@pytest.mark.parametrize("text", ["8/0", "eight", "", "8/", "/255", "8/255/2"])
def test_other_epsilons_are_refused(text):
    with pytest.raises(typer.BadParameter, match="accepted: a number or a fraction"):
        number(text)


def test_list_names_studies_profiles_and_arms():
    listed = run("list")
    assert listed.exit_code == 0 and "GTSRB" in listed.output
    assert all(word in listed.output for word in ("ntu", "demo", "laptop", "paper"))
    arms = run("list", "ntu", "--profile", "laptop").output.splitlines()
    named = [line for line in arms if "/" in line]
    assert any(
        line.endswith(" vgg16/cifar10/main/faithful/none/softmax/PGD/seed 0") for line in named
    )
    assert len(named) == len(set(named)) > 200


def test_the_catalogue_is_that_of_the_studies():
    listed = {
        name: (study.title, {each.name: each.cost for each in study.profiles.values()})
        for name, study in STUDIES.items()
    }
    assert catalogue.STUDIES == listed


@pytest.mark.parametrize(
    "words, said_of_it",
    [
        (["list"], "laptop-imagenet"),
        (["list", "nto"], "study is 'nto'; accepted: ntu, icbai"),
        (["run", "ntu", "--profile", "demoo"], "--profile is 'demoo'; accepted for ntu: demo"),
        (["report", "nto"], "study is 'nto'"),
        (["export", "nto", "--network", "a", "--to", "b.h5"], "study is 'nto'"),
        (["attack", __file__, "--data", "cifar"], "--data is 'cifar'; accepted: digits"),
        (
            ["attack", __file__, "--data", "digits", "--attack", "pgx"],
            "--attack is 'pgx'; accepted: fgsm, bim",
        ),
        (["evaluate", "none.h5", "--data", "digits"], "MODEL is none.h5, which does not exist"),
        (["--version"], "cleverhans 4.0.0"),
        (["-h"], "Usage:"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_what_needs_no_tensorflow_does_not_wait_for_it(words, said_of_it):
    code = (
        f"import sys, reproduce\ntry:\n    reproduce.app({words!r})\n"
        "finally:\n    print('imported:', 'tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    printed = " ".join((done.stdout + done.stderr).replace("│", " ").split())
    assert said_of_it in printed and "imported: False" in printed


def test_attack_prints_accuracies_and_saves_outcomes(model, tmp_path):
    saved = tmp_path / "outcomes.npz"
    done = run(
        "attack",
        model / "logits.h5",
        "--data",
        "digits",
        "--attack",
        "fgsm",
        "--epsilon",
        "2/255",
        "--epsilon",
        "0.1",
        "--images",
        20,
        "--save",
        saved,
    )
    assert done.exit_code == 0, done.output
    assert "2/255" in done.output and "25.5/255" in done.output
    with np.load(saved) as outcomes:
        assert outcomes["predictions"].shape == (2, 20)


CHEAPEST = ["--data", "digits", "--attack", "fgsm", "--images", 5]
CHEAP = {
    "fgsm": [],
    "bim": ["--steps", 2],
    "momentum-iterative": ["--steps", 2, "--option", "sign_inside=true"],
    "pgd": ["--steps", 2, "--restarts", 2],
    "apgd": ["--steps", 3, "--option", "loss=dlr"],
    "square": ["--option", "queries=5"],
    "autoattack": ["--steps", 2, "--option", "queries=5"],
    "deepfool": ["--steps", 3, "--norm", "linf"],
    "carlini-wagner": ["--steps", 3, "--option", "search_steps=1"],
    "ddn": ["--steps", 30, "--option", "loss=margin"],
    "fmn": ["--steps", 10, "--norm", "linf"],
    "sigma-zero": ["--steps", 20],
    "fab": ["--steps", 3, "--option", "targets=2"],
    "pixel-swap": ["--option", "max_swaps=8"],
    "jsma": ["--option", "output=probabilities"],
}


@pytest.mark.parametrize(
    "choice, names",
    [
        (choices.Attack, attacks.BY_NAME),
        (choices.Attack, CHEAP),
        (choices.Norm, NORMS),
        (choices.Precision, PRECISIONS),
        (choices.AutoAttackVersion, VERSIONS),
        (choices.DataSet, data.NAMES),
        (choices.Model, models.NAMES),
        (choices.Procedure, PROCEDURES),
        (choices.Format, [suffix[1:] for suffix in models.SUFFIXES]),
    ],
)
def test_choices_are_what_there_is(choice, names):
    assert {each.value for each in choice} == set(names)


@pytest.mark.parametrize("name", CHEAP)
def test_every_attack_fools_the_model(model, name, tmp_path):
    words = ["attack", model / "logits.h5", "--data", "digits", "--images", 12, "--attack", name]
    done = run(*words, *CHEAP[name], "--save", tmp_path / "outcomes.npz")
    assert done.exit_code == 0, done.output
    assert attacks.BY_NAME[name].__name__ in said(done)
    minimum_norm = issubclass(attacks.BY_NAME[name], attacks.MinimumNormAttack)
    assert ("any" in said(done)) == minimum_norm
    assert ("8/255" in said(done)) != minimum_norm  # where nothing is said
    outcomes = Outcomes.load(tmp_path / "outcomes.npz")
    assert outcomes.clean_correct.sum() >= 10
    assert outcomes.fooled.any()


def test_which_part_of_autoattack_broke_which_image(model, tmp_path):
    words = ["--images", 20, "--attack", "autoattack", "--steps", 2, "--batch-size", 10]
    words += ["--option", "queries=5", "--option", "version=standard", "--epsilon", 0.02]
    words += ["--epsilon", 0.1, "--save", tmp_path / "outcomes.npz", "--data", "digits"]
    done = run("attack", model / "logits.h5", *words)
    assert done.exit_code == 0, done.output
    outcomes = Outcomes.load(tmp_path / "outcomes.npz")
    assert [len(log.broken_by) for log in outcomes.logs] == [20, 20]
    for log, correct in zip(outcomes.logs, outcomes.correct):
        np.testing.assert_array_equal(log.broken_by == "none", correct)
        for line in log.lines:
            assert line.partition(" (total")[0] in said(done)
    done = run("attack", model / "logits.h5", *words[:-4], *words[-2:], "--json")
    near, far = json.loads(done.stdout)["attacks"][0]["log"]
    assert far["broken_by"] == outcomes.logs[1].broken_by.tolist()
    assert [each["name"] for each in near["attacks"]] == list(outcomes.logs[0].attacks)
    assert sum(each["broken"] for each in far["attacks"]) == outcomes.fooled[1].sum()


def test_images_of_the_users_own_are_attacked_too(model, tmp_path):
    digits, saved = data.load("digits"), tmp_path / "outcomes.npz"
    np.savez(tmp_path / "mine.npz", x=digits.x_test[:9], y=digits.y_test[:9])
    words = ["--data", tmp_path / "mine.npz", "--attack", "fgsm", "--epsilon", 0.2]
    done = run("attack", model / "logits.h5", *words, "--save", saved)
    assert done.exit_code == 0, done.output
    outcomes = Outcomes.load(saved)
    assert sorted(outcomes.labels) == sorted(digits.y_test[:9]) and outcomes.fooled.any()


def test_options_reach_the_attack(model):
    words = ["--attack", "deepfool", "--norm", "linf", "--steps", 3, "--option", "overshoot=1/50"]
    done = run("attack", model / "logits.h5", *CHEAPEST, *words)
    assert "DeepFool(steps=3, norm='linf'" in said(done) and "overshoot=0.02" in said(done)


def test_a_target_leaves_its_own_images_out(model, tmp_path):
    saved = tmp_path / "outcomes.npz"
    words = ["attack", model / "logits.h5", "--data", "digits", "--images", 30, "--target", 3]
    done = run(*words, "--epsilon", 0.3, "--save", saved)
    assert done.exit_code == 0, done.output
    assert "target" in done.output
    with np.load(saved) as outcomes:
        assert 0 < len(outcomes["labels"]) < 30
        assert not (outcomes["labels"] == 3).any()
        assert (outcomes["targets"] == 3).all()


@pytest.mark.parametrize("choice", ["remove", "keep"])
def test_a_model_that_ends_in_softmax_is_attacked_as_the_user_says(model, choice):
    words = ["attack", model / "softmax.keras", *CHEAPEST]
    refused = run(*words)
    assert refused.exit_code == 2
    assert "--softmax remove" in refused.stderr and "--softmax keep" in refused.stderr
    done = run(*words, "--softmax", choice)
    assert done.exit_code == 0 and "clean 100.0 [" in said(done)


@pytest.mark.parametrize(
    "words, message",
    [
        (["run", "nothing"], "'nothing'; accepted: ntu"),
        (
            ["run", "ntu", "--profile", "huge"],
            "'huge'; accepted for ntu: demo, laptop, colab, paper",
        ),
        (["run", "ntu", "--arms", "zzz"], "'zzz'"),
        (["run", "ntu", "--profile", "laptop", "--data-dir", "EMPTY"], "cifar10"),
        (["report", "ntu", "--results", "EMPTY"], "python reproduce.py run ntu"),
        (["attack", "MISSING", "--data", "digits"], "does not exist"),
        (["attack", "GARBAGE", "--data", "digits"], "damaged or not a checkpoint"),
        (["attack", "MODEL", "--data", "svhn"], "--data is 'svhn'; accepted: digits, mnist"),
        (["attack", "MODEL", "--data", "imagenet", "--data-dir", "EMPTY"], "<index>_<wnid>.jpg"),
        (
            ["attack", "MODEL", "--data", "digits", "--images-per-class", "3"],
            "with 'imagenet' only",
        ),
        (
            ["attack", "MODEL", "--data", "digits", "--attack", "deepfry"],
            "--attack is 'deepfry'; accepted: fgsm, bim",
        ),
        (["attack", "MODEL", "--data", "digits", "--epsilon", "8"], "8/255"),
        (
            ["attack", "MODEL", "--data", "digits", "--epsilon", "x"],
            "--epsilon is 'x'; accepted: a number or a fraction such as 8/255",
        ),
        (
            ["attack", "MODEL", "--data", "digits", "--norm", "l3"],
            "--norm is 'l3'; accepted: linf, l2, l1",
        ),
        (
            ["attack", "MODEL", "--data", "digits", "--steps", "0"],
            "--steps is '0'; accepted: a whole number, 1",
        ),
        (
            ["attack", "MODEL", "--data", "digits", "--attack", "fgsm", "--steps", "9"],
            "--steps is 9 with --attack fgsm",
        ),
        (
            ["attack", "MODEL", "--data", "digits", "--attack", "square", "--steps", "9"],
            "--steps is 9 with --attack square, which has no such option; accepted, with their "
            "defaults: queries=5000",
        ),
        (["attack", "MODEL", "--data", "digits", "--option", "stps=3"], "--option is 'stps=3'"),
        (["attack", "MODEL", "--data", "digits", "--option", "steps"], "steps=40"),
        (
            ["attack", "MODEL", "--data", "digits", "--option", "steps=some"],
            "--steps is 'some'; accepted: a whole number",
        ),
        (
            ["attack", "MODEL", "--data", "digits", "--option", "clip=maybe"],
            "--clip is 'maybe'; accepted: true, false",
        ),
        (
            ["attack", "MODEL", "--data", "digits", "--option", "step_size=x"],
            "--step-size is 'x'; accepted: none, a number or a fraction",
        ),
        (
            ["attack", "MODEL", "--data", "digits", "--steps", "3", "--option", "steps=4"],
            "although --steps is given",
        ),
        (["attack", "MODEL", "--data", "digits", "--epsilon", "inf"], "--epsilon is inf"),
        (["attack", "MODEL", "--data", "digits", "--target", "10"], "10; accepted: 0 to 9"),
        (["attack", "MODEL", "--data", "digits", "--images", "0"], "--images is '0'"),
        (["attack", "MODEL", "--data", "digits", "--temperature", "0"], "--temperature is 0"),
        (["attack", "MODEL", "--data", "digits", "--save", "MODEL"], "exists"),
        (
            ["attack", "MODEL", "--data", "digits", "--save", "no/x.npz"],
            "in a folder that can be written",
        ),
        (["export", "ntu", "--network", "lenet/mnist/student", "--to", "x.h5"], "lenet"),
        (
            [
                "export",
                "ntu",
                "--network",
                "papernot_cnn/cifar10/student",
                "--to",
                "x.h5",
                "--runs",
                "EMPTY",
            ],
            "not trained yet; first: python reproduce.py run ntu",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_arguments_are_named_in_one_sentence(words, message, model, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "garbage.h5").write_bytes(b"not a model")
    places = {
        "EMPTY": tmp_path / "empty",
        "MISSING": tmp_path / "missing.h5",
        "GARBAGE": tmp_path / "garbage.h5",
        "MODEL": model / "logits.h5",
    }
    before = (model / "logits.h5").read_bytes()
    result = run(*[places.get(word, word) for word in words])
    assert result.exit_code == 2, result.output
    assert "Error" in result.stderr and message in said(result)
    assert not result.stdout
    assert (model / "logits.h5").read_bytes() == before
    assert not list((tmp_path / "empty").iterdir())


@pytest.mark.slow
def test_run_report_and_export_of_a_finished_study(tiny_study, finished, tmp_path, monkeypatch):
    runs = finished[0]
    # Pictures are looked at in the harness' tests.
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *arguments, **options: None)
    done = run("run", "ntu", "--runs", runs, "--results", tmp_path / "results")
    assert done.exit_code == 0, done.output
    assert "stages were there already" in done.output
    assert "undefended" in done.output and "index.html" in done.output
    assert len(done.output.splitlines()) < 40  # fits a screen
    (tmp_path / "results" / "report.md").unlink()
    assert run("report", "ntu", "--results", tmp_path / "results").exit_code == 0
    assert (tmp_path / "results" / "report.md").exists()

    target = tmp_path / "student.keras"
    words = ["export", "ntu", "--network", "vgg16/cifar10/student", "--to", target, "--runs", runs]
    assert run(*words).exit_code == 0
    network = models.load_checkpoint(target)
    assert network.output_shape == (None, 10) and models.squashing(network) is None
    again = run(*words)
    assert again.exit_code == 2 and "exists" in again.stderr
    assert run(*words, "--overwrite").exit_code == 0


@pytest.mark.slow
def test_a_quiet_run_prints_the_path_alone(tiny_study, finished, tmp_path):
    quiet = run("run", "ntu", "--runs", finished[0], "--results", tmp_path / "r", "--quiet")
    assert quiet.exit_code == 0 and not quiet.stderr
    assert quiet.stdout.splitlines() == [str(tmp_path / "r" / "index.html")]


def test_help_does_not_wait_for_tensorflow():
    code = (
        "import sys, reproduce\n"
        "from typer.testing import CliRunner\n"
        "for words in (['--help'], ['attack', '--help'], ['evaluate', '--help'],"
        " ['attack', 'm.h5', '--norm', 'l3']):\n"
        "    print(CliRunner().invoke(reproduce.app, words).output)\n"
        "print(sorted({'keras', 'numpy', 'pandas', 'tensorflow'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "carlini-wagner" in done.stdout
    assert done.stdout.endswith("\n[]\n")


@pytest.mark.slow
def test_it_runs_as_a_program_from_another_folder(tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "reproduce.py", "list"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "ntu" in done.stdout
    assert not done.stderr  # TensorFlow's start-up messages are not the user's business

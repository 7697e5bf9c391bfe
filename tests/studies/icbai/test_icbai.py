"""The ICBAI study: its settings, its arms, its verdicts, and a tiny run of all of it."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from harness.results import Results, collect
from harness.runner import Runner, plan
from harness.store import Store
from recording import Recorder
from reports import build_report
from studies import STUDIES
from studies.icbai import distillation as icbai
from studies.icbai.claims import claims
from studies.icbai.published import link
from studies.icbai.report import measure

STUDY = STUDIES["icbai"]
PUBLISHED = pd.read_csv(STUDY.published, keep_default_na=False, dtype=str)
PAPER, LAPTOP, DEMO = (icbai.PROFILES[name] for name in ("paper", "laptop", "demo"))


def test_every_row_is_linked():
    kinds = PUBLISHED.apply(lambda row: link(row).kind, axis=1)
    assert kinds.value_counts().to_dict() == {
        "accuracy under attack": 2,
        "setting": 7,
        "background": 3,
        "most damaging side": 1,
    }
    settings = PUBLISHED[kinds == "setting"]
    assert all(link(row).setting == float(row["value"]) for _, row in settings.iterrows())
    tied = link(PUBLISHED[PUBLISHED["value"] == "92.91"].iloc[0])
    assert (tied.role, tied.attacks) == ("student", ("FGSM",))
    assert np.isclose(tied.epsilon_grey, 76.5)
    unknown = PUBLISHED.iloc[0].copy()
    unknown["metric"], unknown["dataset"] = "something else", "MNIST"
    with pytest.raises(ValueError, match="something else"):
        link(unknown)


@pytest.mark.parametrize("profile", [PAPER, LAPTOP, DEMO], ids=lambda p: p.name)
def test_arms_are_all_there_once(profile):
    every = icbai.arms(profile)
    assert max(Counter(arm.key for arm in every).values()) == 1
    arms = [arm for arm in every if arm.case == icbai.CASE]
    assert all(arm.epsilons == icbai.EPSILONS for arm in arms)
    seen = {(arm.protocol, arm.training.role, arm.view, arm.attack_name) for arm in arms}
    for role in icbai.ROLES:
        assert ("faithful", role, "logits", "FGSM") in seen
    for role in ("student", "control"):
        for view in ("logits", "logits / T"):
            for attack in ("FGSM", "PGD", "APGD, margin"):
                assert ("corrected", role, view, attack) in seen
        assert ("corrected", role, "logits", "PGD, from undefended") in seen
    for arm in arms:
        assert (arm.crafted_on is not None) == ("from undefended" in arm.attack_name)
        assert arm.crafted_on is None or arm.crafted_on.role == "undefended"


def test_the_networks_are_those_of_the_recipe():
    student = icbai.training(PAPER, "student")
    assert student.temperature == 100 and student.teacher.temperature == 100
    recipe = student.recipe
    assert (recipe.optimizer, recipe.learning_rate, recipe.epochs) == ("Adam", 1e-4, 10)
    assert (recipe.beta_1, recipe.beta_2) == (0.9, 0.99)
    assert (recipe.patience, recipe.plateau_factor) == (3, 0.1)
    control = icbai.training(PAPER, "control")
    assert control.seed == student.seed != student.teacher.seed
    assert control.recipe == recipe and control.teacher is None
    assert icbai.training(PAPER, "undefended").temperature == 1


LEVELS = np.array([0.0, *icbai.EPSILONS]) * 255


def judged(student_faithful, student_corrected) -> pd.DataFrame:
    """Verdicts where the first so many of 1,000 images are correct at 30 % noise."""
    rows, correct = [], {}
    for protocol, attack, role, count in (
        ("faithful", "FGSM", "student", student_faithful),
        ("faithful", "FGSM", "undefended", 100),
        ("corrected", "FGSM", "student", 900),
        ("corrected", "PGD", "student", student_corrected),
    ):
        arm = f"{protocol}{attack}{role}"
        correct[arm] = np.tile(np.arange(1000) < count, (len(LEVELS), 1))
        rows += [
            {
                "case": icbai.CASE,
                "variant": "main",
                "protocol": protocol,
                "view": "logits",
                "defense": "none" if role == "undefended" else f"soft_labels {role}",
                "attack": attack,
                "arm": arm,
                "seed": 0,
                "dataset": "mnist",
                "epsilon_grey": level,
            }
            for level in LEVELS
        ]
    results = Results(
        {}, pd.DataFrame(rows), pd.DataFrame(), pd.DataFrame(), correct, {}, icbai.COMPARED
    )
    cell = link(PUBLISHED[PUBLISHED["value"] == "92.91"].iloc[0])
    worst = measure(results)(cell, "corrected")
    assert worst[0] == pytest.approx(min(900, student_corrected) / 10) and worst[3] == 1000
    return pd.DataFrame([vars(verdict) for verdict in claims(results)])


@pytest.mark.parametrize(
    "faithful, corrected, outcomes",
    [
        (950, 30, ["confirmed", "refuted"]),
        (905, 895, ["undecided", "undecided"]),
        (700, 990, ["refuted", "undecided"]),  # 900 of FGSM are the worst
    ],
)
def test_verdicts(faithful, corrected, outcomes):
    verdicts = judged(faithful, corrected)
    assert list(verdicts["claim"].unique()) == [f"ICB-{number}" for number in range(1, 7)]
    found = verdicts[verdicts["claim"] == "ICB-5"]
    assert list(found["outcome"]) == outcomes
    assert f"{faithful / 10:.2f} % [" in found["evidence"].iloc[0]
    gain = (faithful - 100) / 10
    assert f"gain over the undefended network {gain:+.1f} points" in found["evidence"].iloc[0]
    assert (verdicts[verdicts["claim"] != "ICB-5"]["outcome"] == "not run").all()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Everything, with few updates and images; the networks are hardly trained."""
    scale = replace(
        DEMO.scales[icbai.MODEL],
        width=1 / 16,
        epochs=2,
        images=160,
        validation_images=60,
        attack_images={"faithful": 30, "corrected": 12},
    )
    cases = {icbai.CASE: DEMO.cases[icbai.CASE]}
    profile = replace(DEMO, scales={icbai.MODEL: scale}, cases=cases)
    todo = plan(STUDY, profile)
    runner, recorder = Runner(Store(tmp_path_factory.mktemp("runs"))), Recorder()
    runner.run(todo, recorder)
    directory = tmp_path_factory.mktemp("results")
    collect(STUDY, profile, runner, todo).save(directory)
    return directory, build_report(STUDY, directory), recorder, todo


@pytest.mark.slow
def test_the_report_shows_every_network_and_attack(run):
    directory, page, recorder, todo = run
    assert len(recorder.ran) == 4 + len(todo.arms)
    comparison = pd.read_csv(directory / "comparison.csv")
    assert len(comparison) == len(PUBLISHED)
    measured = comparison[comparison["status"] == "measured"]
    assert (measured["value"].astype(float) == 92.91).all() and len(measured) == 2
    assert (measured["faithful_images"] == 30).all() and (measured["corrected_images"] == 12).all()
    text = (directory / "report.md").read_text()
    assert f"{measured['faithful'].iloc[0]:.2f} %" in text
    for words in ("soft labels at T", "PGD, from undefended", "logits / T", "mnist: digits"):
        assert words in text
    pictures = page.read_text().split('src="')[1:]
    assert len(pictures) >= 4
    for picture in pictures:
        assert (directory / picture.split('"')[0]).stat().st_size > 5000


@pytest.mark.slow
def test_a_transferred_attack_is_one_on_the_undefended_network(run):
    directory, _, _, _ = run
    results = Results.load(directory, icbai.COMPARED)
    table = results.table
    transferred = table[(table["attack"] == "FGSM, from undefended") & (table["epsilon"] > 0)]
    on_undefended = table[
        (table["role"] == "undefended")
        & (table["protocol"] == "corrected")
        & (table["attack"] == "FGSM")
        & (table["epsilon"] > 0)
    ]
    # The same images at the same distances, whoever classifies them.
    for role in ("student", "control"):
        found = transferred[transferred["role"] == role]
        np.testing.assert_allclose(found["mean_l2"], on_undefended["mean_l2"], rtol=1e-5)

"""The ICBAI study: its settings, its arms, its verdicts, and a tiny run of all of it."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from evaluation import Estimate
from harness.arms import Protocol
from harness.claims import Standing
from harness.collect import collect
from harness.plan import plan
from harness.results import Results
from harness.runner import Runner
from harness.store import Store
from made import verdicts_on
from recording import Recorder
from reports import build_report
from studies.icbai import STUDY, distillation
from studies.icbai.arms import COMPARED
from studies.icbai.claims import CLAIMS
from studies.icbai.distillation import CASE
from studies.icbai.measures import measure
from studies.icbai.published import link

PUBLISHED = STUDY.published
PAPER, LAPTOP, DEMO = (STUDY.profiles[name] for name in ("paper", "laptop", "demo"))


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
    unknown["measures"] = "something else"
    with pytest.raises(ValueError, match="something else"):
        link(unknown)


@pytest.mark.parametrize("profile", [PAPER, LAPTOP, DEMO], ids=lambda p: p.name)
def test_arms_are_all_there_once(profile):
    every = STUDY.arms(profile)
    assert max(Counter(arm.key for arm in every).values()) == 1
    arms = [arm for arm in every if arm.case == CASE]
    for arm in arms:
        expected = (np.inf,) if arm.attack_name == "CW" else distillation.EPSILONS
        assert arm.epsilons == expected
    seen = {(arm.protocol, arm.training.role, arm.view, arm.attack_name) for arm in arms}
    for role in distillation.ROLES:
        assert ("faithful", role, "logits", "FGSM") in seen
    for role in ("student", "control"):
        for view in ("logits", "logits / T"):
            for attack in ("FGSM", "PGD", "APGD, margin"):
                assert ("corrected", role, view, attack) in seen
        assert ("corrected", role, "logits", "PGD, from undefended") in seen
    made = {(arm.crafted_on.role, arm.training.role) for arm in arms if arm.crafted_on}
    judged = {"undefended", "student", "control"}
    assert made == {(one, other) for one in judged for other in judged if one != other}
    for arm in arms:
        assert (arm.crafted_on is not None) == (", from " in arm.attack_name)
        if arm.crafted_on:
            assert arm.attack_name.endswith(f"from {arm.crafted_on.role}")
            # Through its own logits it would see no gradient.
            assert arm.attack.temperature == (1 if arm.crafted_on.role == "undefended" else 100)
    within = {arm.attack_name for arm in arms if arm.protocol == "corrected"} - {"CW"}
    assert within == set(distillation.WITHIN_EPSILON)


def test_the_networks_are_those_of_the_recipe():
    student = distillation.training(PAPER, "student")
    assert student.temperature == 100 and student.teacher.temperature == 100
    recipe = student.recipe
    assert (recipe.optimizer, recipe.learning_rate, recipe.epochs) == ("Adam", 1e-4, 10)
    assert (recipe.beta_1, recipe.beta_2) == (0.9, 0.99)
    assert (recipe.patience, recipe.plateau_factor) == (3, 0.1)
    control = distillation.training(PAPER, "control")
    assert control.seed == student.seed != student.teacher.seed
    assert control.recipe == recipe and control.teacher is None
    assert distillation.training(PAPER, "undefended").temperature == 1


LEVELS = np.array([0.0, *distillation.EPSILONS]) * 255


def made_up(student_faithful: int, student_corrected: int) -> Results:
    """The first so many thousandths of 10,000 images are correct at 30 % noise."""
    rows, correct = [], {}
    for protocol, attack, role, count in (
        ("faithful", "FGSM", "student", student_faithful),
        ("faithful", "FGSM", "undefended", 100),
        ("corrected", "FGSM", "student", 900),
        ("corrected", "PGD", "student", student_corrected),
    ):
        arm = f"{protocol}{attack}{role}"
        correct[arm] = np.tile(np.arange(10_000) < 10 * count, (len(LEVELS), 1))
        rows += [
            {
                "case": str(CASE),
                "model": CASE.model,
                "published_dataset": CASE.dataset,
                "variant": "main",
                "protocol": protocol,
                "view": "logits",
                "defense": "none" if role == "undefended" else f"soft_labels {role}",
                "attack": attack,
                "arm": arm,
                "seed": 0,
                "dataset": "mnist",
                "epsilon": level / 255,
                "epsilon_grey": level,
            }
            for level in LEVELS
        ]
    return Results({}, pd.DataFrame(rows), pd.DataFrame(), pd.DataFrame(), correct, COMPARED)


def test_the_corrected_number_is_the_worst_of_all_attacks():
    cell = link(PUBLISHED[PUBLISHED["value"] == "92.91"].iloc[0])
    for corrected, percent in ((30, 3.0), (990, 90.0)):  # 900 of FGSM are the worst
        worst = measure(made_up(950, corrected), cell, Protocol.CORRECTED)
        assert worst.value == pytest.approx(percent) and worst.images == 10_000
    faithful = measure(made_up(950, 30), cell, Protocol.FAITHFUL)
    assert faithful.text() == Estimate.share(0.95, 10_000).times(100).text()


@pytest.mark.parametrize(
    "faithful, corrected, outcomes",
    [
        (929, 30, ["confirmed", "refuted"]),
        (950, 895, ["refuted", "refuted"]),  # more is not what the study printed either
        (919, 990, ["undecided", "refuted"]),  # 900 of FGSM are the worst
    ],
)
def test_verdicts(faithful, corrected, outcomes):
    verdicts = verdicts_on(CLAIMS, made_up(faithful, corrected))
    numbers = dict.fromkeys(claim.rstrip("ab") for claim in verdicts["claim"])
    assert list(numbers) == [f"ICB-{number}" for number in range(1, 7)]
    distilled = verdicts[verdicts["claim"] == "ICB-5"]
    assert list(distilled["outcome"]) == outcomes
    assert f"accuracy {faithful / 10:.2f} [" in distilled["evidence"].iloc[0]
    gain = (faithful - 100) / 10
    assert f"gain over the undefended network {gain:+.1f} [" in distilled["evidence"].iloc[0]
    assert (
        distilled["evidence"]
        .str.contains("criterion: within 1 point of 92.91 %", regex=False)
        .all()
    )
    others = verdicts[verdicts["claim"] != "ICB-5"]
    assert (others["outcome"] == "not run").all()
    assert others["evidence"].str.contains("ImageNet").all()


@pytest.mark.parametrize(
    "standing, outcome", [(Standing.REDUCED, "undecided"), (Standing.STAND_IN, "no verdict")]
)
def test_only_the_published_network_tells_what_it_keeps(standing, outcome):
    verdicts = verdicts_on(CLAIMS, made_up(950, 30), standing).set_index("claim")
    assert list(verdicts.loc["ICB-5", "outcome"]) == [outcome] * 2


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Everything, with few updates and images; the networks are hardly trained."""
    scale = replace(
        DEMO.scales[CASE.model],
        width=1 / 16,
        epochs=2,
        images=160,
        validation_images=60,
        attack_images={"faithful": 30, "corrected": 12},
    )
    cases = {CASE: DEMO.cases[CASE]}
    profile = replace(DEMO, scales={CASE.model: scale}, cases=cases)
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
    measured = comparison[comparison["status"].str.startswith("measured")]
    assert (measured["value"].astype(float) == 92.91).all() and len(measured) == 2
    assert (measured["faithful_images"] == 30).all() and (measured["corrected_images"] == 12).all()
    text = (directory / "report.md").read_text()
    assert f"faithful {measured['faithful'].iloc[0]:.2f} [" in text
    for words in ("soft labels at T", "PGD, from undefended", "logits / T", "mnist: digits"):
        assert words in text
    assert text.index("### From network to network") < text.index("### The smallest perturbation")
    pictures = page.read_text().split('src="')[1:]
    assert len(pictures) >= 4 and any("transfer.png" in picture for picture in pictures)
    for picture in pictures:
        assert (directory / picture.split('"')[0]).stat().st_size > 5000


@pytest.mark.slow
def test_a_transferred_attack_is_one_on_the_undefended_network(run):
    directory, _, _, _ = run
    results = Results.load(directory, COMPARED)
    on_undefended = results.select(role="undefended", protocol="corrected", attack="FGSM")
    # The same images at the same distances, whoever classifies them.
    for role in ("student", "control"):
        found = results.select(role=role, attack="FGSM, from undefended")
        np.testing.assert_allclose(found["mean_l2"], on_undefended["mean_l2"], rtol=1e-5)


@pytest.mark.slow
def test_an_attack_that_sees_a_gradient_is_shown(run):
    directory, _, _, _ = run
    results = Results.load(directory, COMPARED)
    shown = results.select(arm=tuple(results.examples), role="student", protocol="corrected")
    assert set(zip(shown["attack"], shown["view"])) == {
        ("FGSM", "logits"),
        ("PGD", "logits"),
        ("PGD", "logits / T"),
    }
    assert "corrected, PGD through logits / T within 30 %" in (directory / "report.md").read_text()

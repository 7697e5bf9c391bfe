"""Verdicts on attacks and distillation, on results whose answer is known by construction."""

import numpy as np
import pandas as pd
import pytest

from harness.claims import Standing
from made import made_arm, made_results, verdicts_on
from studies.ntu import arms
from studies.ntu.claims import CLAIMS

EPSILONS = np.arange(0, 9) / 10 / 255
IMAGES = 1000
ROLES = ("undefended", "student", "control")


#: A training of which no claim speaks.
NOT_COMPARED = {"variant": "another", "seconds": 1.0, "stage": "train-0", "test_images": 200} | {
    f"{split}_accuracy": 0.5 for split in ("train", "validation", "test")
}


def curve(*accuracies: float) -> np.ndarray:
    """bool [9, IMAGES]: at each epsilon the first so many images are correct."""
    return np.arange(IMAGES) < np.round(IMAGES * np.array(accuracies))[:, None]


def others(correct: np.ndarray) -> np.ndarray:
    """As accurate, on other images: the difference is zero, and far from certain."""
    return correct[:, ::-1]


FALLING = curve(0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
PLATEAU = curve(0.9, 0.8, 0.7, 0.6, 0.5, 0.5, 0.5, 0.5, 0.5)
FLAT, HIGH, LOW = (curve(*[accuracy] * 9) for accuracy in (0.5, 0.95, 0.1))


def network(
    protocol: str, role: str, attack: str, correct: np.ndarray, procedure: str = "", **columns
):
    """An arm as it is compared with the study; `columns` may change that."""
    compared = arms.COMPARED[protocol]
    defense = "none" if role == "undefended" else f"{procedure or compared.procedure} {role}"
    place = dict(protocol=protocol, role=role, attack=attack, defense=defense)
    return made_arm(EPSILONS, correct, **{"view": compared.views[0]} | place | columns)


def networks(protocol: str, *correct: np.ndarray, **columns) -> list:
    """The undefended network, the student and the control, as many as given, under both attacks."""
    return [
        network(protocol, role, attack, each, **columns)
        for role, each in zip(ROLES, correct, strict=False)
        for attack in arms.ATTACKS
    ]


def verdicts_of(*made, claim: str = "", standing=Standing.PUBLISHED) -> pd.DataFrame:
    """On one claim, or on all."""
    claims = [each for each in CLAIMS if claim in ("", each.id)]
    return verdicts_on(claims, made_results(*made, trainings=[NOT_COMPARED]), standing)


def outcome(claim: str, where: str, *made) -> str:
    verdicts = verdicts_of(*made, claim=claim)
    (ruling,) = verdicts[verdicts["where"].str.contains(where, regex=False)]["outcome"]
    return ruling


def test_every_claim_has_a_verdict_whatever_was_run():
    verdicts = verdicts_of(network("faithful", "undefended", "FGSM", FALLING))
    whole = [1, 3, 4, 5, 6, 9, 10, 12, 14, 15, 16]
    parts = {number: [""] if number in whole else ["a", "b"] for number in range(1, 18)}
    ids = [f"NTU-{number}{part}" for number, each in parts.items() for part in each]
    assert list(dict.fromkeys(verdicts["claim"])) == ids
    judged = verdicts["claim"] == "NTU-1"
    assert (verdicts[~judged]["outcome"] == "not run").all()
    assert (verdicts["evidence"].str.len() > 10).all()


def test_on_data_that_stand_in_there_is_no_verdict():
    verdicts = verdicts_of(*networks("faithful", FALLING, HIGH), standing=Standing.STAND_IN)
    assert set(verdicts["outcome"]) == {"no verdict", "not run"}


def hardly_more(correct: np.ndarray) -> np.ndarray:
    """10 images are gained and 2 lost: significant at one epsilon, not at one of several."""
    more = correct.copy()
    more[[0, 1]], more[900:910] = False, True
    return more


UP = curve(0.9, 0.5, 0.6, 0.5, 0.4, 0.4, 0.4, 0.4, 0.4)


@pytest.mark.parametrize(
    "correct, expected",
    [(FALLING, "confirmed"), (UP, "refuted"), (FLAT, "no difference")]
    + [(np.vstack([FLAT[:4], others(FLAT)[4:]]), "undecided")],
    ids=["falls", "a step upward", "flat", "other images"],
)
def test_accuracy_falls_unless_a_step_upward_is_significant(correct, expected):
    made = network("faithful", "student", "FGSM", correct)
    assert outcome("NTU-1", "student, FGSM", made) == expected


def test_a_step_upward_has_to_be_significant_among_seven():
    correct = FALLING.copy()
    correct[2] = hardly_more(correct[1])
    for seeds in ([0], [0, 1, 2]):
        made = (network("faithful", "student", "FGSM", correct, seed=seed) for seed in seeds)
        verdict = verdicts_of(*made, claim="NTU-1").iloc[0]
        assert verdict["outcome"] == "confirmed"
        assert "rises in 1 of 7 steps, significantly in 0" in verdict["evidence"]


def still(correct: np.ndarray, moved: float | None):
    """Faithful PGD whose images move by so many grey levels beyond 0.4, by a step up to there."""
    arm, rows, correct = network("faithful", "undefended", "PGD", correct)
    for row in rows:
        row["max_linf_to_previous"] = (0.1 if row["epsilon_grey"] < 0.45 else moved or 0) / 255
        if moved is None:
            del row["max_linf_to_previous"]
    return arm, rows, correct


@pytest.mark.parametrize(
    "correct, moved, expected",
    [(PLATEAU, 5e-5, "confirmed"), (PLATEAU, 2e-4, "refuted"), (FALLING, 5e-5, "refuted")]
    + [(PLATEAU, None, "not run"), (PLATEAU, np.nan, "not run")],
)
def test_pgd_as_run_stands_still_if_images_and_accuracies_do(correct, moved, expected):
    assert outcome("NTU-2a", "", still(correct, moved)) == expected


@pytest.mark.parametrize(
    "last, expected",
    [(FLAT, "confirmed"), (FALLING, "refuted"), (others(FLAT), "undecided")],
    ids=["equal", "lower", "other images"],
)
def test_saturation_is_equal_accuracy_at_the_two_ends(last, expected):
    correct = np.vstack([FLAT[:-1], last[-1:]])
    made = network("corrected", "undefended", "PGD", correct)
    assert outcome("NTU-2b", "", made) == expected


@pytest.mark.parametrize(
    "student, control, expected",
    [
        (HIGH, FALLING, "confirmed"),
        # As good as its control: no effect of distillation, however large the gain.
        (HIGH, HIGH, "refuted"),
        (FALLING, LOW, "refuted"),
        (LOW, FALLING, "refuted"),
        (HIGH, others(HIGH), "undecided"),
    ],
    ids=["beats both", "equals control", "equals undefended", "worse", "other images"],
)
def test_distillation_helps_only_if_it_beats_undefended_and_control(student, control, expected):
    made = networks("faithful", FALLING, student, control)
    assert outcome("NTU-3", "faithful, PGD", *made) == expected


@pytest.mark.parametrize("points, expected", [(-20, "undecided"), (-2, "refuted")])
def test_a_student_that_is_behind_without_attack_is_not_judged_after_a_short_training(
    points, expected
):
    accuracies = FALLING.mean(axis=1) - 0.3
    behind = curve(0.9 + points / 100, *accuracies[1:])
    on_cifar100 = dict(case="vgg16/cifar100", dataset="cifar100", published_dataset="cifar100")
    for claims, place in ((("NTU-3", "NTU-5", "NTU-6"), {}), (("NTU-7a", "NTU-7b"), on_cifar100)):
        made = networks("corrected", FALLING, behind, FALLING, **place)
        for standing, outcome in ((Standing.REDUCED, expected), (Standing.PUBLISHED, "refuted")):
            verdicts = verdicts_of(*made, standing=standing)
            found = verdicts[verdicts["claim"].isin(claims) & (verdicts["outcome"] != "not run")]
            assert set(found["outcome"]) == {outcome}


def shifted(points: float) -> np.ndarray:
    """FALLING with more or less accuracy under attack."""
    accuracies = FALLING.mean(axis=1) + points / 100
    return curve(0.9, *accuracies[1:])


@pytest.mark.parametrize(
    "student, expected",
    [
        (shifted(-3), "confirmed"),
        (shifted(-15), "refuted"),  # not slightly
        (shifted(3), "refuted"),
        (FALLING, "refuted"),
        (others(FALLING), "undecided"),
    ],
    ids=["slightly", "by much", "helps", "equal", "other images"],
)
def test_a_slight_harm_is_one_within_its_bound(student, expected):
    made = networks("corrected", FALLING, student)
    assert outcome("NTU-4", "corrected", *made) == expected


#: Gains the same images at every epsilon.
GAINS = FALLING | (np.arange(IMAGES) >= 950)
EARLY = curve(0.9, 0.99, 0.99, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
LATE = curve(0.9, 0.9, 0.85, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9)
LESS_WORSE = curve(0.9, 0.84, 0.79, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0)


@pytest.mark.parametrize(
    "student, expected",
    [
        (EARLY, "confirmed"),
        (LATE, "refuted"),
        (LESS_WORSE, "refuted"),
        (GAINS, "refuted"),
        (others(FALLING), "undecided"),
    ],
    ids=["early", "late", "less worse", "everywhere alike", "other images"],
)
def test_better_mainly_at_small_epsilon_is_a_gain_and_a_contrast_of_gains(student, expected):
    made = networks("faithful", FALLING, student)
    assert outcome("NTU-5", "PGD", *made) == expected


ONCE_WORSE = np.vstack([HIGH[:3], LOW[3:4], HIGH[4:]])


@pytest.mark.parametrize(
    "student, expected",
    [(np.vstack([HIGH[:5], LOW[5:]]), "confirmed"), (ONCE_WORSE, "refuted")]
    + [(FALLING, "no difference"), (others(FALLING), "undecided")],
    ids=["up to 0.4", "worse in one cell", "equal", "other images"],
)
def test_better_at_small_epsilons_needs_every_cell(student, expected):
    made = networks("faithful", FALLING, student)
    assert outcome("NTU-6", "", *made) == expected


@pytest.mark.parametrize(
    "student, everywhere, by_more",
    [
        (curve(0.9, 0.95, 0.95, 0.9, 0.9, 0.55, 0.45, 0.35, 0.25), "confirmed", "confirmed"),
        (ONCE_WORSE, "refuted", "refuted"),
        (GAINS, "confirmed", "refuted"),
        (FALLING, "no difference", "no difference"),
        (others(FALLING), "undecided", "undecided"),
    ],
    ids=["most up to 0.4", "worse in one cell", "alike", "equal", "other images"],
)
def test_better_everywhere_and_by_more_at_small_epsilons(student, everywhere, by_more):
    place = dict(case="vgg16/cifar100", dataset="cifar100", published_dataset="cifar100")
    made = networks("corrected", FALLING, student, **place)
    assert outcome("NTU-7a", "", *made) == everywhere
    assert outcome("NTU-7b", "PGD", *made) == by_more
    assert outcome("NTU-6", "", *made) == "not run"


AT_ONE_WEAKER = np.vstack([LOW[:3], HIGH[3:4], LOW[4:]])


@pytest.mark.parametrize(
    "protocol, pgd, expected",
    [
        # Faithful PGD cannot follow beyond 0.4; corrected PGD has no such excuse.
        ("faithful", PLATEAU, "confirmed"),
        ("corrected", PLATEAU, "refuted"),
        ("corrected", shifted(-3), "confirmed"),
        ("corrected", AT_ONE_WEAKER, "refuted"),
        ("corrected", np.vstack([LOW[:3], hardly_more(FALLING[3]), LOW[4:]]), "confirmed"),
        ("faithful", FALLING, "no difference"),
        ("faithful", others(FALLING), "undecided"),
    ],
)
def test_pgd_is_compared_with_fgsm_where_its_steps_reach(protocol, pgd, expected):
    made = (
        network(protocol, "undefended", attack, correct)
        for attack, correct in (("FGSM", FALLING), ("PGD", pgd))
    )
    assert outcome("NTU-10", "", *made) == expected


def with_norm(role: str, norm: float | None, correct=FLAT, **columns):
    norms = {} if norm is None else {"gradient_l1": 20 * norm, "gradient_l2": norm}
    return network("corrected", role, "FGSM", correct, view="logits", **norms, **columns)


@pytest.mark.parametrize(
    "norms, expected",
    [
        ((1.0, 0.5, 1.0), "confirmed"),
        ((1.0, 0.5, 0.5), "refuted"),  # so does training on hard labels alone
        ((1.0, 0.95, 1.0), "refuted"),
        ((1.0, 0.0, 0.0), "confirmed"),
        ((1.0, None, 1.0), "not run"),
        ((None, None, None), "not run"),
    ],
)
def test_the_gradient_has_to_be_smaller_than_without_defense_and_than_the_control(norms, expected):
    made = [with_norm(role, norm) for role, norm in zip(ROLES, norms, strict=True)]
    assert outcome("NTU-13a", "", *made) == expected


@pytest.mark.parametrize("hottest, expected", [(0.1, "confirmed"), (2.0, "refuted")])
def test_the_gradient_at_high_temperature_is_compared_with_that_at_1(hottest, expected):
    norms = {name: 1 / t for name, t in arms.SWEEPS["temperature"].items()}
    norms["NTU-A14 T = 200"] = hottest
    every = [with_norm("student", norm, variant=name) for name, norm in norms.items()]
    verdict = verdicts_of(*every, claim="NTU-13a").iloc[0]
    assert verdict["outcome"] == expected
    assert "20 and 1 at 1, 10 and 0.5 at 2, 4 and 0.2 at 5" in verdict["evidence"]
    assert outcome("NTU-13a", "", *every[:-1]) == "not run"


@pytest.mark.parametrize(
    "logits, over_t, control, expected",
    [
        (HIGH, HIGH, FALLING, "confirmed"),
        (HIGH, LOW, FALLING, "refuted"),  # what logits hide, logits / T show
        (LOW, HIGH, FALLING, "refuted"),
        (HIGH, HIGH, HIGH, "refuted"),
        (HIGH, HIGH, others(HIGH), "undecided"),
        (HIGH, None, FALLING, "not run"),
    ],
)
def test_robust_is_better_under_the_worse_of_both_outputs(logits, over_t, control, expected):
    by_view = {"logits": logits, "logits / T": over_t}
    made = [
        network("corrected", "student", "PGD", each, "papernot", view=view)
        for view, each in by_view.items()
        if each is not None
    ]
    made += [network("corrected", "control", "PGD", control, "papernot", view="logits / T")]
    made += [network("corrected", "undefended", "PGD", FALLING)]
    assert outcome("NTU-13b", "", *made) == expected

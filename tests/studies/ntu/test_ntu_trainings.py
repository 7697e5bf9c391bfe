"""Verdicts on architectures and trainings, on results whose answer is known by construction."""

import numpy as np
import pandas as pd
import pytest

from harness import links
from harness.claims import SpeaksOf, Standing
from made import made_arm, made_results, verdicts_on
from studies.ntu import arms
from studies.ntu.claims import CLAIMS
from studies.ntu.published import FOLDER

EPSILONS = np.arange(0, 9) / 10 / 255
IMAGES = 1000
VGG, RESNET, INCEPTION = "vgg16/cifar10", "resnet50/cifar10", "inception_v3/cifar10"


def curve(clean: float, attacked: float) -> np.ndarray:
    """bool [9, IMAGES]: the first images are correct, so many without and so many under attack."""
    return np.arange(IMAGES) < np.round(IMAGES * np.array([clean] + 8 * [attacked]))[:, None]


def others(correct: np.ndarray) -> np.ndarray:
    """As accurate, on other images: the difference is zero, and far from certain."""
    return correct[:, ::-1]


HIGH, MIDDLE, LOW = curve(0.9, 0.8), curve(0.9, 0.6), curve(0.9, 0.3)
#: As MIDDLE without attack, and as accurate under attack, on other images.
LATER = np.vstack([MIDDLE[:1], *[MIDDLE[:1] & (np.arange(IMAGES) >= 300)] * 8])


def network(case: str, correct: np.ndarray, role: str = "undefended", **columns):
    """A faithful arm under FGSM."""
    defense = "none" if role == "undefended" else f"as_listed {role}"
    place = dict(case=case, model=case.split("/")[0], role=role, defense=defense)
    return made_arm(EPSILONS, correct, **place, **columns)


def trained(variant: str = "main", seed: int = 0, **columns) -> dict:
    """The row of one training, by default of an undefended VGG-16."""
    splits = ("train", "validation", "test")
    numbers = {f"{split}_accuracy": 0.5 for split in splits} | {"seconds": 1.0, "stage": "none"}
    numbers |= {f"{split}_images": 10_000 for split in splits}
    return {"variant": variant, "seed": seed} | numbers | columns


def verdict(claim: str, *made, trainings=(), profile="paper", where="", **more) -> pd.Series:
    results = made_results(
        *made,
        trainings=[trained("another"), *trainings],
        run={"profile": profile},
        **more,
    )
    standing = Standing.PUBLISHED if profile == "paper" else Standing.REDUCED
    verdicts = verdicts_on([each for each in CLAIMS if each.id == claim], results, standing)
    (row,) = verdicts.index[verdicts["where"].str.contains(where, regex=False)]
    return verdicts.loc[row]


def outcome(claim: str, *made, **more) -> str:
    return verdict(claim, *made, **more)["outcome"]


def test_reduced_networks_cannot_tell_which_architecture_or_training_is_ahead():
    levels = {claim.id for claim in CLAIMS if claim.speaks_of == SpeaksOf.LEVEL}
    numbers = ("8a", "9", "11a", "11b", "12", "16", "17a", "17b")
    assert levels == {f"NTU-{number}" for number in numbers}


@pytest.mark.parametrize(
    "resnet, vgg, expected",
    [
        (LOW, HIGH, "confirmed"),
        (HIGH, LOW, "refuted"),
        (MIDDLE, MIDDLE, "no difference"),
        (MIDDLE, LATER, "undecided"),
        # The first loses 30 points and the second 45; of 600 images that both get right, 300 and
        # 150.
        (curve(0.6, 0.3), curve(0.9, 0.45), "confirmed"),
    ],
    ids=["more", "less", "alike", "other images", "less accurate"],
)
def test_the_more_vulnerable_loses_more_of_what_both_get_right(resnet, vgg, expected):
    assert outcome("NTU-8a", network(RESNET, resnet), network(VGG, vgg)) == expected
    twins = network(RESNET, resnet), network(RESNET, vgg, variant=arms.FROM_SCRATCH)
    assert outcome("NTU-8b", *twins) == expected
    assert outcome("NTU-8b", *twins[:1]) == "not run"


def test_equal_up_sampling_is_told_beside():
    equal = network(RESNET, MIDDLE, variant=arms.EQUAL_UPSAMPLING)
    evidence = verdict("NTU-8a", network(RESNET, LOW), network(VGG, HIGH), equal)["evidence"]
    # Of 900 images that both get right, 800, 300 and 600 are left.
    assert "loses +55.6" in evidence and "with equal up-sampling +22.2" in evidence


@pytest.mark.parametrize("claim", ["NTU-8a", "NTU-9"])
def test_networks_without_imagenet_weights_say_nothing_of_transfer_learning(claim):
    made = [
        network(case, correct, role)
        for case, plain, distilled in ((RESNET, LOW, HIGH), (VGG, HIGH, HIGH))
        for role, correct in (("undefended", plain), ("student", distilled))
    ]
    assert outcome(claim, *made, profile="laptop") == "not run"
    assert outcome(claim, *made, profile="paper") == "confirmed"


@pytest.mark.parametrize(
    "resnets_student, vggs_student, expected",
    [
        (HIGH, MIDDLE, "confirmed"),
        (MIDDLE, HIGH, "refuted"),
        (HIGH, HIGH, "no difference"),
        (HIGH, others(HIGH), "undecided"),
    ],
)
def test_the_gains_of_two_architectures_are_compared(resnets_student, vggs_student, expected):
    made = [network(case, MIDDLE) for case in (RESNET, VGG)]
    made.append(network(RESNET, resnets_student, "student"))
    made.append(network(VGG, vggs_student, "student"))
    assert outcome("NTU-9", *made) == expected
    assert outcome("NTU-9", *made[:3]) == "not run"


@pytest.mark.parametrize(
    "accuracy, images, profile, expected",
    [
        (0.87, 10_000, "paper", "confirmed"),
        (0.80, 10_000, "paper", "refuted"),
        (0.87, 200, "paper", "undecided"),
        (0.87, 10_000, "laptop", "undecided"),
        (0.57, 10_000, "laptop", "undecided"),
    ],
)
def test_a_clean_accuracy_is_a_level(accuracy, images, profile, expected):
    rows = [trained(test_accuracy=accuracy, test_images=images)]
    place = dict(trainings=rows, profile=profile, where="test images")
    assert outcome("NTU-11a", network(VGG, HIGH), **place) == expected


def test_the_clean_accuracy_that_is_claimed_is_read_from_the_published_table(monkeypatch):
    rows = [trained(test_accuracy=0.87, test_images=200)]
    place = dict(trainings=rows, where="test images")
    evidence = verdict("NTU-11a", network(VGG, HIGH), **place)["evidence"]
    assert evidence.startswith("published 87.0, measured 87.0 [81.6, 91.0] %")

    table = links.read_published(FOLDER).copy()
    table.loc[table["metric"] == "test accuracy", "value"] = "12.50"
    monkeypatch.setattr(links, "read_published", lambda folder: table)
    evidence = verdict("NTU-11a", network(VGG, HIGH), **place)["evidence"]
    assert evidence.startswith("published 12.5, measured 87.0 [81.6, 91.0] %")


@pytest.mark.parametrize(
    "accuracies, profile, expected",
    [
        ((0.95, 0.92, 0.87), "paper", "confirmed"),
        ((0.92, 0.95, 0.87), "paper", "refuted"),
        ((0.95, 0.87, 0.92), "paper", "refuted"),
        ((0.95, 0.95, 0.87), "paper", "refuted"),
        ((0.95, None, 0.87), "paper", "undecided"),
        ((0.95, 0.92, 0.87), "laptop", "undecided"),
    ],
    ids=["in order", "first two", "last two", "two alike", "other images", "reduced"],
)
def test_accuracies_in_order(accuracies, profile, expected):
    correct = [others(curve(0.95, 0)) if each is None else curve(each, 0) for each in accuracies]
    made = list(map(network, (RESNET, INCEPTION, VGG), correct))
    assert outcome("NTU-11b", *made, profile=profile) == expected
    assert outcome("NTU-11b", *made[:2], profile=profile) == "not run"


@pytest.mark.parametrize(
    "seconds, profile, expected",
    [((100, 60, 60), "paper", "confirmed"), ((200, 50, 50), "paper", "refuted")]
    + [((200, 50, 50), "laptop", "undecided"), ((100, 60), "paper", "not run")],
)
def test_training_time_counts_teacher_and_student(seconds, profile, expected):
    roles = ("undefended", "teacher", "student")
    rows = [trained(role=role, seconds=each) for role, each in zip(roles, seconds, strict=False)]
    made = network(VGG, HIGH)
    assert outcome("NTU-12", made, trainings=rows, profile=profile) == expected


OVER_SEEDS = [
    ((3, 4, 5), "confirmed"),
    ((-3, -4, -5), "refuted"),
    ((0.1, -0.1, 0.2), "no difference"),
    ((4, -4, 5), "undecided"),
    ((3, 4), "undecided"),
    ((), "not run"),
]


@pytest.mark.parametrize("points, expected", OVER_SEEDS)
@pytest.mark.parametrize(
    "claim, variant, number",
    [
        ("NTU-14", arms.FROZEN, "validation_accuracy"),
        ("NTU-15", arms.NO_ERASING, "train_accuracy"),
        ("NTU-16", "NTU-16 Adam 0.001", "test_accuracy"),
    ],
)
def test_trainings_are_compared_over_seeds(claim, variant, number, points, expected):
    sign = 1 if claim == "NTU-15" else -1  # there the control is claimed to have the larger gap
    rows = [trained(seed=seed, protocol="corrected") for seed in range(4)]
    for seed, each in enumerate(points):
        accuracy = {number: 0.5 + sign * each / 100}
        rows.append(trained(variant, seed, protocol="corrected", **accuracy))
    made = network(VGG, HIGH, protocol="corrected")
    judged = verdict(claim, made, trainings=rows)
    assert judged["outcome"] == expected
    assert ("no interval below three seeds" in judged["evidence"]) == (len(points) == 2)
    assert ("seeds would decide" in judged["evidence"]) == (points == (4, -4, 5))


def test_optimisers_are_compared_at_their_better_rates():
    """By validation accuracy: that on the test images has no say."""
    rows = [
        trained(variant, seed, validation_accuracy=validation, test_accuracy=test + seed / 1000)
        for seed in range(3)
        for variant, validation, test in (
            ("main", 0.8, 0.7),
            ("NTU-16 SGD 0.01", 0.7, 0.9),
            ("NTU-16 Adam 0.001", 0.6, 0.9),
            ("NTU-16 Adam 0.0001", 0.7, 0.5 - seed / 50),
        )
    ]
    judged = verdict("NTU-16", network(VGG, HIGH), trainings=rows)
    assert judged["outcome"] == "confirmed"
    assert "by seed +20.0, +22.0, +24.0" in judged["evidence"]
    reduced = verdict("NTU-16", network(VGG, HIGH), trainings=rows, profile="laptop")
    assert reduced["outcome"] == "undecided"


def history(stage: str, seconds: float, *accuracies: float) -> pd.DataFrame:
    return pd.DataFrame({"stage": stage, "seconds": seconds, "val_accuracy": accuracies})


@pytest.mark.parametrize(
    "seconds, accuracies, seeds, expected",
    [
        # The twin takes 3 epochs of 10 seconds to 0.6, its best.
        (10, (0.5, 0.6, 0.9), 3, "confirmed"),
        (30, (0.5, 0.6, 0.9), 3, "refuted"),
        (1, (0.5, 0.55, 0.59), 3, "refuted"),
        (10, (0.5, 0.6, 0.9), 2, "undecided"),
    ],
    ids=["sooner", "slower epochs", "never", "two seeds"],
)
def test_faster_is_sooner_at_the_best_accuracy_of_the_twin(seconds, accuracies, seeds, expected):
    rows, histories = [], []
    for seed in range(seeds):
        twin, ours = f"train-1{seed}", f"train-2{seed}"
        rows.append(trained("main", seed, stage=ours, case=RESNET))
        rows.append(trained(arms.FROM_SCRATCH, seed, stage=twin, case=RESNET))
        histories.append(history(twin, 10 + seed / 10, 0.2, 0.4, 0.6, 0.5))
        histories.append(history(ours, seconds, *accuracies))
    more = dict(trainings=rows, histories=pd.concat(histories))
    assert outcome("NTU-17a", network(RESNET, HIGH), **more) == expected
    assert outcome("NTU-17a", network(RESNET, HIGH), trainings=rows[::2]) == "not run"


@pytest.mark.parametrize(
    "accuracy, expected",
    [(0.8, "confirmed"), (0.95, "refuted"), (0.9, "no difference"), (None, "undecided")],
)
def test_more_precise_is_more_accurate_than_the_twin(accuracy, expected):
    twin = others(curve(0.9, 0)) if accuracy is None else curve(accuracy, 0)
    made = network(RESNET, curve(0.9, 0.5)), network(RESNET, twin, variant=arms.FROM_SCRATCH)
    assert outcome("NTU-17b", *made) == expected
    assert outcome("NTU-17b", *made, profile="laptop") == "undecided"
    assert outcome("NTU-17b", *made[:1]) == "not run"

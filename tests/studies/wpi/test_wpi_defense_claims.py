"""The verdicts of the WPI study on its defenses (WPI-9 to WPI-18)."""

import pytest
from wpi_made import ALL_ATTACKS, CORRECTED, FAITHFUL, joined, judged, made, of, outcome

from harness.arms import TRANSFERRED
from harness.claims import Standing
from studies.wpi import attacks, defenses
from studies.wpi.attacks import IFGSM
from studies.wpi.defense_judges import SAME_TIME
from studies.wpi.defenses import (
    ADVERSARIAL,
    COMBINED,
    DISTILLED,
    HARD_LABELS,
    MASKED_LOGITS,
    MASKED_SEEN,
    MASKED_UPDATES,
    NONE,
    SINGLE,
    SMOOTHED,
)
from studies.wpi.profiles import CASES, CIFAR10, GTSRB, MNIST

PLAIN = of(NONE, 40, 0, 20, 100, 0, also=True)
OTHERS = {
    key: count for each in SINGLE for key, count in of(each, 60, 20, 40, 120, 20, also=True).items()
}


@pytest.mark.parametrize(
    "trained, expected",
    [
        ((200, 150, 150, 220, 150), "confirmed"),
        ((200, 150, 150, 20, 150), "refuted"),
        ((200, 150, 150, 220, 0), "refuted"),  # under the attack it was not trained on
        ((200, 150, 150, 102, 150), "undecided"),
    ],
)
def test_adversarial_training_has_to_help_under_every_attack(trained, expected):
    counts = PLAIN | of(ADVERSARIAL, *trained, also=True)
    assert outcome("9a", made(counts)) == expected


@pytest.mark.parametrize(
    "distilled, expected",
    [
        ((60, 20, 40, 120, 20), "confirmed"),
        ((300, 300, 300, 300, 300), "refuted"),
        ((200, 150, 150, 220, 150), "refuted"),
        ((140, 150, 150, 276, 150), "undecided"),
    ],
)
def test_adversarial_training_has_to_beat_every_defense(distilled, expected):
    best = of(ADVERSARIAL, 200, 150, 150, 220, 150, also=True)
    counts = PLAIN | OTHERS | best | of(DISTILLED, *distilled, also=True)
    assert outcome("9b", made(counts)) == expected
    without = {key: count for key, count in counts.items() if key[0] != DISTILLED}
    assert set(judged("9b", made(without))["outcome"]) == {"not run"}


@pytest.mark.parametrize(
    "case, claim, before, after, expected",
    [
        (CIFAR10, "10a", 380, 400, "confirmed"),
        (GTSRB, "10a", 380, 378, "confirmed"),
        (CIFAR10, "10a", 380, 300, "refuted"),
        (CIFAR10, "10a", 380, 372, "undecided"),
        (MNIST, "10b", 400, 340, "confirmed"),
        (MNIST, "10b", 380, 400, "refuted"),
        (MNIST, "10b", 380, 380, "no difference"),
        (MNIST, "10b", 382, 380, "undecided"),
    ],
)
def test_clean_accuracy_after_adversarial_training(case, claim, before, after, expected):
    counts = of(NONE, 0, 0, 0, 0) | of(ADVERSARIAL, 9, 9, 9, 9)
    results = made(counts, case=case, clean={NONE: before, ADVERSARIAL: after})
    assert outcome(claim, results, f"{case.dataset}, corrected") == expected
    (other,) = {"10a", "10b"} - {claim}
    assert set(judged(other, results)["outcome"]) == {"not run"}


@pytest.mark.parametrize(
    "smoothed, helps, most",
    [
        ((80, 160, 80, 160), "confirmed", "confirmed"),
        ((80, 160, 80, 20), "refuted", "refuted"),
        ((140, 380, 140, 80), "confirmed", "refuted"),  # the mean of DeepFool and swap is larger
        ((80, 80, 80, 80), "confirmed", "no difference"),
        ((40, 160, 80, 160), "refuted", "confirmed"),
        ((42, 160, 80, 160), "undecided", "confirmed"),
        ((80, 82, 80, 160), "confirmed", "undecided"),
    ],
)
@pytest.mark.parametrize("way", ["from the plain network", "through the blur"])
def test_smoothing_by_either_way_of_crafting(smoothed, helps, most, way):
    named = of(SMOOTHED, *smoothed)
    if way == "from the plain network":
        named = {(each, TRANSFERRED.format(name)): count for (each, name), count in named.items()}
    results = made(of(NONE, 40, 40, 40, 40) | named)
    where = f"{CORRECTED}, {way}"
    assert (outcome("11a", results, where), outcome("11b", results, where)) == (helps, most)
    assert list(judged("11a", results).index) == [where]


@pytest.mark.parametrize("defense", [MASKED_SEEN, MASKED_UPDATES, MASKED_LOGITS])
@pytest.mark.parametrize(
    "masked, useless, unaffected",
    [
        ((40, 0, 120, 200), "confirmed", "confirmed"),
        ((40, 0, 60, 200), "confirmed", "confirmed"),  # worse is not useful
        ((140, 0, 120, 200), "refuted", "confirmed"),
        ((48, 0, 120, 200), "undecided", "confirmed"),
        ((40, 0, 120, 260), "refuted", "refuted"),
        ((40, 0, 120, 140), "confirmed", "refuted"),
        ((40, 0, 120, 201), "confirmed", "confirmed"),  # one image of 400
    ],
)
def test_gradient_masking(defense, masked, useless, unaffected):
    results = made(ALL_ATTACKS | of(defense, *masked))
    where = f"{CORRECTED}, {defense}"
    assert outcome("12a", results, where) == useless
    assert outcome("12b", results, where) == unaffected
    is_known = "true by construction" in judged("12b", results).loc[where, "evidence"]
    assert is_known == (defense == MASKED_SEEN)  # the same network under the same attack


@pytest.mark.parametrize(
    "claim, undefended, student, expected",
    [
        ("13a", (40, 0, 30, 100), (40, 390, 30, 200), "confirmed"),
        ("13a", (40, 0, 30, 100), (40, 100, 30, 200), "refuted"),
        ("13a", (40, 0, 30, 100), (40, 360, 30, 200), "undecided"),
        ("13b", (40, 0, 30, 100), (40, 390, 30, 200), "confirmed"),
        ("13b", (40, 0, 30, 100), (40, 390, 30, 100), "refuted"),
        ("13b", (40, 0, 30, 100), (40, 390, 30, 350), "refuted"),
        ("13b", (40, 0, 30, 100), (40, 390, 30, 150), "undecided"),
        ("13b", (40, 0, 30, 0), (40, 390, 30, 0), "undecided"),  # nothing is no double of nothing
        ("13c", (40, 0, 30, 100), (40, 390, 0, 200), "confirmed"),
        ("13c", (40, 0, 30, 100), (40, 390, 200, 200), "refuted"),
        ("13c", (40, 0, 30, 100), (200, 390, 30, 200), "refuted"),
        ("13c", (40, 0, 30, 100), (40, 390, 70, 200), "undecided"),
    ],
)
def test_distillation(claim, undefended, student, expected):
    assert outcome(claim, made(of(NONE, *undefended) | of(DISTILLED, *student))) == expected


@pytest.mark.parametrize("case", [CIFAR10, GTSRB])
@pytest.mark.parametrize(
    "undefended, control, raises, because_of_soft_labels",
    [
        (340, 340, "confirmed", "confirmed"),
        (340, 390, "confirmed", "refuted"),
        (390, 340, "refuted", "confirmed"),
        (380, 378, "no difference", "undecided"),
        (378, 380, "undecided", "no difference"),
    ],
)
def test_distillation_and_clean_accuracy(case, undefended, control, raises, because_of_soft_labels):
    clean = {NONE: undefended, DISTILLED: 380, HARD_LABELS: control}
    counts = of(NONE, 0, 0, 0, 0) | of(DISTILLED, 0, 0, 0, 0)
    main = made(counts, case=case, clean=clean)
    as_long = made({(HARD_LABELS, IFGSM): 0}, case=case, clean=clean, variant="WPI-14")
    where = f"{case.dataset}, corrected"
    assert outcome("14a", main, where) == raises
    assert set(judged("14b", main)["outcome"]) == {"not run"}
    assert outcome("14b", joined(main, as_long), where) == because_of_soft_labels


def test_distillation_and_clean_accuracy_on_mnist_is_not_judged():
    results = made(of(NONE, 0, 0, 0, 0) | of(DISTILLED, 0, 0, 0, 0))
    assert set(judged("14a", results)["outcome"]) == {"not run"}


def gaining(case, gain, of_others=None, images=400):
    """By adversarial training and distillation, and by smoothing."""
    gains = {ADVERSARIAL: gain, DISTILLED: gain, SMOOTHED: gain if of_others is None else of_others}
    counts = of(NONE, 0, 0, 0, 0)
    for defense, right in gains.items():
        counts |= of(defense, *[right] * 4)
    return made(counts, case=case, images=images)


@pytest.mark.parametrize(
    "mnist, other, expected",
    [
        (100, 30, "confirmed"),
        (50, 90, "refuted"),  # of 300 images
        (0, 0, "no difference"),
        (52, 36, "undecided"),
    ],
)
@pytest.mark.parametrize("case", [CIFAR10, GTSRB])
def test_where_defenses_work_better(case, mnist, other, expected):
    results = joined(gaining(MNIST, mnist), gaining(case, other, images=300))
    assert outcome("15", results, f"{case.dataset}, corrected") == expected
    assert set(judged("15", gaining(MNIST, mnist))["outcome"]) == {"not run"}


def test_where_defenses_work_better_is_judged_by_those_that_both_data_sets_have():
    only_on_mnist = made(of(COMBINED, 0, 0, 0, 0) | of(MASKED_LOGITS, *[400] * 4))
    results = joined(gaining(MNIST, 50), only_on_mnist, gaining(CIFAR10, 100, images=300))
    assert outcome("15", results, "cifar10, corrected") == "refuted"


@pytest.mark.parametrize(
    "network_based, others, expected",
    [
        (80, 40, "confirmed"),
        (40, 80, "refuted"),
        (40, 40, "no difference"),
        (42, 40, "undecided"),
    ],
)
def test_which_defenses_work_better(network_based, others, expected):
    assert outcome("16", gaining(MNIST, network_based, others)) == expected
    without = made(of(NONE, 0, 0, 0, 0) | of(ADVERSARIAL, 9, 9, 9, 9))
    assert set(judged("16", without)["outcome"]) == {"not run"}


def timed(case=MNIST, **slower):
    """Inference that is so many times slower than that of the undefended network."""
    factors = {getattr(defenses, name): factor for name, factor in slower.items()}
    counts = of(NONE, 0, 0, 0, 0)
    for defense in factors:
        counts |= of(defense, 0, 0, 0, 0)
    return made(counts, case=case, slower=factors)


@pytest.mark.parametrize(
    "slower, expected",
    [
        ({"ADVERSARIAL": 1.0, "SMOOTHED": 1.0}, "confirmed"),
        ({"ADVERSARIAL": 1.03, "SMOOTHED": 1.05}, "confirmed"),
        ({"ADVERSARIAL": 1.0, "SMOOTHED": 1.5}, "refuted"),
        ({"ADVERSARIAL": 1.0, "SMOOTHED": 1.0, "MASKED_LOGITS": 1.5}, "refuted"),
        ({"ADVERSARIAL": 1.0, "SMOOTHED": 0.5}, "refuted"),
        ({"ADVERSARIAL": 1.2, "SMOOTHED": 1.5}, "refuted"),
        # Noise: networks that compute the same do not take the same time.
        ({"ADVERSARIAL": 1.5, "SMOOTHED": 1.5}, "undecided"),
        ({"MASKED_UPDATES": 0.6, "SMOOTHED": 1.5}, "undecided"),
        ({"DISTILLED": 1.2, "SMOOTHED": 1.0}, "undecided"),
        ({"ADVERSARIAL": 1.0, "MASKED_SEEN": 1.5, "SMOOTHED": 1.0}, "undecided"),
        # What computes the same is not judged, and without it noise is not known.
        ({"ADVERSARIAL": 1.5, "MASKED_SEEN": 1.5}, "not run"),
        ({"SMOOTHED": 1.5}, "not run"),
    ],
)
def test_prediction_times_beside_their_noise(slower, expected):
    verdicts = judged("17", timed(**slower))
    assert list(verdicts["outcome"]) == [expected]
    assert "images would decide" not in verdicts["evidence"].iloc[0]


def test_times_of_every_data_set_tell_their_noise():
    quiet = timed(ADVERSARIAL=1.0, SMOOTHED=1.5)
    elsewhere = timed(ADVERSARIAL=1.6, case=CASES[1])
    assert outcome("17", quiet) == "refuted"
    assert outcome("17", joined(quiet, elsewhere)) == "undecided"
    assert f"within {SAME_TIME:.0%}" in judged("17", quiet)["evidence"].iloc[0]
    # What is added is a larger share of a narrower network's time.
    assert outcome("17", quiet, standing=Standing.REDUCED) == "undecided"


@pytest.mark.parametrize(
    "combined, expected",
    [(200, "confirmed"), (50, "refuted"), (100, "refuted"), (102, "undecided")],
)
def test_a_combination_has_to_be_better_than_both_parts(combined, expected):
    parts = of(ADVERSARIAL, *[100] * 4) | of(SMOOTHED, *[80] * 4)
    results = made(ALL_ATTACKS | parts | of(COMBINED, *[combined] * 4))
    assert outcome("18", results) == expected
    assert set(judged("18", made(ALL_ATTACKS | parts))["outcome"]) == {"not run"}


def test_the_faithful_protocol_compares_the_attacks_and_defenses_that_it_has():
    smoothed = {(SMOOTHED, TRANSFERRED.format(name)): 20 for name in attacks.ATTACKS}
    counts = of(NONE, 0, 0, 0, 0) | of(ADVERSARIAL, 90, 90, 90, 90) | smoothed
    for defense in (MASKED_SEEN, MASKED_UPDATES, DISTILLED):
        counts |= of(defense, 20, 20, 20, 20)
    results = made(counts, "faithful")
    assert outcome("9a", results, FAITHFUL) == outcome("9b", results, FAITHFUL) == "confirmed"

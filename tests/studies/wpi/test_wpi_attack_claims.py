"""The verdicts of the WPI study on its networks and attacks (WPI-1 to WPI-8 and WPI-19)."""

import numpy as np
import pytest
from wpi_made import ALL_ATTACKS, CORRECTED, FAITHFUL, joined, judged, made, of, outcome

from harness.claims import Standing
from made import verdicts_on
from studies.wpi import attacks, defenses
from studies.wpi.attacks import CW, DEEPFOOL, IFGSM, SWAP
from studies.wpi.claims import CLAIMS, FEWEST
from studies.wpi.profiles import CASES, CIFAR10, GTSRB, MNIST
from studies.wpi.scores import Place

NONE, REDUCED = defenses.NONE, Standing.REDUCED


def undefended(*counts, **changes):
    """Right images under IFGSM, DeepFool, CW and the pixel swap, in the faithful protocol."""
    return made(of(NONE, *counts), "faithful", **changes)


def test_every_claim_says_what_it_needs():
    elsewhere = made({(defenses.COMBINED, IFGSM): 0})
    rows = verdicts_on(CLAIMS, elsewhere)
    parts = "1a 1b 2a 2b 3 4 5a 5b 5c 6a 6b 7a 7b 8 9a 9b 10a 10b 11a 11b 12a 12b 13a 13b 13c"
    parts += " 14a 14b 15 16 17 18 19a 19b"
    assert rows["claim"].tolist() == [f"WPI-{part}" for part in parts.split()]
    assert set(rows["outcome"]) == {"not run"}
    assert all("network" in needs or "training" in needs for needs in rows["evidence"])


def clean(count, case, images=400):
    """An undefended network of which so many images are right."""
    return made(of(NONE, 0, 0, 0, 0), case=case, images=images, clean={NONE: count})


@pytest.mark.parametrize("case", [MNIST, GTSRB])
@pytest.mark.parametrize(
    "right, expected", [(398, "confirmed"), (300, "refuted"), (362, "undecided")]
)
def test_an_excellent_baseline(case, right, expected):
    where = f"{case.dataset}, corrected"
    assert outcome("1a", clean(right, case), where) == expected
    # A smaller network, or fewer images, cannot tell.
    verdict = judged("1a", clean(right, case), REDUCED).loc[where]
    assert verdict["outcome"] == "undecided" and "at a reduced size" in verdict["evidence"]


@pytest.mark.parametrize(
    "mnist, cifar10, expected",
    [
        (398, 200, "confirmed"),
        (300, 270, "refuted"),  # of 300 images
        (400, 300, "no difference"),
        (380, 282, "undecided"),
    ],
)
def test_a_baseline_that_is_weaker_on_cifar10(mnist, cifar10, expected):
    results = joined(clean(mnist, MNIST), clean(cifar10, CIFAR10, images=300))
    assert outcome("1b", results) == expected
    # A profile may reduce the data sets by different amounts.
    assert outcome("1b", results, standing=REDUCED) == "undecided"
    assert list(judged("1b", results).index) == [CORRECTED]


@pytest.mark.parametrize(
    "right, without, expected",
    [
        (40, 400, "confirmed"),
        (300, 400, "refuted"),
        (200, 400, "undecided"),
        (0, 0, "no difference"),  # nothing to lose
    ],
)
def test_an_effective_attack(right, without, expected):
    results = undefended(right, 0, 0, 0, clean={NONE: without})
    assert outcome("2a", results, FAITHFUL) == expected


SLOW_CW = {CW: 0.1}  # IFGSM takes 0.01 seconds, DeepFool 0.02, the swap 0.04


@pytest.mark.parametrize(
    "claim, seconds, paper, laptop",
    [
        ("2b", {}, "confirmed", "confirmed"),
        ("2b", {DEEPFOOL: 0.012}, "refuted", "refuted"),
        ("2b", {CW: 0.012}, "refuted", "undecided"),
        ("4", {DEEPFOOL: 0.012}, "confirmed", "confirmed"),
        ("4", {}, "refuted", "refuted"),
        ("4", {DEEPFOOL: 0.009}, "refuted", "refuted"),
        ("5b", SLOW_CW, "confirmed", "confirmed"),
        ("5b", {CW: 0.025}, "refuted", "undecided"),
        ("7b", {}, "confirmed", "undecided"),
        ("7b", {SWAP: 0.015}, "refuted", "refuted"),
        ("7b", SLOW_CW, "refuted", "refuted"),
    ],
)
def test_times_after_a_long_and_after_a_short_search_of_cw(claim, seconds, paper, laptop):
    for profile, expected in (("paper", paper), ("laptop", laptop)):
        results = undefended(0, 0, 0, 0, profile=profile, seconds=seconds)
        (verdict,) = judged(claim, results).itertuples()
        assert verdict.outcome == expected and "no interval" in verdict.evidence
        is_open = "is allowed for" in verdict.evidence
        assert is_open == (profile == "laptop" and claim != "4")


@pytest.mark.parametrize(
    "again, expected", [(1.0, "confirmed"), (1.3, "confirmed"), (1.4, "undecided")]
)
def test_attacks_take_as_much_longer_as_no_noise_explains(again, expected):
    """DeepFool takes twice as long as IFGSM; 1.5 times as long count as slower."""
    trained = defenses.ADVERSARIAL
    networks = of(NONE, 0, 0, 0, 0) | of(trained, 0, 0, 0, 0)
    verdicts = judged("2b", made(networks, slower={trained: again}))
    verdict = next(verdicts.itertuples())
    assert verdict.outcome == expected
    assert f"by up to a factor of {again:.2f}, which makes the interval" in verdict.evidence
    assert "images would decide" not in verdict.evidence


def test_times_of_a_busy_machine_are_not_judged():
    results = undefended(0, 0, 0, 0, busy=[CW])
    for claim in ("2b", "4", "5b", "7b"):
        assert set(judged(claim, results)["outcome"]) == {"not run"}


@pytest.mark.parametrize(
    "claim, counts, paper, laptop",
    [
        ("3", (40, 0, 120, 200), "confirmed", "undecided"),
        ("3", (40, 200, 300, 250), "refuted", "refuted"),
        ("3", (200, 100, 0, 200), "refuted", "refuted"),
        ("3", (0, 0, 120, 200), "refuted", "refuted"),
        ("3", (2, 0, 120, 200), "undecided", "undecided"),
        ("5a", (40, 0, 120, 200), "confirmed", "undecided"),
        ("5a", (200, 0, 0, 200), "refuted", "refuted"),
        ("5a", (0, 0, 0, 200), "no difference", "no difference"),
        ("5a", (40, 0, 24, 200), "undecided", "undecided"),
        ("7a", (40, 0, 120, 200), "confirmed", "confirmed"),
        ("7a", (300, 0, 120, 200), "refuted", "refuted"),
        ("7a", (40, 0, 300, 200), "refuted", "undecided"),
        ("7a", (0, 0, 0, 0), "no difference", "no difference"),
        ("7a", (40, 0, 0, 42), "undecided", "undecided"),
    ],
)
def test_orders_after_a_long_and_after_a_short_search_of_cw(claim, counts, paper, laptop):
    for profile, expected in (("paper", paper), ("laptop", laptop)):
        verdict = judged(claim, undefended(*counts, profile=profile)).loc[FAITHFUL]
        assert verdict["outcome"] == expected
        assert ("is allowed for" in verdict["evidence"]) == (profile == "laptop")


def test_attacks_are_compared_at_any_distance_and_not_at_budgets_of_other_norms():
    results = made(of(NONE, (100, 60, 40), (400, 300, 200, 0), (400, 400, 300, 120), 200))
    assert outcome("3", results) == outcome("7a", results) == "confirmed"


@pytest.mark.parametrize(
    "right, expected",
    [(184, "confirmed"), (100, "refuted"), (320, "refuted"), (144, "undecided")],
)
def test_cw_stays_near_its_score_on_gtsrb(right, expected):
    results, where = undefended(0, 0, right, 200, case=GTSRB), "gtsrb, faithful"
    assert outcome("5c", results, where) == expected
    assert outcome("5c", results, where, REDUCED) == "undecided"
    assert set(judged("5c", undefended(0, 0, right, 200))["outcome"]) == {"not run"}


UNSURE = 1.5 + np.tile([-1.0, 1.0], 200)  # as far as 1.5 on the average
SURE = 1.5 + np.tile([-0.02, 0.02], 200)
FAR, SEEN = (1.0, 3.0, 1.5, 5.0), (0.9, 0.7, 0.95, 0.3)


@pytest.mark.parametrize(
    "l2, ssim, closest, most_visible",
    [
        (FAR, SEEN, "confirmed", "confirmed"),
        ((1.0, 0.5, 1.5, 5.0), SEEN, "refuted", "confirmed"),
        (FAR, (0.9, 0.97, 0.95, 0.3), "refuted", "confirmed"),
        ((1.0, 6.0, 1.5, 5.0), SEEN, "confirmed", "refuted"),
        (FAR, (0.9, 0.2, 0.95, 0.3), "confirmed", "refuted"),
        ((1.0, SURE, 1.5, 5.0), SEEN, "refuted", "confirmed"),
        ((1.0, 5.0, 1.5, SURE + 3.5), SEEN, "confirmed", "refuted"),
        ((1.0, UNSURE, 1.5, 5.0), SEEN, "undecided", "confirmed"),
        ((1.0, 1.6, 1.5, UNSURE + 0.1), SEEN, "undecided", "undecided"),
    ],
)
def test_distances_are_judged_by_l2_and_ssim(l2, ssim, closest, most_visible):
    kept = {"l2": dict(zip(attacks.ATTACKS, l2)).get, "ssim": dict(zip(attacks.ATTACKS, ssim)).get}
    results = made(ALL_ATTACKS, **kept)
    assert (outcome("6a", results), outcome("6b", results)) == (closest, most_visible)


def test_distances_need_images_that_every_attack_fools():
    few = made(ALL_ATTACKS | {(NONE, DEEPFOOL): 401 - FEWEST})
    for claim in ("6a", "6b"):
        verdict = judged(claim, few).loc[CORRECTED]
        assert verdict["outcome"] == "undecided"
        assert verdict["evidence"].startswith(f"{FEWEST - 1} images")


@pytest.mark.parametrize(
    "gap, expected",
    [
        (0.05, "confirmed"),
        (0.5, "refuted"),
        (np.tile([0.05, 0.5], 200), "undecided"),
    ],
)
def test_closeness_to_the_boundary(gap, expected):
    assert outcome("8", made(ALL_ATTACKS, gap=lambda name: gap)) == expected


def test_closeness_of_no_image_is_undecided():
    none = made(ALL_ATTACKS | {(NONE, DEEPFOOL): 400})
    assert outcome("8", none) == "undecided"


STEPS = list(attacks.step_attacks("mnist"))


@pytest.mark.parametrize(
    "lengths, small_step, momentum",
    [
        ((2.0, 1.0, 3.0, 1.5), "confirmed", "confirmed"),
        ((2.0, 1.0, 1.0, 0.5), "confirmed", "refuted"),
        ((1.0, 2.0, 1.5, 3.0), "refuted", "confirmed"),
        ((2.0, 1.0, 1.5, 3.0), "refuted", "refuted"),  # without momentum, and in large steps
        ((2.0, 1.0, 2.0, 1.0), "confirmed", "no difference"),
        ((2.0, 2.0, 3.0, 3.0), "no difference", "confirmed"),
        ((UNSURE, 1.5, 3.0, 2.0), "undecided", "confirmed"),
        ((2.0, 1.5, 3.0, UNSURE), "confirmed", "undecided"),
    ],
)
def test_small_steps_and_momentum(lengths, small_step, momentum):
    l2 = dict(zip(STEPS, lengths))
    steps = made({(NONE, name): 0 for name in STEPS}, variant="WPI-19", l2=l2.get)
    results = joined(made(ALL_ATTACKS), steps)
    assert (outcome("19a", results), outcome("19b", results)) == (small_step, momentum)


def test_steps_are_compared_on_images_that_were_right_and_that_every_attack_turned():
    """An image that was wrong moves by nothing, one that holds by all that is allowed."""
    l2 = dict(zip(STEPS, (2.0, 1.0, 3.0, 1.5)))
    # 300 of 400 are right without attack; the first 100, or 150 of one attack, hold.
    counts = {(NONE, name): 150 if name == STEPS[0] else 100 for name in STEPS}
    steps = made(counts, variant="WPI-19", l2=l2.get, clean={NONE: 300})
    for kept in steps.details.values():
        kept["l2"][300:], kept["l2"][:100] = 0.0, 50.0
    results = joined(made(ALL_ATTACKS), steps)
    for claim in ("19a", "19b"):
        verdict = judged(claim, results).loc[CORRECTED]
        assert "over 150 images that were right and that all four fool" in verdict["evidence"]
        assert (
            f"L2 of {STEPS[0]}: 2.000" in verdict["evidence"] and verdict["outcome"] == "confirmed"
        )


def test_a_search_is_short_where_the_profile_makes_it_so():
    place = Place(undefended(0, 0, 0, 0, profile="laptop"), CASES[0], "faithful")
    assert place.search_of_cw.startswith("CW in 4 x 30 steps, 4 x 100 in the paper profile")

"""The RIT study's verdicts on networks that were trained differently (RIT-6 to RIT-13)."""

import numpy as np
import pytest
from rit_made import (
    BASELINE,
    CONFIRMED,
    LEVELS,
    NO_DIFFERENCE,
    PGD_TRAINED,
    PLACE,
    REFUTED,
    RETRAINED,
    UNDECIDED,
    UNDER_FGSM,
    UNDER_PGD,
    UNTRAINED,
    flat,
    line,
    outcomes,
    results_of,
    under,
    verdicts_of,
)

from harness.arms import Protocol
from made import made_arm


@pytest.mark.parametrize(
    "claim, attack, first, second",
    [
        ("RIT-6a", "FGSM", RETRAINED, BASELINE),
        ("RIT-6b", "FGSM", RETRAINED, UNTRAINED),
        ("RIT-10b", "PGD", RETRAINED, BASELINE),
        ("RIT-13a", "FGSM", RETRAINED, PGD_TRAINED),
        ("RIT-13b", "PGD", RETRAINED, PGD_TRAINED),
    ],
)
@pytest.mark.parametrize(
    "accuracies, images, outcome",
    [
        ((0.9, 0.8), 1000, CONFIRMED),
        ((0.8, 0.9), 1000, REFUTED),
        ((0.9, 0.9), 1000, NO_DIFFERENCE),
        ((0.95, 0.9), 20, UNDECIDED),  # one image
    ],
)
def test_orders_of_two_networks(claim, attack, first, second, accuracies, images, outcome):
    curves = dict(zip((first, second), map(flat, accuracies), strict=True))
    verdicts = verdicts_of(results_of(under(attack, curves, images)), claim)
    assert list(verdicts["outcome"]) == [outcome]
    gain = 100 * (accuracies[0] - accuracies[1])
    assert f" {gain:+.1f} [" in verdicts["evidence"][0]
    assert ("images would decide" in verdicts["evidence"][0]) == (outcome == UNDECIDED)


@pytest.mark.parametrize(
    "claim, attack, first, others",
    [
        ("RIT-10a", "PGD", PGD_TRAINED, (RETRAINED, BASELINE)),
        ("RIT-6c", "FGSM", UNTRAINED, (RETRAINED, BASELINE)),  # worst: the others are above
    ],
)
@pytest.mark.parametrize(
    "gains, outcome",
    [
        ((0.1, 0.2), CONFIRMED),
        ((0.1, -0.1), REFUTED),
        ((-0.1, 0.1), REFUTED),
        ((0.1, 0), REFUTED),
    ],
)
def test_the_first_or_last_of_three(claim, attack, first, others, gains, outcome):
    sign = -1 if claim == "RIT-10a" else 1
    curves = {first: flat(0.5)}
    curves |= {role: flat(0.5 + sign * gain) for role, gain in zip(others, gains, strict=True)}
    assert outcomes(results_of(under(attack, curves)), claim) == [outcome]
    by_an_image = dict.fromkeys(others, flat(0.5 + sign * 0.05))
    few = results_of(under(attack, {first: flat(0.5), **by_an_image}, images=20))
    assert outcomes(few, claim) == [UNDECIDED]


def test_corrected_the_worst_of_all_attacks_counts():
    curves = {RETRAINED: flat(0.9), BASELINE: flat(0.8)}
    arms = [under("FGSM", curves, protocol=protocol) for protocol in Protocol]
    arms.append(under("PGD", {RETRAINED: flat(0.1)}, protocol="corrected"))
    verdicts = verdicts_of(results_of(*arms), "RIT-6a")
    assert list(verdicts["outcome"]) == [CONFIRMED, REFUTED]
    assert [where.split(", ")[1:] for where in verdicts["where"]] == [
        ["faithful", "FGSM"],
        ["corrected", "the worst of all attacks"],
    ]
    # What is the same in both protocols is judged once.
    curves[PGD_TRAINED] = flat(0.7)
    twice = results_of(*[under("FGSM", curves, protocol=protocol) for protocol in Protocol])
    assert outcomes(twice, "RIT-13a") == [CONFIRMED]


@pytest.mark.parametrize(
    "ratios, outcome, words",
    [
        ((1.9, 2.0, 2.1), CONFIRMED, "ratio 2 [1.75, 2.25]"),
        ((0.4, 0.5, 0.6), REFUTED, "ratio 0.5 [0.252, 0.748]"),
        ((1.0, 2.0, 3.0), UNDECIDED, "seeds would decide"),
        ((2.0,), UNDECIDED, "ratio 2; criterion: within 1.5 to 2.5; no interval"),
    ],
)
def test_rit_7a_twice_the_loss_at_the_start(ratios, outcome, words):
    losses = {
        RETRAINED: [(0.1 * ratio, 0.01) for ratio in ratios],
        UNTRAINED: [(0.1, 0.01) for _ in ratios],
    }
    verdicts = verdicts_of(results_of(under("FGSM", UNDER_FGSM), losses=losses), "RIT-7a")
    assert list(verdicts["outcome"]) == [outcome] and words in verdicts["evidence"][0]


@pytest.mark.parametrize(
    "retrained, untrained, outcome",
    [
        ((0.002, 0.0021, 0.0019), (0.0022, 0.002, 0.0021), CONFIRMED),
        ((0.002, 0.0021, 0.0019), (0.0082, 0.008, 0.0081), REFUTED),
        ((0.0001, 0.0002, 0.0001), (0.0022, 0.002, 0.0021), REFUTED),
        ((0.002, 0.0021, 0.0019), (0.001, 0.002, 0.003), UNDECIDED),
        ((0.002,), (0.002,), UNDECIDED),
    ],
)
def test_rit_7b_the_loss_at_the_end(retrained, untrained, outcome):
    ends = {RETRAINED: retrained, UNTRAINED: untrained}
    losses = {role: [(1.0, 0.5, end) for end in each] for role, each in ends.items()}
    verdicts = verdicts_of(results_of(under("FGSM", UNDER_FGSM), losses=losses), "RIT-7b")
    assert list(verdicts["outcome"]) == [outcome]
    assert "after epoch 3 (of 50 published)" in verdicts["evidence"][0]


def meeting(at: float, upper: str, lower: str) -> dict[str, np.ndarray]:
    """Two straight curves, the first above the second up to an epsilon, below it from there on."""
    return {upper: 0.5 - 0.4 * (LEVELS - at), lower: 0.5 - 0.1 * (LEVELS - at)}


@pytest.mark.parametrize(
    "claim, upper, lower, published",
    [
        ("RIT-8a", RETRAINED, BASELINE, 0.3),
        ("RIT-8b", RETRAINED, UNTRAINED, 0.37),
        ("RIT-11a", PGD_TRAINED, BASELINE, 0.33),
        ("RIT-11b", RETRAINED, PGD_TRAINED, 0.15),
    ],
)
def test_where_curves_meet(claim, upper, lower, published):
    def judged(curves, images=10_000):
        (outcome,) = outcomes(results_of(under("FGSM", curves, images)), claim)
        return outcome

    for distance, outcome in ((0.01, CONFIRMED), (0.05, UNDECIDED), (0.1, REFUTED)):
        for at in (published - distance, published + distance):
            assert judged(meeting(at, upper, lower)) == outcome, at
    assert judged(meeting(published, lower, upper)) == REFUTED  # the other way round
    assert judged({upper: flat(0.9), lower: flat(0.8)}) == REFUTED  # nowhere


@pytest.mark.parametrize(
    "claim, upper, lower, published",
    [("RIT-8a", RETRAINED, BASELINE, 0.3), ("RIT-11a", PGD_TRAINED, BASELINE, 0.33)],
)
def test_above_only_just_before_curves_meet_is_no_advantage(claim, upper, lower, published):
    knots = (0, published - 0.05, published, 0.9)
    late = {upper: line(0.6, 0.6, 0.5, 0.1, at=knots), lower: line(0.9, 0.55, 0.5, 0.4, at=knots)}
    verdicts = verdicts_of(results_of(under("FGSM", late, 10_000)), claim)
    assert list(verdicts["outcome"]) == [REFUTED]
    assert "mean gain for epsilon 0 to" in verdicts["evidence"][0]


def test_above_only_just_after_curves_meet_is_no_advantage():
    knots = (0, 0.15, 0.2, 0.25, 0.9)
    short = {
        RETRAINED: line(0.9, 0.5, 0.4, 0.4, 0.4, at=knots),
        PGD_TRAINED: line(0.6, 0.5, 0.45, 0.1, 0.1, at=knots),
    }
    verdicts = verdicts_of(results_of(under("FGSM", short, 10_000)), "RIT-11b")
    assert list(verdicts["outcome"]) == [REFUTED]
    assert "measured: 0.167 [" in verdicts["evidence"][0]
    assert "mean gain for epsilon 0.15 to 0.4 -" in verdicts["evidence"][0]


def test_curves_that_meet_in_some_samples_alone_are_undecided():
    """From 0.3 on the first is above by one image of 1,000, of three in which they differ."""
    first, second = (
        np.arange(1000) < np.where(LEVELS < 0.3, 500 + more, 500)[:, np.newaxis]
        for more in (300, 0)
    )
    first[np.ix_(LEVELS >= 0.3, [900, 901])] = True
    second[np.ix_(LEVELS >= 0.3, [910])] = True
    arms = [
        made_arm(LEVELS, right, arm=role, **PLACE, role=role, attack="FGSM")
        for role, right in ((RETRAINED, first), (BASELINE, second))
    ]
    verdicts = verdicts_of(results_of(arms), "RIT-8a")
    assert list(verdicts["outcome"]) == [UNDECIDED]
    assert "the curves do not meet, in some samples from 0.3 on (" in verdicts["evidence"][0]


@pytest.mark.parametrize(
    "retrained, outcome",
    [(0.98, CONFIRMED), (0.99, REFUTED), (0.97, REFUTED), (0.995, REFUTED), (0.985, UNDECIDED)],
)
def test_rit_9_the_cost_of_training(retrained, outcome):
    curves = {BASELINE: flat(0.99), RETRAINED: flat(retrained)}
    assert outcomes(results_of(under("FGSM", curves, 10_000)), "RIT-9") == [outcome]


@pytest.mark.parametrize(
    "trained, baseline, images, outcome",
    [
        (line(0.9, 0.8, 0.5, 0.3, 0, 0), line(0.9, 0.3, 0.2, 0.2, 0, 0), 1000, CONFIRMED),
        (line(0.9, 0.8, 0.8, 0.8, 0, 0), line(0.9, 0.7, 0.3, 0.2, 0, 0), 1000, REFUTED),  # grows
        (line(0.9, 0.3, 0.2, 0.1, 0, 0), line(0.9, 0.8, 0.8, 0.8, 0, 0), 1000, REFUTED),  # no help
        (flat(0.9), flat(0.8), 1000, REFUTED),
        (line(0.9, 0.45, 0.4, 0.4, 0, 0), flat(0.4), 20, UNDECIDED),  # one image
    ],
)
def test_rit_10c_the_help_fades(trained, baseline, images, outcome):
    curves = {RETRAINED: trained, BASELINE: baseline}
    assert outcomes(results_of(under("PGD", curves, images)), "RIT-10c") == [outcome]


@pytest.mark.parametrize("role, stated", [(BASELINE, 0.15), (RETRAINED, 0.2), (PGD_TRAINED, 0.25)])
@pytest.mark.parametrize(
    "up_to, beyond, outcome",
    [
        (1.0, 0.0, CONFIRMED),  # every image has this limit
        (0.5, 0.0, CONFIRMED),  # half of them have
        (0.0, 0.0, REFUTED),  # none holds so long
        (1.0, 1.0, REFUTED),  # all hold longer
        (0.025, 0.0, UNDECIDED),
        (1.0, 0.975, UNDECIDED),
    ],
)
def test_rit_12_the_limit_of_the_image_shown(role, stated, up_to, beyond, outcome):
    """Shares of images that are right at the stated epsilon, and beyond it."""
    share = np.where(LEVELS < stated + 0.01, up_to, beyond)
    share[0] = 1.0
    results = results_of(under("FGSM", {role: share}))
    assert outcomes(results, "RIT-12") == [outcome]


def test_pgd_training_as_the_post_describes_it():
    """Above the baseline up to 0.33 and above the FGSM-trained from 0.15, under FGSM."""
    fgsm = {
        BASELINE: line(0.9, 0.5, 0.17, 0.154, 0.1, at=(0, 0.15, 0.3, 0.33, 0.9)),
        RETRAINED: line(0.99, 0.86, 0.767, 0.5, 0.1, 0, at=(0, 0.1, 0.15, 0.2, 0.3, 0.9)),
        PGD_TRAINED: line(0.98, 0.767, 0.154, 0, 0, at=(0, 0.15, 0.33, 0.6, 0.9)),
    }
    verdicts = verdicts_of(results_of(under("FGSM", fgsm), under("PGD", UNDER_PGD)))
    outcome = verdicts.set_index("claim")["outcome"]
    for claim in ("RIT-10a", "RIT-10b", "RIT-10c", "RIT-11a", "RIT-11b"):
        assert outcome[claim] == CONFIRMED, claim
    assert outcome["RIT-13a"] == outcome["RIT-13b"] == REFUTED  # they contradict RIT-10 and 11

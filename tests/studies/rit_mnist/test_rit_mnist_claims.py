"""The RIT study's verdicts as a whole, and those on one network under attack (RIT-1 to RIT-5).

Every claim gives each of its outcomes on results made for it; see also `test_rit_mnist_orders`.
"""

import pytest
from rit_made import (
    BASELINE,
    CONFIRMED,
    DESCRIBED,
    NO_DIFFERENCE,
    PUBLISHED,
    REFUTED,
    RETRAINED,
    UNDECIDED,
    UNTRAINED,
    flat,
    line,
    outcomes,
    results_of,
    under,
    verdicts_of,
)

from evaluation import NotRun
from harness.arms import Protocol
from harness.claims import Standing
from studies.rit_mnist import STUDY
from studies.rit_mnist.claims import CLAIMS
from studies.rit_mnist.curves import attacked, crossing
from studies.rit_mnist.measures import measure
from studies.rit_mnist.published import link

MECHANISMS = {"RIT-2a", "RIT-2b", "RIT-3a", "RIT-4", "RIT-5"}
MECHANISMS |= {f"RIT-{each}" for each in ("6a", "6b", "6c", "10a", "10b", "10c")}
#: What the post says beside the opposite, which its own curves show.
AGAINST_ITS_CURVES = {"RIT-13a", "RIT-13b"}


def on_baseline(accuracies, images=1000):
    return results_of(under("FGSM", {BASELINE: accuracies}, images))


def test_what_the_post_describes_is_confirmed():
    """All but what it says of the PGD-trained network under FGSM, see below."""
    verdicts = verdicts_of(DESCRIBED).query("outcome != 'not run'").set_index("claim")
    numbers = {claim.rstrip("abc") for claim in verdicts.index}
    assert numbers == {f"RIT-{number}" for number in range(1, 14)} - {"RIT-11"}
    others = verdicts.drop(["RIT-13b"])
    assert set(others["outcome"]) == {CONFIRMED}, others[others["outcome"] != CONFIRMED]
    assert verdicts.loc["RIT-13b", "outcome"] == REFUTED  # contradicts RIT-10a
    assert "99.00 [" in verdicts.loc["RIT-9", "evidence"]


def test_a_reduced_run_speaks_of_no_level():
    outcome = verdicts_of(DESCRIBED, standing=Standing.REDUCED).set_index("claim")["outcome"]
    assert set(outcome[outcome == CONFIRMED].index) == MECHANISMS
    assert set(outcome[list(AGAINST_ITS_CURVES)]) <= {REFUTED, "not run"}
    assert set(outcome.drop([*MECHANISMS, *AGAINST_ITS_CURVES])) == {UNDECIDED, "not run"}


def test_other_data_give_no_verdict():
    verdicts = verdicts_of(DESCRIBED, standing=Standing.STAND_IN)
    assert set(verdicts["outcome"]) == {"no verdict", "not run"}


def test_without_arms_every_claim_names_what_it_needs():
    nothing = results_of(under("FGSM", {UNTRAINED: PUBLISHED}, protocol="corrected"))
    verdicts = verdicts_of(nothing)
    assert set(verdicts["outcome"]) == {"not run"} and len(verdicts) == len(CLAIMS)
    assert list(verdicts["evidence"]) == [f"it needs {claim.needs}" for claim in CLAIMS]
    needs = verdicts.set_index("claim")["evidence"]
    assert needs["RIT-2a"] == "it needs FGSM on the baseline"
    assert "PGD" in needs["RIT-10b"] and "untrained" in needs["RIT-8b"]


@pytest.mark.parametrize(
    "accuracy, outcome",
    [(0.99, CONFIRMED), (0.98, REFUTED), (1.0, REFUTED), (0.986, UNDECIDED)],
)
def test_rit_1_the_accuracy_of_the_baseline(accuracy, outcome):
    assert outcomes(on_baseline(flat(accuracy), 10_000), "RIT-1") == [outcome]


@pytest.mark.parametrize(
    "accuracies, outcome",
    [
        (line(0.99, 0.79, 0.24, 0.17, 0.1, 0.9), CONFIRMED),  # what is beyond 0.4 does not count
        (line(0.99, 0.79, 0.24, 0.09, 0.1, 0.1), CONFIRMED),  # a rise of a point is none
        (line(0.99, 0.79, 0.24, 0.29, 0.1, 0.1), REFUTED),
        (line(0.1, 0.3, 0.5, 0.7, 0.9, 0.9), REFUTED),
        (line(0.99, 0.79, 0.24, 0.26, 0.1, 0.1), UNDECIDED),  # of two points
        (flat(0.9), REFUTED),
    ],
)
def test_rit_2a_accuracy_falls(accuracies, outcome):
    assert outcomes(on_baseline(accuracies, 10_000), "RIT-2a") == [outcome]


@pytest.mark.parametrize(
    "last, outcome", [(0.101, CONFIRMED), (0.16, REFUTED), (0.12, UNDECIDED), (0.05, REFUTED)]
)
def test_rit_2b_accuracy_is_constant(last, outcome):
    """From 10 % at 0.5 on, to another accuracy at 0.9."""
    accuracies = line(0.99, 0.1, last, at=(0, 0.5, 0.9))
    assert outcomes(on_baseline(accuracies), "RIT-2b") == [outcome]


@pytest.mark.parametrize(
    "plateau, outcome", [(0.11, CONFIRMED), (0.2, REFUTED), (0.02, REFUTED), (0.14, UNDECIDED)]
)
def test_rit_2c_accuracy_is_that_of_chance(plateau, outcome):
    accuracies = line(0.99, plateau, plateau, at=(0, 0.4, 0.9))
    assert outcomes(on_baseline(accuracies), "RIT-2c") == [outcome]


#: Steps to 0.1 and to 0.2 of five points each: of 10,000 images they are equal within a point.
EQUAL_STEPS = line(0.2, 0.15, 0.1, 0.1, 0.1, 0.1)


@pytest.mark.parametrize(
    "accuracies, outcome",
    [
        (PUBLISHED, CONFIRMED),
        (line(0.99, 0.24, 0.19, 0.15, 0.1, 0.1), REFUTED),
        (line(0.99, 0.98, 0.8, 0.3, 0.1, 0.1), REFUTED),
        (line(0.95, 0.5, 0.05, 0.05, 0.05, 0.05), UNDECIDED),
        (EQUAL_STEPS, NO_DIFFERENCE),
    ],
)
def test_rit_3a_the_largest_step(accuracies, outcome):
    verdicts = verdicts_of(on_baseline(accuracies, 10_000), "RIT-3a")
    assert list(verdicts["outcome"]) == [outcome]
    if outcome == CONFIRMED:  # 55 points, and the next 20
        assert "ends at 0.2 [0.2, 0.2]; the one to 0.2 is +35.0 [" in verdicts["evidence"][0]


@pytest.mark.parametrize(
    "before, after, outcome",
    [
        (0.79, 0.24, CONFIRMED),
        (0.72, 0.24, REFUTED),
        (0.79, 0.3, REFUTED),
        (0.795, 0.24, UNDECIDED),
    ],
)
def test_rit_3b_the_levels_around_it(before, after, outcome):
    accuracies = line(0.99, before, after, 0.17, 0.1, 0.1)
    assert outcomes(on_baseline(accuracies, 10_000), "RIT-3b") == [outcome]


@pytest.mark.parametrize(
    "accuracies, outcome",
    [
        (PUBLISHED, CONFIRMED),
        (line(0.99, 0.79, 0.24, 0.17, 0.1, 0.2), REFUTED),  # not constant
        (line(0.99, 0.24, 0.19, 0.15, 0.1, 0.1), REFUTED),  # the step to 0.1 is the largest
        (line(0.95, 0.5, 0.05, 0.05, 0.05, 0.05), UNDECIDED),
        (EQUAL_STEPS, REFUTED),
    ],
)
def test_rit_4_the_useful_range(accuracies, outcome):
    assert outcomes(on_baseline(accuracies, 10_000), "RIT-4") == [outcome]


@pytest.mark.parametrize(
    "shares, classes, outcome",
    [
        ([0.98], [[8]], CONFIRMED),
        ([0.6], [[8]], REFUTED),
        ([0.9], [[8]], UNDECIDED),
        ([0.98], [[8, 3, 0]], REFUTED),  # single at each epsilon, but not the same
        ([0.98], [[8], [3], [0]], CONFIRMED),  # each run's network has its own
        # Up to 0.2, and at 0.25, 0.35 and 0.45, which are not the post's: anything.
        ([*[0.3] * 6, 0.98, 0.3, 0.98, 0.3, *[0.98] * 5], [[8]], CONFIRMED),
        ([*[0.98] * 6, 0.8, *[0.98] * 8], [[8]], REFUTED),  # at 0.3
    ],
)
def test_rit_5_a_single_class(shares, classes, outcome):
    seeds = range(len(classes))
    arms = under("FGSM", {BASELINE: PUBLISHED}, seeds=seeds)
    verdicts = verdicts_of(results_of(arms, shares=shares, classes=classes), "RIT-5")
    assert list(verdicts["outcome"]) == [outcome]
    if outcome == CONFIRMED:
        assert f"class {', '.join(str(each[0]) for each in classes)}, " in verdicts["evidence"][0]


def test_what_is_printed_is_measured():
    printed = STUDY.published
    first = printed[printed["metric"] == "epsilon of first misclassification"].iloc[0]
    assert measure(DESCRIBED, link(first), Protocol.FAITHFUL).value == pytest.approx(0.2)
    met = link(printed[printed["value"] == "0.30"].iloc[0])
    measured = measure(DESCRIBED, met, Protocol.FAITHFUL)
    expected = crossing(*attacked(DESCRIBED, RETRAINED, BASELINE))
    assert measured.short() == expected.short() and measured.value == pytest.approx(0.3, abs=0.05)
    with pytest.raises(NotRun):
        measure(DESCRIBED, met, Protocol.CORRECTED)

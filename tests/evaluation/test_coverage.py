"""How often 95 % intervals hold the true number, and what statsmodels says of the same numbers."""

from functools import partial
from itertools import product

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import ttost_paired

from evaluation import Estimate, wilson
from evaluation.statistics import adjusted_wald, newcombe
from harness.rule import Ruling, direction, equality

#: At least so often on average over a grid of true numbers, and so often at each of them.
ON_AVERAGE, AT_WORST = 0.94, 0.91
SHARES = np.arange(1, 100) / 100


def assert_covers(coverage: list[float]) -> None:
    assert np.mean(coverage) >= ON_AVERAGE
    assert np.min(coverage) >= AT_WORST


@pytest.mark.parametrize("images", [100, 200, 1000])
def test_accuracy(images):
    """Without simulation: the probability of every count whose interval holds the share."""
    counts = np.arange(images + 1)
    low, high = np.transpose([wilson(count, images) for count in counts])
    assert_covers(
        [stats.binom.pmf(counts[(low <= p) & (p <= high)], images, p).sum() for p in SHARES]
    )


#: How often the second network errs where the first does not, and the other way.
DISCORDANT = list(product([0.005, 0.02, 0.1, 0.3], [0.0, 0.01, 0.1]))


@pytest.mark.parametrize("images", [100, 400])
def test_difference_of_two_accuracies(images):
    random = np.random.default_rng(0)
    coverage = []
    for only_first, only_second in DISCORDANT:
        shares = [0.6 * (1 - only_first - only_second), only_first, only_second]
        cells = random.multinomial(images, [*shares, 1 - sum(shares)], 1000)
        ends = {each: newcombe(*outcomes(*each)) for each in map(tuple, cells)}
        low, high = np.transpose([ends[tuple(each)] for each in cells])
        truth = only_first - only_second
        coverage.append(np.mean((low <= truth) & (truth <= high)))
    assert_covers(coverage)


def outcomes(*cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Two paired outcomes with these counts: both right, only the first, the second, neither."""
    both, only_first, only_second, neither = np.repeat(np.eye(4, dtype=bool), cells, axis=0).T
    return both | only_first, both | only_second


@pytest.mark.parametrize("images", [100, 400])
def test_difference_over_several_epsilons(images):
    """An image that one network loses earlier than the other differs at some of the epsilons."""
    random = np.random.default_rng(0)
    coverage = []
    for epsilons, (gained, lost) in product((2, 8), DISCORDANT):
        shape = (1000, images)
        at = random.integers(1, epsilons + 1, shape) / epsilons
        signs = random.choice([1, -1, 0], shape, p=[gained, lost, 1 - gained - lost])
        truth = (gained - lost) * (epsilons + 1) / 2 / epsilons
        ends = [adjusted_wald(differences) for differences in signs * at]
        coverage.append(np.mean([low <= truth <= high for low, high in ends]))
    assert_covers(coverage)


def test_mean_of_distances():
    random = np.random.default_rng(0)
    draw = {
        1.0: partial(random.exponential, 1.0),
        2.0: partial(random.normal, 2.0, 0.5),
        np.exp(0.125): partial(random.lognormal, 0.0, 0.5),
    }
    coverage = []
    for mean, distances in draw.items():
        estimates = [Estimate.mean(distances(200)) for _ in range(300)]
        coverage.append(np.mean([each.low <= mean <= each.high for each in estimates]))
    assert np.mean(coverage) >= 0.92 and min(coverage) >= AT_WORST  # a bootstrap is a bit short


@pytest.mark.parametrize("correct, images", [(0, 100), (1, 100), (57, 200), (9_950, 10_000)])
def test_wilson_is_that_of_statsmodels(correct, images):
    assert wilson(correct, images) == pytest.approx(
        proportion_confint(correct, images, method="wilson")
    )


def test_no_difference_is_what_two_one_sided_tests_say():
    """Of 95 % intervals, each of the two tests is at 2.5 %."""
    random = np.random.default_rng(0)
    said = []
    for true in (0.0, 0.004, 0.008, 0.012):
        for _ in range(25):
            differences = random.choice([1.0, 0.0, -1.0], 8000, p=[0.02 + true, 0.96 - true, 0.02])
            p, *_ = ttost_paired(differences, np.zeros(8000), -0.01, 0.01)
            if not 0.015 < p < 0.04:  # where the two intervals may differ in their last digits
                is_none = equality(Estimate.difference(differences)).ruling == Ruling.CONFIRMED
                assert is_none == (p < 0.025)
                said.append(is_none)
    assert 10 < sum(said) < len(said) - 10


def test_so_many_images_decide_as_the_test_of_even_power_needs():
    """With as many, the interval ends at zero if the measured number is the true one."""
    for share, shift in ((0.1, 0.02), (0.3, 0.05)):
        cells = np.round(400 * np.array([share + shift, share, 1 - 2 * share - shift])).astype(int)
        differences = np.repeat([1.0, -1.0, 0.0], cells)
        judged = direction(Estimate.difference(differences))
        assert judged.ruling == Ruling.UNDECIDED
        effect = differences.mean() / differences.std(ddof=1)
        needed = TTestPower().solve_power(effect, power=0.5, alpha=0.05)
        assert judged.needed == pytest.approx(needed, rel=0.1)


def test_a_direction_that_is_none_is_hardly_ever_found():
    """Of networks that are alike, 2.5 % are taken for better and 2.5 % for worse."""
    random = np.random.default_rng(0)
    signs = [
        direction(Estimate.difference(random.choice([1.0, 0.0, -1.0], 500, p=[0.1, 0.8, 0.1])))
        for _ in range(2000)
    ]
    for ruling in (Ruling.CONFIRMED, Ruling.REFUTED):
        assert 0.012 < np.mean([each.ruling == ruling for each in signs]) < 0.037

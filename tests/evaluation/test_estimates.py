"""Estimates against published intervals, against their definitions, and how they are shown."""

import math

import numpy as np
import pytest

from evaluation import Estimate, average, resampled, wilson
from evaluation.estimates import DRAWS


@pytest.mark.parametrize(
    "correct, low, high", [(57, 22.7, 35.1), (174, 81.6, 91.0), (190, 91.0, 97.3)]
)
def test_wilson_by_table(correct, low, high):
    assert [round(100 * bound, 1) for bound in wilson(correct, 200)] == [low, high]


@pytest.mark.parametrize("count", [1, 10, 200])
def test_wilson_at_the_ends(count):
    z = 1.959964  # 97.5 % of the normal distribution
    low, high = wilson(0, count)
    assert low == 0
    assert high == pytest.approx(z**2 / (count + z**2), rel=1e-6)
    assert wilson(count, count) == pytest.approx((1 - high, 1), rel=1e-6)


@pytest.mark.parametrize("correct, count", [(-1, 5), (6, 5), (0, 0)])
def test_wilson_refuses(correct, count):
    with pytest.raises(ValueError, match=f"correct is {correct} of count {count}; accepted"):
        wilson(correct, count)


def test_accuracy_has_wilsons_interval_of_the_images_whatever_the_seeds():
    correct = np.arange(200) < 174
    once, twice = Estimate.accuracy(correct), Estimate.accuracy(np.stack([correct, correct]))
    assert (once.value, once.images) == (0.87, 200)
    assert (once.low, once.high) == wilson(174, 200)
    assert (twice.value, twice.low, twice.high) == (once.value, once.low, once.high)


def outcomes(both, only_first, only_second, neither):
    """Two paired outcomes with these counts, in an order that does not follow them."""
    counts = [both, only_first, only_second, neither]
    first = np.repeat([True, True, False, False], counts)
    second = np.repeat([True, False, True, False], counts)
    order = np.random.default_rng(0).permutation(len(first))
    return first[order], second[order]


# Newcombe, "Improved confidence intervals for the difference between binomial proportions based
# on paired data", Statistics in Medicine 17, 1998, method 10.
@pytest.mark.parametrize("cells, low, high", [((36, 12, 2, 0), 0.0569, 0.3404)])
def test_newcombe_as_published(cells, low, high):
    paired = Estimate.paired(*outcomes(*cells))
    assert paired.value == pytest.approx(0.2)
    assert (round(paired.low, 4), round(paired.high, 4)) == (low, high)
    assert (paired.sign, paired.images) == (1, 50)


CELLS = [
    (36, 12, 2, 0),
    (50, 3, 9, 20),
    (0, 5, 5, 0),
    (10, 0, 0, 7),
    (8, 0, 0, 0),
    (0, 9, 0, 3),
    (0, 20, 0, 0),
    (1, 0, 0, 0),
    (100, 30, 1, 69),
]


@pytest.mark.parametrize("cells", CELLS, ids=str)
def test_paired_difference(cells):
    first, second = outcomes(*cells)
    paired, swapped = Estimate.paired(first, second), Estimate.paired(second, first)
    assert paired.value == pytest.approx(first.mean() - second.mean())
    assert -1 <= paired.low <= paired.value <= paired.high <= 1
    assert paired.low < paired.high
    assert (swapped.low, swapped.high) == pytest.approx((-paired.high, -paired.low))
    assert swapped.sign == -paired.sign
    wider = Estimate.paired(first, second, confidence=0.99)
    assert wider.low <= paired.low and paired.high <= wider.high
    assert wider.high - wider.low > paired.high - paired.low


def test_only_a_clear_difference_has_a_sign():
    assert [Estimate.paired(*outcomes(*cells)).sign for cells in CELLS[:3]] == [1, 0, 0]


def test_pairing_shortens_the_interval():
    together = Estimate.paired(*outcomes(90, 10, 0, 100))
    apart = Estimate.paired(*outcomes(45, 55, 45, 55))
    assert together.value == pytest.approx(apart.value)
    assert together.high - together.low < 0.7 * (apart.high - apart.low)
    assert (together.sign, apart.sign) == (1, 0)


def random_outcomes(settings=5, count=300, advantage=0.0):
    """Images of different difficulty, so that the settings of one image agree."""
    random = np.random.default_rng(0)
    difficulty = random.random(count)
    noise = random.normal(scale=0.1, size=(2, settings, count))
    return noise[0] + advantage > difficulty - 0.5, noise[1] > difficulty - 0.5


def test_mean_difference_of_equals():
    first, second = random_outcomes()
    assert (first != second).any()
    paired = Estimate.paired(first, second)
    assert paired.low < 0 < paired.high
    assert (paired.sign, paired.images) == (0, 300)
    same = Estimate.paired(first, first)
    assert (same.value, same.low, same.high, same.sign) == (0, 0, 0, 0)


def test_mean_difference_that_is_clear():
    first, second = random_outcomes(advantage=0.2)
    paired, swapped = Estimate.paired(first, second), Estimate.paired(second, first)
    assert paired.value == pytest.approx(first.mean() - second.mean())
    assert 0 < paired.low < paired.value < paired.high
    assert (paired.sign, swapped.sign) == (1, -1)
    assert (swapped.low, swapped.high) == pytest.approx((-paired.high, -paired.low))


def test_interval_is_that_of_a_mean_of_images():
    first, second = random_outcomes(advantage=0.2)
    per_image = first.mean(axis=0) - second.mean(axis=0)
    half_width = 1.96 * per_image.std() / np.sqrt(len(per_image))
    for estimate in (Estimate.paired(first, second), Estimate.mean(per_image)):
        assert estimate.low == pytest.approx(per_image.mean() - half_width, abs=0.1 * half_width)
        assert estimate.high == pytest.approx(per_image.mean() + half_width, abs=0.1 * half_width)


def test_settings_of_an_image_are_not_independent():
    first, second = random_outcomes()
    once = Estimate.paired(first, second)
    many = Estimate.paired(np.tile(first, (20, 1)), np.tile(second, (20, 1)))
    assert (many.low, many.high) == pytest.approx((once.low, once.high))


def test_samples_that_balance_are_zero():
    # Tenths that cancel: as floats, 0.3 + 0.1 - 2 * 0.2 is not 0.
    first, second = np.zeros([2, 10, 10], bool)
    first[:3, 0] = first[:1, 1] = True
    second[:2, 2] = second[:1, 3] = True
    paired = Estimate.paired(first, second)
    sums = resampled(10)[:, :4] @ [3, 1, -2, -1]
    assert np.mean(sums == 0) > 0.05
    np.testing.assert_array_equal(paired.draws == 0, sums == 0)
    assert paired.value == pytest.approx(0.01)


def test_samples_draw_as_many_images_as_there_are_and_never_change():
    weights = resampled(50)
    assert weights.shape == (DRAWS, 50) and (weights.sum(axis=1) == 50).all()
    assert weights.std(axis=0).min() > 0.5
    resampled.cache_clear()
    np.testing.assert_array_equal(resampled(50), weights)


@pytest.mark.parametrize("first, second", [((5,), (6,)), ((0,), (0,)), ((2, 5), (3, 5))])
def test_refused_shapes(first, second):
    with pytest.raises(ValueError, match="first has shape .* and second .*; accepted: two equal"):
        Estimate.paired(np.ones(first, bool), np.ones(second, bool))


def test_predictions_are_not_taken_for_outcomes():
    with pytest.raises(ValueError, match="second has type int64; accepted: bool"):
        Estimate.paired(np.ones(3, bool), np.array([4, 0, 7]))


def test_a_number_of_a_set_of_images_is_what_the_statistic_says_of_it():
    values = np.random.default_rng(1).normal(2.0, 1.0, 400)
    mean, root = Estimate.mean(values), Estimate.bootstrap(lambda w: np.sqrt(w @ values), 400)
    assert mean.value == pytest.approx(values.mean())
    assert root.value == pytest.approx(np.sqrt(values.sum()), rel=1e-5)
    assert root.low == pytest.approx(np.sqrt(400 * mean.low), rel=1e-4)


def test_differences_and_ratios_of_the_same_images_are_paired():
    values = np.random.default_rng(1).normal(5.0, 2.0, 300)
    first, second = Estimate.mean(values + 0.1), Estimate.mean(values)
    difference, ratio = first - second, first / second
    assert difference.value == pytest.approx(0.1) and difference.high - difference.low < 1e-9
    assert difference.sign == 1 and second.sign == 1
    assert ratio.value == pytest.approx(first.value / second.value)
    assert ratio.high - ratio.low < 0.01
    assert average([first, second]).value == pytest.approx(second.value + 0.05)
    with pytest.raises(ValueError, match="accepted: one with bootstrap samples"):
        Estimate.share(0.5, 10) - second


def test_a_sample_without_the_number_counts_as_infinite():
    draws = np.concatenate([np.full(90, 0.3), np.full(10, np.nan)])
    estimate = Estimate.of_draws(0.3, draws, 100)
    assert (estimate.low, estimate.high) == (0.3, np.inf)
    assert estimate.short() == "0.3 [0.3, no bound]"
    assert Estimate(np.nan, images=3).short() == "nowhere"
    assert Estimate(np.nan).inside(0, 1) == -1


def test_few_values_are_not_interpolated():
    draws = np.array([0.2] * 30 + [0.3] * 1970)
    assert Estimate.of_draws(0.3, np.sort(draws), 10, discrete=True).low in (0.2, 0.3)


def test_three_seeds_make_an_interval():
    assert math.isnan(Estimate.over_seeds([1.0, 2.0]).low)
    assert Estimate.over_seeds([1.0, 2.0]).sign == 0
    seeds = Estimate.over_seeds([1.0, 2.0, 3.0])
    # 2 + 4.303 / sqrt(3), the quantile of t with two degrees of freedom.
    assert (seeds.value, seeds.images) == (2.0, 3)
    assert seeds.high == pytest.approx(2 + 4.30265 / 3**0.5, rel=1e-5)


@pytest.mark.parametrize(
    "least, most, expected", [(0.1, 0.5, 1), (0.25, 0.5, 0), (0.5, 0.9, -1), (-1, 0.1, -1)]
)
def test_inside_a_range(least, most, expected):
    assert Estimate(0.3, 0.2, 0.4).inside(least, most) == expected


def test_another_unit_keeps_the_order_of_the_ends():
    turned = Estimate(0.3, 0.2, 0.4, 7).times(-100)
    assert (turned.value, turned.low, turned.high, turned.images) == (-30.0, -40.0, -20.0, 7)


def test_a_number_without_an_interval_may_be_taken_as_it_is():
    exact = Estimate.exact(1.7)
    assert (exact.value, exact.low, exact.high) == (1.7, 1.7, 1.7)


def test_how_it_is_shown():
    estimate = Estimate(0.12345, 0.02, 0.2)
    assert estimate.percent() == "12.3 [2.0, 20.0]"
    assert estimate.points(2) == "+12.35 [+2.00, +20.00]"
    assert estimate.text() == "0.123 [0.020, 0.200]"
    assert Estimate(0.5).percent() == "50.0"

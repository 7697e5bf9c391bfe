"""Intervals and paired tests against published values and against their definitions."""

import math

import numpy as np
import pytest

from evaluation import mean_paired_difference, paired_difference, wilson


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
    paired = paired_difference(*outcomes(*cells))
    assert paired.difference == pytest.approx(0.2)
    assert (round(paired.low, 4), round(paired.high, 4)) == (low, high)
    assert (paired.sign, paired.count) == (1, 50)


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
    both, only_first, only_second, neither = cells
    first, second = outcomes(*cells)
    paired, swapped = paired_difference(first, second), paired_difference(second, first)
    assert paired.difference == pytest.approx(first.mean() - second.mean())
    assert -1 <= paired.low <= paired.difference <= paired.high <= 1
    assert paired.low < paired.high
    assert (swapped.low, swapped.high) == pytest.approx((-paired.high, -paired.low))
    assert swapped.sign == -paired.sign
    assert swapped.p_value == pytest.approx(paired.p_value)
    assert paired.p_value == pytest.approx(mcnemar(only_first, only_second))


def mcnemar(first, second):
    """Twice the smaller tail of fair coins, at most 1."""
    count = first + second
    tail = sum(math.comb(count, k) for k in range(min(first, second) + 1)) / 2**count
    return min(1.0, 2 * tail)


def test_only_the_images_that_differ_decide():
    assert paired_difference(*outcomes(36, 12, 2, 0)).p_value == pytest.approx(212 / 2**14)
    assert paired_difference(*outcomes(999, 12, 2, 999)).p_value == pytest.approx(212 / 2**14)
    assert paired_difference(*outcomes(10, 0, 0, 7)).p_value == 1
    assert [paired_difference(*outcomes(*cells)).sign for cells in CELLS[:3]] == [1, 0, 0]


def test_pairing_shortens_the_interval():
    together = paired_difference(*outcomes(90, 10, 0, 100))
    apart = paired_difference(*outcomes(45, 55, 45, 55))
    assert together.difference == pytest.approx(apart.difference)
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
    paired = mean_paired_difference(first, second)
    assert paired.low < 0 < paired.high
    assert (paired.sign, paired.count) == (0, 300)
    assert paired.p_value > 0.05
    same = mean_paired_difference(first, first)
    assert (same.difference, same.low, same.high, same.p_value, same.sign) == (0, 0, 0, 1, 0)


def test_mean_difference_that_is_clear():
    first, second = random_outcomes(advantage=0.2)
    paired = mean_paired_difference(first, second)
    assert paired.difference == pytest.approx(first.mean() - second.mean())
    assert 0 < paired.low < paired.difference < paired.high
    assert paired.sign == 1
    assert paired.p_value == 2 / 2000  # as small as 2000 draws can tell
    swapped = mean_paired_difference(second, first)
    assert (swapped.low, swapped.high) == pytest.approx((-paired.high, -paired.low))
    assert swapped.p_value == paired.p_value


def test_interval_is_that_of_a_mean_of_images():
    first, second = random_outcomes(advantage=0.2)
    per_image = first.mean(axis=0) - second.mean(axis=0)
    half_width = 1.96 * per_image.std() / np.sqrt(len(per_image))
    paired = mean_paired_difference(first, second)
    assert paired.low == pytest.approx(per_image.mean() - half_width, abs=0.1 * half_width)
    assert paired.high == pytest.approx(per_image.mean() + half_width, abs=0.1 * half_width)


def test_settings_of_an_image_are_not_independent():
    first, second = random_outcomes()
    once = mean_paired_difference(first, second)
    many = mean_paired_difference(np.tile(first, (20, 1)), np.tile(second, (20, 1)))
    assert (many.low, many.high) == pytest.approx((once.low, once.high))
    assert many.p_value == once.p_value


def test_draws_that_balance_are_zero():
    # Tenths that cancel: as floats, 0.3 + 0.1 - 2 * 0.2 is not 0.
    first, second = np.zeros([2, 10, 10], bool)
    first[:3, 0] = first[:1, 1] = True
    second[:2, 2] = second[:1, 3] = True
    paired = mean_paired_difference(first, second, draws=500, seed=3)
    drawn = np.random.default_rng(3).multinomial(10, np.full(10, 0.1), size=500)
    sums = drawn[:, :4] @ [3, 1, -2, -1]
    assert np.mean(sums == 0) > 0.05
    assert paired.p_value == pytest.approx(2 * np.mean(sums <= 0))
    assert paired.difference == pytest.approx(0.01)


def test_same_seed_same_interval():
    arguments = random_outcomes()
    assert mean_paired_difference(*arguments) == mean_paired_difference(*arguments)
    assert mean_paired_difference(*arguments, seed=1) != mean_paired_difference(*arguments)


@pytest.mark.parametrize(
    "compare, first, second",
    [
        (paired_difference, (5,), (6,)),
        (paired_difference, (0,), (0,)),
        (paired_difference, (2, 5), (2, 5)),
        (mean_paired_difference, (5,), (5,)),
        (mean_paired_difference, (2, 5), (3, 5)),
        (mean_paired_difference, (2, 0), (2, 0)),
    ],
)
def test_refused_shapes(compare, first, second):
    with pytest.raises(ValueError, match="first has shape .* and second .*; accepted: two equal"):
        compare(np.ones(first, bool), np.ones(second, bool))


def test_predictions_are_not_taken_for_outcomes():
    with pytest.raises(ValueError, match="second has type int64; accepted: bool"):
        paired_difference(np.ones(3, bool), np.array([4, 0, 7]))

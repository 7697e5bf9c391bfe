"""Local optimality, by hand."""

import numpy as np
import pytest

from evaluation import local_optimality

BEST = np.array([1.0, 2.0, 3.0, 4.0])


def test_the_best_is_optimal_and_no_attack_is_not():
    assert local_optimality(BEST, BEST) == 1
    assert local_optimality(np.full(4, np.inf), BEST) == 0
    assert local_optimality(np.full(4, 4.0), BEST) == 0  # all at the end of the curve


def test_areas_by_hand():
    """Areas above the best curve, up to 4: 3 + 2 + 1 + 0; above the other: 2 + 2 + 0 + 0."""
    assert local_optimality([2.0, 2.0, np.inf, 5.0], BEST) == pytest.approx(4 / 6)


def test_it_is_the_area_between_curves():
    generator = np.random.default_rng(0)
    best = generator.uniform(0.1, 1.0, 50)
    distances = best * generator.uniform(1.0, 1.5, 50)
    whole = best.max()
    epsilons = np.linspace(0, whole, 20_001)
    areas = [whole * (each[:, None] > epsilons).mean() for each in (distances, best)]
    expected = (whole - areas[0]) / (whole - areas[1])
    assert local_optimality(distances, best) == pytest.approx(expected, abs=1e-4)


def test_images_that_are_wrong_or_never_broken():
    assert local_optimality([0.0, *BEST], [0.0, *BEST]) == 1
    # An image that nothing breaks adds no area.
    assert local_optimality([np.inf, 2.0, 2.0], [np.inf, 1.0, 2.0]) == 0
    assert np.isnan(local_optimality([np.inf], [np.inf])) and np.isnan(local_optimality([], []))


@pytest.mark.parametrize(
    "distances, best, message",
    [
        ([1.0], [1.0, 2.0], "distances is of shape"),
        ([-1.0], [0.0], "negative or NaN"),
        ([np.nan], [0.0], "negative or NaN"),
        ([1.0, 1.0], [1.0, 2.0], r"distances\[1\] is 1, and best\[1\] is 2"),
    ],
)
def test_refused(distances, best, message):
    with pytest.raises(ValueError, match=message):
        local_optimality(distances, best)

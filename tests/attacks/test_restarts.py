"""Of several runs on an image the best is kept."""

import numpy as np
import pytest

from attacks import Untargeted
from attacks.engine.restarts import BestOfRuns, check_restarts
from attacks.engine.task import Batch


@pytest.fixture
def batch():
    return Batch(np.zeros((4, 2), np.float32), Untargeted(np.zeros(4, int)), np.arange(4))


def images(*values: float) -> np.ndarray:
    return np.repeat(np.float32(values)[:, None], 2, axis=1)


def test_the_best_is_kept_and_what_is_done_takes_part_no_more(batch):
    best = BestOfRuns(batch)
    assert best.left.tolist() == [0, 1, 2, 3]
    best.count(best.left, gradients=2, forwards=1)
    done = np.array([False, True, False, False])
    best.keep(best.left, images(0.1, 0.2, 0.3, 0.4), np.array([1.0, -5.0, 3.0, np.nan]), done)
    assert best.left.tolist() == [0, 2, 3]
    best.count(best.left, gradients=np.array([1, 2, 3]))
    done = np.array([False, False, True])
    best.keep(best.left, images(0.5, 0.6, 0.7), np.array([2.0, 3.0, -1.0]), done)
    crafted = best.crafted()
    # Better; done although its score is low; no better; done after a score that is none.
    np.testing.assert_array_equal(crafted.images, images(0.5, 0.2, 0.3, 0.7))
    assert crafted.gradient_evaluations.tolist() == [3, 2, 4, 5]
    assert crafted.forward_evaluations.tolist() == [1, 1, 1, 1]
    assert best.left.tolist() == [0, 2]


def test_images_that_are_not_attacked_come_back(batch):
    best = BestOfRuns(batch, attacked=np.array([True, False, True, False]))
    assert best.left.tolist() == [0, 2]
    best.keep(best.left, images(1, 1), np.zeros(2), np.ones(2, bool))
    assert not len(best.left)
    np.testing.assert_array_equal(best.crafted().images, images(1, 0, 1, 0))
    assert not batch.images.any()  # the originals are not written to


def test_restarts_without_a_random_start_are_refused():
    check_restarts(1, False)
    check_restarts(3, True)
    with pytest.raises(ValueError, match="restarts is 3 without random_start; accepted: restarts="):
        check_restarts(3, False)

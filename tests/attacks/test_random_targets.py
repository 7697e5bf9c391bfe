"""The classes that targeted attacks are to reach."""

import numpy as np
import pytest

from attacks import random_targets


def test_every_class_but_the_label_is_drawn_alike():
    labels = np.full(6000, 3)
    targets = random_targets(labels, 5)
    counts = np.bincount(targets, minlength=5)
    assert counts[3] == 0 and counts.sum() == 6000
    assert (np.abs(counts[[0, 1, 2, 4]] - 1500) < 150).all()
    assert (random_targets(labels, 5, seed=1) != targets).any()


def test_the_target_of_an_image_depends_on_no_other_image():
    labels = np.arange(40) % 10
    np.testing.assert_array_equal(random_targets(labels[:15], 10), random_targets(labels, 10)[:15])


def test_with_one_class_there_is_no_target():
    with pytest.raises(ValueError, match="num_classes is 1; accepted: 2 or more"):
        random_targets(np.zeros(3, int), 1)

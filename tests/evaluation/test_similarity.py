"""Structural similarity against its formula, window by window."""

import numpy as np
import pytest
from scipy import ndimage

from evaluation.similarity import structural_similarity

RANDOM = np.random.default_rng(0)


def by_formula(image, other, size):
    """Of single channels [height, width], in float64."""
    place = np.arange(size) - (size - 1) / 2
    line = np.exp(-(place**2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2

    def mean(values):
        inside = ndimage.correlate(values, window, mode="constant")
        start, stop = size // 2, (size - 1) // 2
        return inside[start : len(values) - stop, start : len(values) - stop]

    a, b = mean(image), mean(other)
    spread = mean(image**2) - a**2 + mean(other**2) - b**2
    together = mean(image * other) - a * b
    c1, c2 = 0.01**2, 0.03**2
    return np.mean((2 * a * b + c1) * (2 * together + c2) / ((a**2 + b**2 + c1) * (spread + c2)))


@pytest.mark.parametrize("side, size", [(28, 11), (7, 7)])
def test_it_is_the_formula(side, size):
    images = RANDOM.random([3, side, side, 2])
    others = np.clip(images + RANDOM.normal(0, 0.1, images.shape), 0, 1)
    expected = [
        np.mean([by_formula(a[..., c], b[..., c], size) for c in range(2)])
        for a, b in zip(images, others)
    ]
    np.testing.assert_allclose(structural_similarity(images, others), expected, rtol=1e-4)


def test_the_same_image_is_alike_and_a_batch_changes_nothing():
    images = RANDOM.random([300, 12, 12, 1]).astype(np.float32)
    np.testing.assert_allclose(structural_similarity(images, images), 1, atol=1e-6)
    others = images[::-1]
    whole = structural_similarity(images, others)
    np.testing.assert_allclose(structural_similarity(images[290:], others[290:]), whole[290:])
    assert structural_similarity(images[:0], others[:0]).shape == (0,)


def test_refused_shapes():
    with pytest.raises(ValueError, match=r"shapes \(2, 8, 8, 1\) and \(2, 8, 7, 1\)"):
        structural_similarity(np.zeros([2, 8, 8, 1]), np.zeros([2, 8, 7, 1]))

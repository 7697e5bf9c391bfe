"""Which images stand for an attack: right before, wrong after, of the median distance."""

from importlib import import_module

import numpy as np
import tensorflow as tf

from attacks import FGSM, DeepFool
from evaluation import evaluate, nearest_median, typical


def test_the_nearest_to_the_median_of_those_chosen_from_comes_first():
    distances = np.array([9.0, 1.0, 2.0, 4.0, 8.0, 3.1])
    among = np.array([False, True, True, True, True, True])
    assert nearest_median(distances, among, 3).tolist() == [5, 3, 2]
    assert nearest_median(distances, among, 9).tolist() == [5, 3, 2, 1, 4]
    assert nearest_median(distances, np.zeros(6, bool), 3).tolist() == []


def threshold(images):
    """Two classes on either side of a first value of 1/2."""
    first = 10 * (images[:, 0] - 0.5)
    return tf.stack([tf.zeros_like(first), first], axis=1)


#: Away from the boundary by 0.01 to 0.4, all of class 1; the labels of the first two say 0.
IMAGES = np.float32([[0.51, 0], [0.6, 0], *([0.5 + away, 0] for away in (0.1, 0.4, 0.2, 0.3))])
LABELS = np.array([0, 0, 1, 1, 1, 1])


def test_images_that_were_wrong_or_stay_right_are_never_kept():
    outcomes = evaluate(
        threshold, IMAGES, LABELS, FGSM(), [0.01, 0.25], examples=lambda all_: typical(all_, 3)
    )
    assert outcomes.fooled[-1].tolist() == [False, False, True, False, True, False]
    assert sorted(outcomes.example_rows) == [2, 4]
    np.testing.assert_array_equal(outcomes.example_images, IMAGES[outcomes.example_rows])
    assert outcomes.examples.shape == (2, 2, 2)


def test_of_images_in_parts_the_same_ones_are_kept(monkeypatch):
    def run():
        attack = DeepFool(batch_size=2)
        return evaluate(
            threshold, IMAGES, LABELS, attack, [np.inf], examples=lambda all_: typical(all_, 1)
        )

    whole = run()
    assert whole.example_rows.tolist() == [4]  # 0.1, 0.2, 0.3 and 0.4 away, the first of two
    monkeypatch.setattr(import_module("evaluation.evaluate"), "_PART_BYTES", 2 * IMAGES[0].nbytes)
    parts = run()
    for name in ("example_rows", "example_images", "examples", "example_probabilities"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), atol=1e-6)


def test_where_nothing_was_turned_nothing_is_kept(monkeypatch):
    monkeypatch.setattr(import_module("evaluation.evaluate"), "_PART_BYTES", 2 * IMAGES[0].nbytes)
    for epsilons in ([0.001], []):
        attack = FGSM(batch_size=2)
        outcomes = evaluate(
            threshold, IMAGES, LABELS, attack, epsilons, examples=lambda all_: typical(all_, 3)
        )
        assert len(outcomes.example_rows) == len(outcomes.example_images) == 0
        assert outcomes.examples.shape == (len(epsilons), 0, 2)
        assert len(outcomes.table()) == 1 + len(epsilons)

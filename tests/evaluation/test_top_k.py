"""Top-k errors by hand, and those of an attack recomputed from its logits."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from attacks import FGSM
from evaluation import evaluate, label_ranks, top_k_errors

# Six classes, the largest logit first in the comment.
LOGITS = np.array(
    [
        [5.0, 4.0, 3.0, 2.0, 1.0, 0.0],  # 0 1 2 3 4 5
        [0.0, 9.0, -1.0, 3.0, 2.0, -5.0],  # 1 3 4 0 2 5
        [-3.0, -2.0, -1.0, -6.0, -5.0, -4.0],  # 2 1 0 5 4 3
    ],
    np.float32,
)


@pytest.mark.parametrize(
    ("labels", "ranks"),
    [([0, 1, 2], [0, 0, 0]), ([4, 0, 5], [4, 3, 3]), ([5, 5, 3], [5, 5, 5])],
)
def test_ranks_by_hand(labels, ranks):
    assert label_ranks(LOGITS, np.array(labels)).tolist() == ranks


@pytest.mark.parametrize(
    ("k", "errors"),
    [
        (1, [True, True, True]),
        (2, [True, True, True]),
        (3, [True, True, True]),
        (4, [True, False, False]),
        (5, [False, False, False]),
        (6, [False, False, False]),
    ],
)
def test_errors_by_hand(k, errors):
    assert top_k_errors(LOGITS, np.array([4, 0, 5]), k).tolist() == errors


def test_top_one_is_argmax_where_nothing_ties():
    random = np.random.default_rng(0)
    logits, labels = random.normal(size=(200, 7)), random.integers(0, 7, 200)
    np.testing.assert_array_equal(top_k_errors(logits, labels, 1), logits.argmax(1) != labels)
    expected = ~tf.math.in_top_k(labels, tf.constant(logits, tf.float32), 3).numpy()
    np.testing.assert_array_equal(top_k_errors(logits, labels, 3), expected)


@pytest.mark.parametrize("label", [0, 2, 5])
def test_a_network_that_knows_nothing_is_never_right(label):
    logits = np.zeros((1, 6), np.float32)
    assert tf.math.in_top_k([label], logits, 1).numpy().all()  # where ties count for the model
    assert [top_k_errors(logits, np.array([label]), k)[0] for k in (1, 5, 6)] == [True, True, False]


@pytest.mark.parametrize(("label", "rank"), [(0, 3), (1, 0), (2, 3), (4, 3), (3, 5)])
def test_ties_count_against_the_model(label, rank):
    logits = np.array([[1.0, 2.0, 1.0, -1.0, 1.0, 0.0]])
    assert label_ranks(logits, np.array([label])).tolist() == [rank]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 3])
def test_logits_that_are_not_finite_are_errors_for_every_k(wrong, place):
    logits = LOGITS.copy()
    logits[0, place] = wrong
    for k in (1, 5, 6):
        assert top_k_errors(logits, np.array([0, 1, 2]), k).tolist() == [True, False, False]


def test_errors_of_5000_images_lie_on_a_grid_of_two_hundredths_of_a_percent():
    labels = np.arange(5000) % 6
    logits = np.random.default_rng(0).normal(size=(5000, 6))
    for k in range(1, 6):
        steps = 100 * top_k_errors(logits, labels, k).mean() / 0.02
        assert steps == pytest.approx(round(steps), abs=1e-6)
        assert 0 < steps < 5000


@pytest.mark.parametrize(
    ("logits", "labels", "k", "message"),
    [
        (LOGITS[0], [0], 1, r"logits have shape \(6,\); accepted: \[N, classes\]"),
        (LOGITS, [0, 1], 1, r"labels have shape \(2,\) .* accepted: integers of shape \(3,\)"),
        (LOGITS, [0.0, 1.0, 2.0], 1, "labels have .* type float64; accepted: integers"),
        (LOGITS, [0, 1, 6], 1, "labels has the value 6; accepted: 0 to 5"),
        (LOGITS, [0, -1, 2], 1, "labels has the value -1; accepted: 0 to 5"),
        (LOGITS, [0, 1, 2], 0, "k is 0; accepted: 1 to 6"),
        (LOGITS, [0, 1, 2], 7, "k is 7; accepted: 1 to 6"),
    ],
)
def test_what_is_refused(logits, labels, k, message):
    with pytest.raises(ValueError, match=message):
        top_k_errors(logits, np.array(labels), k)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(8)])


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((50, 4, 4, 1)).astype(np.float32)


@pytest.mark.parametrize("predicted_labels", [False, True])
@pytest.mark.parametrize("k", [1, 3])
def test_outcomes_recomputed(model, images, predicted_labels, k):
    clean = model(images).numpy()
    labels = clean.argsort(axis=1)[:, -1 - np.arange(50) % 5].diagonal()  # ranks 0 to 4
    attack = FGSM()
    outcomes = evaluate(
        model, images, labels, attack, [0.1, 0.3], predicted_labels=predicted_labels
    )
    assert outcomes.clean_label_ranks.tolist() == (np.arange(50) % 5).tolist()
    clean_correct = np.arange(50) % 5 < k
    np.testing.assert_array_equal(outcomes.clean_top_k_correct(k), clean_correct)
    for index, epsilon in enumerate([0.1, 0.3]):
        goal = clean.argmax(axis=1) if predicted_labels else labels
        logits = attack(model, images, goal, epsilon=epsilon).logits
        correct = ~top_k_errors(logits, labels, k)
        expected = correct if predicted_labels else correct & clean_correct
        np.testing.assert_array_equal(outcomes.top_k_correct(k)[index], expected)
    assert outcomes.top_k_correct(k).shape == (2, 50)
    if k == 1:
        np.testing.assert_array_equal(outcomes.top_k_correct(1), outcomes.correct)


def test_outcomes_refuse(model, images):
    outcomes = evaluate(model, images, np.zeros(50, int), FGSM(), [0.1])
    with pytest.raises(ValueError, match="k is 0; accepted: 1 or more"):
        outcomes.top_k_correct(0)


def test_labels_in_a_column():
    logits = np.random.default_rng(0).normal(size=(5, 4))
    labels = np.arange(5) % 4
    np.testing.assert_array_equal(label_ranks(logits, labels[:, None]), label_ranks(logits, labels))

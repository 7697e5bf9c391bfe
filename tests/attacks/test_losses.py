"""The losses against their formulas, written out for one image at a time."""

import numpy as np
import pytest
import tensorflow as tf

from attacks.engine import losses
from attacks.goals import Targeted, Untargeted

# Largest first, a tie, a negative margin, large values.
LOGITS = np.array(
    [
        [3.0, 1.0, 0.0, -1.0, 2.5],
        [0.0, 0.0, -2.0, 1.0, 1.0],
        [-5.0, 4.0, 2.0, 0.5, 0.25],
        [100.0, -300.0, 250.0, 0.0, 40.0],
    ]
)
CLASSES = np.array([0, 3, 2, 1])
OTHERS = np.array([4, 1, 0, 2])


def evaluated(loss, *arguments, logits=LOGITS):
    return loss(tf.constant(logits, tf.float32), *arguments).numpy()


def others(row, label):
    return [logit for label_of, logit in enumerate(row) if label_of != label]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_cross_entropy(sign):
    expected = [
        sign * (np.log(np.exp(row - row.max()).sum()) + row.max() - row[label])
        for row, label in zip(LOGITS, CLASSES)
    ]
    np.testing.assert_allclose(evaluated(losses.cross_entropy, CLASSES, sign), expected, 1e-5)


@pytest.mark.parametrize("goal", [Untargeted, Targeted])
def test_the_exact_cross_entropy_is_the_same_in_double_precision(goal):
    exact = losses.exact_cross_entropy(LOGITS, goal(CLASSES))
    assert exact.dtype == np.float64
    np.testing.assert_allclose(
        exact, evaluated(losses.cross_entropy, CLASSES, goal.sign), rtol=1e-6
    )
    # Runs whose losses are equal in single precision are told apart.
    near = np.stack([LOGITS[0], LOGITS[0] + np.eye(5)[0] * 1e-10])
    first, second = losses.exact_cross_entropy(near, goal(np.zeros(2, int)))
    assert goal.sign * (first - second) > 0


def test_margin_by_hand():
    np.testing.assert_allclose(evaluated(losses.margin, CLASSES, 1.0), [-0.5, 0, 2, 550])
    np.testing.assert_allclose(evaluated(losses.margin, CLASSES, -1.0), [0.5, 0, -2, -550])


def test_dlr_by_hand():
    # (2.5 - 3) / (3 - 1), then a tie, (4 - 2) / (4 - 0.5) and (250 + 300) / (250 - 40).
    expected = [-0.25, 0, 2 / 3.5, 550 / 210]
    np.testing.assert_allclose(evaluated(losses.dlr, CLASSES, 1.0), expected, 1e-5)
    # Divided by z1 - (z3 + z4) / 2.
    expected = [0.5 / 2.5, 0, -2 / (4 - 0.375), -550 / 230]
    np.testing.assert_allclose(evaluated(losses.dlr, CLASSES, -1.0), expected, 1e-5)


def test_dlr_against_the_formula():
    logits = np.random.default_rng(0).normal(size=(50, 10))
    classes = np.arange(50) % 10
    untargeted, targeted = [], []
    for row, label in zip(logits, classes):
        largest = np.sort(row)[::-1]
        margin = max(others(row, label)) - row[label]
        untargeted.append(margin / (largest[0] - largest[2]))
        targeted.append(-margin / (largest[0] - (largest[2] + largest[3]) / 2))
    for sign, expected in ((1.0, untargeted), (-1.0, targeted)):
        np.testing.assert_allclose(
            evaluated(losses.dlr, classes, sign, logits=logits), expected, rtol=1e-4, atol=1e-6
        )


def test_dlr_towards_a_class():
    # Gains of -0.5, -1, -7 and 550, over z1 - (z3 + z4) / 2.
    expected = [-0.5 / 2.5, -1 / 1.0, -7 / (4 - 0.375), 550 / 230]
    np.testing.assert_allclose(evaluated(losses.dlr_towards, CLASSES, OTHERS), expected, 1e-5)


@pytest.mark.parametrize(
    "loss, arguments",
    [
        (losses.dlr, (CLASSES, 1.0)),
        (losses.dlr, (CLASSES, -1.0)),
        (losses.dlr_towards, (CLASSES, OTHERS)),
    ],
)
def test_scale_and_shift_do_not_matter_to_dlr(loss, arguments):
    expected = evaluated(loss, *arguments)
    for scale, shift in ((1e4, 0), (1e-3, 0), (1, 50), (7, -20)):
        changed = evaluated(loss, *arguments, logits=scale * LOGITS + shift)
        np.testing.assert_allclose(changed, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["margin", "dlr"])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_positive_exactly_at_success(name, sign):
    logits = np.random.default_rng(1).normal(size=(200, 4))
    classes = np.arange(200) % 4
    chosen = logits.argmax(axis=1) == classes
    positive = evaluated(losses.BY_NAME[name], classes, sign, logits=logits) > 0
    np.testing.assert_array_equal(positive, chosen if sign < 0 else ~chosen)


def test_best_other():
    np.testing.assert_array_equal(evaluated(losses.best_other, CLASSES), [2.5, 1, 4, 250])


@pytest.mark.parametrize("name", losses.BY_NAME)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_equal_logits_have_a_finite_gradient(name, sign):
    logits = tf.zeros([2, 4])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = losses.BY_NAME[name](logits, [0, 1], sign)
    assert np.isfinite(loss).all()
    assert np.isfinite(tape.gradient(loss, logits)).all()

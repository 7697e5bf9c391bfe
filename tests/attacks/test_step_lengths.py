"""An L2 step has the promised length, however short the gradient is."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cleverhans.tf2.utils import optimize_linear
from keras import layers

from attacks import APGD, BIM, FGSM, PGD, DeepFool, MomentumIterative
from attacks.engine.geometry import power_of_two
from attacks.engine.steps import linear_step

EPSILON = 0.5


@pytest.mark.parametrize("size", [0.0, 1e-37, 1e-30, 1e-10, 9.9e-7, 1.1e-6, 1.0, 1e15, 1e25, 3e38])
def test_length_and_direction(size):
    gradient = np.random.default_rng(0).normal(size=(3, 4, 4, 1)).astype(np.float32)
    gradient *= np.float32(size) / np.abs(gradient).max()
    step = linear_step(tf.constant(gradient), 0.5, "l2").numpy()
    if size == 0:
        np.testing.assert_array_equal(step, 0)
        return
    lengths = np.linalg.norm(step.reshape(3, -1), axis=1)
    np.testing.assert_allclose(lengths, 0.5, rtol=1e-5)
    direction = gradient.astype(np.float64)
    direction /= np.sqrt(np.square(direction).sum(axis=(1, 2, 3), keepdims=True))
    if size > 1e-36:  # below, float32 has few digits
        np.testing.assert_allclose(step, 0.5 * direction, atol=1e-5)


@pytest.mark.parametrize("norm, order", [("l2", 2), ("linf", np.inf), ("l1", 1)])
def test_elsewhere_the_bits_are_those_of_cleverhans(norm, order):
    gradient = np.random.default_rng(1).normal(size=(5, 4, 4, 1)).astype(np.float32)
    gradient *= 10.0 ** np.arange(-5, 5, 2).reshape(-1, 1, 1, 1).astype(np.float32)
    ours = linear_step(tf.constant(gradient), 0.3, norm).numpy()
    np.testing.assert_array_equal(ours, optimize_linear(tf.constant(gradient), 0.3, order).numpy())


def test_an_image_is_scaled_by_its_own_gradient():
    gradient = np.ones((2, 2, 2, 1), np.float32) * np.float32([1e-20, 1.0]).reshape(2, 1, 1, 1)
    both = linear_step(tf.constant(gradient), 1.0, "l2").numpy()
    for row in range(2):
        alone = linear_step(tf.constant(gradient[row : row + 1]), 1.0, "l2").numpy()
        np.testing.assert_array_equal(both[row], alone[0])


def test_powers_of_two():
    sizes = np.float32([1e-30, 0.75, 1.0, 1.5, 2.0, 3e30])
    scaled = sizes * power_of_two(tf.constant(sizes)).numpy()
    assert ((scaled >= 1) & (scaled < 2)).all()
    assert np.isfinite(power_of_two(tf.constant([0.0])).numpy()).all()


@pytest.fixture(scope="module")
def confident(cnn):
    """The network with 8 times its logits, sure of nearly every image."""
    return keras.Sequential([keras.Input((8, 8, 1)), cnn, layers.Rescaling(8.0)])


ATTACKS = [FGSM("l2"), PGD(10, norm="l2", random_start=False), BIM(10, norm="l2")]
ATTACKS += [MomentumIterative(10, norm="l2"), PGD(10, norm="l2")]


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_attacks_of_a_confident_network_use_their_budget(confident, cnn, images, labels, attack):
    sure = np.isin(np.arange(48), np.flatnonzero(confident_rows(confident, images, labels)))
    assert sure.sum() > 10
    result = attack(confident, images, labels, epsilon=EPSILON)
    # What hits the edges of the box loses length there.
    assert np.median(result.distances["l2"][sure]) > 0.7 * EPSILON


def confident_rows(model, images, labels):
    """Where the gradient of the cross-entropy is shorter than 1e-6, but not zero."""
    with tf.GradientTape() as tape:
        batch = tf.constant(images)
        tape.watch(batch)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, model(batch))
    lengths = np.linalg.norm(tape.gradient(loss, batch).numpy().reshape(len(images), -1), axis=1)
    return (lengths > 0) & (lengths < 1e-6)


def test_pgd_is_as_strong_as_one_that_normalises_by_itself(confident, images, labels):
    pgd = PGD(30, norm="l2", seed=1)(confident, images, labels, epsilon=1.5)
    apgd = APGD(30, norm="l2", seed=1)(confident, images, labels, epsilon=1.5)
    assert apgd.success.mean() > 0.5
    assert pgd.success.mean() > apgd.success.mean() - 0.1


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_flat_logits_do_not_shorten_deepfool(cnn, images, labels, norm):
    flattened = keras.Sequential([keras.Input((8, 8, 1)), cnn, layers.Rescaling(2.0**-40)])
    attack = DeepFool(norm=norm, candidates=3)
    expected = attack(cnn, images, labels)
    result = attack(flattened, images, labels)
    assert expected.success.all()
    np.testing.assert_array_equal(result.success, expected.success)
    np.testing.assert_allclose(
        result.distances[norm], expected.distances[norm], rtol=0.05, atol=1e-3
    )

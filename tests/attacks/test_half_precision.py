"""A network that computes in float16 is as easy to attack as in float32."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from attacks import APGD, FGSM, PGD, CarliniWagner, DeepFool
from attacks.engine.half_precision import with_scaled_gradient
from evaluation import wilson


@pytest.fixture(scope="module")
def pair(cnn):
    """A confident network in float32, and its weights under `mixed_float16`."""

    def under(policy):
        def with_policy(layer):
            return type(layer).from_config(layer.get_config() | {"dtype": policy})

        copy = keras.models.clone_model(cnn, clone_function=with_policy)
        copy.set_weights(cnn.get_weights())
        return keras.Sequential(
            [keras.Input((8, 8, 1)), copy, layers.Rescaling(5.0, dtype="float32")]
        )

    return under("float32"), under("mixed_float16")


ATTACKS = [(FGSM(), 0.15), (PGD(10, random_start=False), 0.15), (APGD(10), 0.15)]
ATTACKS += [(PGD(10, norm="l2"), 1.0)]


@pytest.mark.parametrize("attack, epsilon", ATTACKS, ids=str)
def test_budget_attacks(pair, digits, attack, epsilon):
    images, labels = digits[2][:200], digits[3][:200]
    expected, result = (attack(model, images, labels, epsilon=epsilon) for model in pair)
    assert expected.success.mean() > 0.5
    low, high = wilson(expected.success.sum(), len(images))
    assert low <= result.success.mean() <= high
    assert result.logits.dtype == np.float32


def test_minimum_norm_attacks(pair, images, labels):
    for attack in (DeepFool(candidates=3), CarliniWagner(3, 40, learning_rate=0.05)):
        expected, result = (attack(model, images, labels) for model in pair)
        np.testing.assert_array_equal(result.success, expected.success)
        means = [each.distances["l2"][each.success].mean() for each in (expected, result)]
        assert means[1] == pytest.approx(means[0], rel=0.05)


def test_a_callable_is_seen_to_compute_in_half(pair, images, labels):
    single, half = pair
    expected = PGD(5)(single, images, labels, epsilon=0.15)
    result = PGD(5)(lambda batch: half(batch, training=False), images, labels, epsilon=0.15)
    assert np.mean(result.success == expected.success) > 0.9


def test_the_scale_cancels():
    weights = tf.constant(np.random.default_rng(0).normal(size=(6, 3)), tf.float32)

    def logits_of(images):
        return tf.tanh(images @ weights)

    images = tf.constant(np.random.default_rng(1).normal(size=(4, 6)), tf.float32)
    upstream = tf.constant([[1e-12, 0, 0], [3.0, -1, 2], [0, 0, 0], [1e20, 0, 1]], tf.float32)
    gradients = []
    for function in (logits_of, with_scaled_gradient(logits_of)):
        with tf.GradientTape() as tape:
            tape.watch(images)
            logits = function(images)
        gradients.append(tape.gradient(logits, images, output_gradients=upstream).numpy())
    np.testing.assert_allclose(gradients[1], gradients[0], rtol=1e-6)

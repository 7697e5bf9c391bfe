"""Epsilons between standardised images are what they are called, in every channel."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from attacks import FGSM, PGD, as_logits
from attacks.units import UNITS, BetweenStandardised, grey_levels, standardised_input
from models.preprocessing import IMAGENET_MEAN, IMAGENET_STD

SHAPE = (4, 4, 3)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    images = keras.Input(SHAPE)
    x = keras.layers.Conv2D(4, 3, activation="tanh")(images)
    return keras.Model(images, keras.layers.Dense(5)(keras.layers.Flatten()(x)))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(size=(6, *SHAPE)).astype(np.float32)


def attacked(model, images, attack, epsilons):
    between = BetweenStandardised(attack, standardised_input(model))
    return between.sweep(model, images, np.arange(len(images)) % 5, epsilons=epsilons)


def standardised(images):
    return (images - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)


def test_two_percent_are_one_grey_level():
    # (0.229 + 0.224 + 0.225) / 3 x 255 x 0.02
    assert 0.02 * grey_levels("standardised") == pytest.approx(1.1526)
    assert round(0.02 * grey_levels("standardised"), 2) == 1.15
    assert 0.02 * grey_levels("pixels") == pytest.approx(5.1)
    assert UNITS == ("pixels", "standardised")
    with pytest.raises(ValueError, match="units is 'percent'; accepted: pixels, standardised"):
        grey_levels("percent")


def test_every_value_of_a_standardised_image_moves_by_epsilon(model, images):
    for result, epsilon in zip(
        attacked(model, images, FGSM(clip=False), [0.02, 0.5]), [0.02, 0.5], strict=True
    ):
        moved = standardised(result.images) - standardised(images)
        np.testing.assert_allclose(np.abs(moved), epsilon, atol=1e-5)
        # The sign is that of the gradient with respect to pixels: a scale does not turn it.
        in_pixels = FGSM(clip=False)(model, images, np.arange(6) % 5, epsilon=0.01)
        np.testing.assert_array_equal(np.sign(moved), np.sign(in_pixels.images - images))
        assert result.epsilon == epsilon
        np.testing.assert_allclose(result.distances["linf"], epsilon * max(IMAGENET_STD), rtol=1e-4)
        np.testing.assert_allclose(result.logits, model(result.images), atol=1e-5)
    assert result.images.min() < 0 and result.images.max() > 1  # nothing is clipped


def test_an_epsilon_of_zero_returns_the_images(model, images):
    (result,) = attacked(model, images, FGSM(clip=False), [0.0])
    np.testing.assert_array_equal(result.images, images)


def test_steps_stay_in_the_ball_of_standardised_images(model, images):
    (result,) = attacked(model, images, PGD(steps=5, random_start=False, clip=False), [0.1])
    moved = np.abs(standardised(result.images) - standardised(images))
    assert moved.max() == pytest.approx(0.1, abs=1e-5)


def test_a_step_is_as_long_as_it_says_between_standardised_images(model, images):
    attack = PGD(steps=1, step_size=0.02, random_start=False, clip=False)
    (result,) = attacked(model, images, attack, [0.1])
    moved = np.abs(standardised(result.images) - standardised(images))
    np.testing.assert_allclose(moved, 0.02, atol=1e-5)


def test_a_random_model_is_said_to_be_one(model, images):
    class Noise(keras.layers.Layer):
        def call(self, logits):
            return logits + tf.random.normal(tf.shape(logits))

    noisy = keras.Model(model.input, Noise()(model.output))
    with pytest.warns(RuntimeWarning, match="model is random at inference"):
        (result,) = attacked(noisy, images, FGSM(clip=False), [0.1])
    assert result.spread > 0


def test_probabilities_can_be_taken_for_logits(model, images):
    with_softmax = keras.Model(model.input, keras.layers.Softmax()(model.output))
    (result,) = attacked(as_logits(with_softmax), images, FGSM(clip=False), [0.1])
    np.testing.assert_allclose(result.logits.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("attack", [FGSM(), FGSM(clip=False, norm="l2")])
def test_attacks_that_clip_or_bound_another_norm_are_refused(model, attack):
    with pytest.raises(ValueError, match="accepted: norm='linf' and clip=False"):
        BetweenStandardised(attack, standardised_input(model))


def test_grey_images_are_refused():
    grey = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="1 channels with units 'standardised'; accepted: 3"):
        standardised_input(grey)

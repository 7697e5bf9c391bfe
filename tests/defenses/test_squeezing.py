"""Bit depth by hand, the median against scipy's, and gradients through both."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from scipy import ndimage

from attacks import PGD
from defenses import FeatureSqueezing, defended


def gradient(model, images):
    images = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(model(images, training=False) ** 2)
    return tape.gradient(total, images).numpy()


@pytest.mark.parametrize("straight_through", [False, True])
@pytest.mark.parametrize(
    ("bits", "squeezed"),
    [
        (1, [0, 0, 1, 1, 1]),
        (2, [0, 1 / 3, 2 / 3, 2 / 3, 1]),
        (8, np.round(np.array([0.1, 0.4, 0.6, 0.7, 0.9]) * 255) / 255),
    ],
)
def test_bit_depth_by_hand(bits, squeezed, straight_through):
    images = np.array([0.1, 0.4, 0.6, 0.7, 0.9], np.float32).reshape(1, 1, 5, 1)
    squeezing = FeatureSqueezing(bits=bits, straight_through=straight_through)
    np.testing.assert_allclose(squeezing.filter(images).ravel(), squeezed, rtol=1e-6)
    flat = keras.Sequential([keras.Input((1, 5, 1)), layers.Flatten()])
    logits = squeezing.in_front(flat)(images)
    np.testing.assert_allclose(logits.numpy().ravel(), squeezed, rtol=1e-6)


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_both_medians_equal_scipys(colour, identity, size):
    squeezing = FeatureSqueezing(median=size)
    expected = ndimage.median_filter(colour, size=(1, size, size, 1), mode="reflect")
    np.testing.assert_array_equal(squeezing.filter(colour), expected)
    in_front = squeezing.in_front(identity)(colour).numpy().reshape(colour.shape)
    np.testing.assert_array_equal(in_front, expected)


def test_both_in_order(colour, identity):
    both = FeatureSqueezing(bits=3, median=3)
    expected = FeatureSqueezing(median=3).filter(FeatureSqueezing(bits=3).filter(colour))
    np.testing.assert_array_equal(both.filter(colour), expected)
    in_front = both.in_front(identity)(colour).numpy().reshape(colour.shape)
    np.testing.assert_allclose(in_front, expected, rtol=1e-6)


def test_gradient_of_rounding_is_zero_or_that_of_the_identity(cnn, images):
    stopped = FeatureSqueezing(bits=4, straight_through=False)
    assert not gradient(stopped.in_front(cnn), images).any()
    assert stopped.name == "feature squeezing (4 bit, zero gradient)"
    squeezing = FeatureSqueezing(bits=4)
    assert squeezing.name == "feature squeezing (4 bit)"
    expected = gradient(cnn, squeezing.filter(images))
    through = gradient(squeezing.in_front(cnn), images)
    np.testing.assert_allclose(through, expected, rtol=1e-5, atol=1e-5)


def test_gradient_of_the_median_goes_to_the_pixel_that_was_taken():
    images = np.arange(9, dtype=np.float32).reshape(1, 3, 3, 1) / 9
    middle = keras.Sequential([keras.Input((3, 3, 1)), layers.Cropping2D(1), layers.Flatten()])
    expected = np.zeros((3, 3))
    expected[1, 1] = 2 * 4 / 9
    found = gradient(FeatureSqueezing(median=3).in_front(middle), images)
    np.testing.assert_allclose(found[0, :, :, 0], expected, rtol=1e-6)


def test_straight_through_attacks_where_rounding_stops_them(cnn, images, labels):
    attack = PGD(steps=10, step_size=0.04)
    accuracy = {}
    for straight_through in (False, True):
        squeezing = FeatureSqueezing(bits=4, median=2, straight_through=straight_through)
        model = defended(cnn, [squeezing])
        adversarial = attack(model, images, labels, epsilon=0.2).images
        logits = cnn(squeezing.filter(adversarial), training=False).numpy()
        accuracy[straight_through] = np.mean(logits.argmax(axis=1) == labels)
    assert accuracy[True] < accuracy[False] - 0.2


@pytest.mark.parametrize("straight_through", [False, True])
def test_a_saved_model_gives_the_same(cnn, images, straight_through, tmp_path):
    model = FeatureSqueezing(4, 3, straight_through).in_front(cnn)
    model.save(tmp_path / "squeezed.keras")
    again = keras.models.load_model(tmp_path / "squeezed.keras")
    np.testing.assert_array_equal(again(images, training=False), model(images, training=False))
    np.testing.assert_array_equal(gradient(again, images), gradient(model, images))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "bits and median are None"),
        ({"bits": 0}, "bits is 0; accepted: a whole number, 1 to 8"),
        ({"bits": 9}, "bits is 9"),
        ({"median": 1}, "median is 1; accepted: a whole number, 2 or more"),
        ({"median": 2.5}, "median is 2.5"),
    ],
)
def test_refused_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        FeatureSqueezing(**arguments)


def test_a_window_beyond_the_image_is_refused(identity):
    with pytest.raises(ValueError, match=r"median is 20; .* \(9, 12\): at most 19"):
        FeatureSqueezing(median=20).in_front(identity)

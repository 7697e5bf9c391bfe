"""The blur against scipy's, and attacks through it and past it."""

import keras
import numpy as np
import pytest
from scipy import ndimage

import models
from attacks import PGD
from defenses import FeatureSmoothing

SIZES = [(1, 1.0), (3, 0.5), (3, 1.0), (5, 1.5)]


@pytest.mark.parametrize(("kernel_size", "sigma"), SIZES)
def test_both_blurs_equal_scipys(colour, identity, kernel_size, sigma):
    smoothing = FeatureSmoothing(kernel_size, sigma)
    kernel = smoothing.kernel[np.newaxis, :, :, np.newaxis]
    expected = ndimage.correlate(colour.astype(np.float64), kernel, mode="nearest")
    np.testing.assert_allclose(smoothing.filter(colour), expected, atol=1e-6)
    in_front = smoothing.in_front(identity)(colour).numpy().reshape(colour.shape)
    np.testing.assert_allclose(in_front, expected, atol=1e-6)


def test_kernel_by_hand():
    side, corner = np.exp(-0.5), np.exp(-1)
    weights = np.array([[corner, side, corner], [side, 1, side], [corner, side, corner]])
    np.testing.assert_allclose(FeatureSmoothing(3, 1.0).kernel, weights / weights.sum())


def test_plain_images_stay_as_they_are(identity):
    plain = np.full((1, 9, 12, 3), 0.75, np.float32)
    np.testing.assert_allclose(FeatureSmoothing(5, 2.0).filter(plain), plain, rtol=1e-6)
    blurred = FeatureSmoothing(5, 2.0).in_front(identity)(plain).numpy()
    np.testing.assert_allclose(blurred, 0.75, rtol=1e-6)


def test_attacks_through_the_blur_are_at_least_as_strong(cnn, images, labels):
    smoothing = FeatureSmoothing(3, 0.8)
    smoothed = smoothing.in_front(cnn)
    attack = PGD(steps=10, step_size=0.03)
    accuracies = {}
    for crafted_on in (cnn, smoothed):
        adversarial = attack(crafted_on, images, labels, epsilon=0.12).images
        logits = cnn(smoothing.filter(adversarial), training=False).numpy()
        accuracies[crafted_on.name] = np.mean(logits.argmax(axis=1) == labels)
    clean = cnn(smoothing.filter(images), training=False).numpy()
    assert accuracies[smoothed.name] <= accuracies[cnn.name]
    assert accuracies[smoothed.name] < np.mean(clean.argmax(axis=1) == labels) - 0.2


def test_the_model_stays_as_it_was(cnn, images):
    before = cnn(images, training=False).numpy()
    trainable = len(cnn.trainable_variables)
    smoothed = FeatureSmoothing().in_front(cnn)
    assert len(smoothed.trainable_variables) == trainable
    np.testing.assert_array_equal(cnn(images, training=False), before)


def test_a_defense_in_front_of_a_defended_model(cnn, images, tmp_path):
    first, second = FeatureSmoothing(3, 0.6), FeatureSmoothing(5, 0.9)
    model = second.in_front(first.in_front(cnn))
    expected = cnn(first.filter(second.filter(images)), training=False)
    np.testing.assert_allclose(model(images, training=False), expected, rtol=1e-4, atol=1e-4)
    again = models.load_checkpoint(models.save(model, tmp_path / "smoothed.h5"))
    np.testing.assert_array_equal(again(images, training=False), model(images, training=False))


def test_attacks_on_a_saved_model_give_the_same(cnn, images, labels, tmp_path):
    """The tests of models reload one in plain Keras."""
    smoothed = FeatureSmoothing(5, 1.0).in_front(cnn)
    attack = PGD(steps=3, step_size=0.04)
    expected = attack(smoothed, images, labels, epsilon=0.1)
    for suffix in (".h5", ".keras"):
        path = models.save(smoothed, tmp_path / f"smoothed{suffix}")
        loaded = attack(models.load_checkpoint(path), images, labels, epsilon=0.1)
        np.testing.assert_array_equal(loaded.images, expected.images)
        np.testing.assert_array_equal(loaded.success, expected.success)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel_size": 4}, "kernel_size is 4; accepted: an odd number"),
        ({"kernel_size": 0}, "kernel_size is 0; accepted: a whole number, 1 or more"),
        ({"kernel_size": 3.0}, "kernel_size is 3.0"),
        ({"sigma": 0}, "sigma is 0; accepted: a finite number above 0"),
        ({"sigma": float("nan")}, "sigma is nan"),
    ],
)
def test_refused_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        FeatureSmoothing(**arguments)


def test_refused_images_and_models(colour):
    with pytest.raises(ValueError, match=r"images have shape \(9, 12, 3\)"):
        FeatureSmoothing().filter(colour[0])
    with pytest.raises(ValueError, match="type uint8; accepted: floats"):
        FeatureSmoothing().filter((colour * 255).astype(np.uint8))
    unbuilt = keras.Sequential([keras.layers.Flatten()])
    with pytest.raises(ValueError, match="accepted: a functional or a built sequential model"):
        FeatureSmoothing().in_front(unbuilt)
    any_size = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(1, 1)])
    with pytest.raises(ValueError, match="takes .* accepted: images .* of a known size"):
        FeatureSmoothing().in_front(any_size)

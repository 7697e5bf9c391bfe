"""Real digits at 8x8, tiny networks trained on them, and models whose boundary is known."""

import gc

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import data
from attacks.engine import cache


@pytest.fixture(scope="session")
def digits():
    """Training images and labels, test images and labels; one channel, without the 4x4 blocks."""
    found = data.load("digits")
    x_train, x_test = (x[:, ::4, ::4, :1].copy() for x in (found.x_train, found.x_test))
    return x_train, found.y_train, x_test, found.y_test


@pytest.fixture(scope="session")
def images(digits):
    return digits[2][:48]


@pytest.fixture(scope="session")
def labels(digits):
    return digits[3][:48]


def trained(digits, *after_convolution) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3, strides=2, padding="same"),
            *after_convolution,
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss)
    model.fit(*digits[:2], batch_size=64, epochs=4, verbose=0)
    predictions = model(digits[2], training=False).numpy().argmax(axis=1)
    assert np.mean(predictions == digits[3]) > 0.9
    return model


@pytest.fixture(scope="session")
def cnn(digits):
    return trained(digits, layers.ReLU())


@pytest.fixture(scope="session")
def normalised(digits):
    return trained(digits, layers.BatchNormalization(momentum=0.9), layers.ReLU())


@pytest.fixture(scope="session", params=["cnn", "normalised"])
def network(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def roaming_digits(digits):
    """The digits at random places of black 14x14 images."""

    def placed(x, seed):
        canvas = np.zeros((len(x), 14, 14, 1), np.float32)
        corners = np.random.default_rng(seed).integers(0, 7, (len(x), 2))
        for image, digit, (row, column) in zip(canvas, x, corners):
            image[row : row + 8, column : column + 8] = digit
        return canvas

    x_train, y_train, x_test, y_test = digits
    return placed(x_train, 0), y_train, placed(x_test, 1), y_test


@pytest.fixture(scope="session")
def place_blind(roaming_digits):
    """A network that looks for a digit, or a patch, wherever it is."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((14, 14, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 4, activation="relu"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    model.fit(*roaming_digits[:2], batch_size=64, epochs=6, verbose=0)
    predictions = model(roaming_digits[2], training=False).numpy().argmax(axis=1)
    assert np.mean(predictions == roaming_digits[3]) > 0.85
    return model


@pytest.fixture
def compiled_functions():
    """The cache of compiled functions, in which what dead models of other tests left stays.

    Collections within the test look at what the test makes, not at all of TensorFlow again.
    """
    gc.freeze()
    yield cache.BY_MODEL
    gc.unfreeze()


class Counting:
    """A callable linear model that counts how often it is traced and how often that is run.

    Passes outside compiled functions, by which a change of the model is seen, are not counted.
    """

    def __init__(self, weights):
        self.weights = tf.constant(weights, tf.float32)
        self.traces = 0
        self._runs = tf.Variable(0)

    def __call__(self, images):
        if tf.inside_function():
            self.traces += 1
            self._runs.assign_add(1)
        return tf.reshape(images, [-1, self.weights.shape[0]]) @ self.weights

    def runs(self) -> int:
        """Forward passes since the last time this was asked."""
        runs = int(self._runs)
        self._runs.assign(0)
        return runs


@pytest.fixture
def counting():
    return Counting(np.random.default_rng(3).normal(size=(64, 10)))

"""Real digits at 8x8 and a small network trained on them."""

import keras
import numpy as np
import pytest
from keras import layers

import data


@pytest.fixture(scope="session")
def digits():
    """Training images and labels, test images and labels; one channel, without the 4x4 blocks."""
    found = data.load("digits")
    x_train, x_test = (x[:, ::4, ::4, :1].copy() for x in (found.x_train, found.x_test))
    return x_train, found.y_train, x_test, found.y_test


@pytest.fixture(scope="session")
def images(digits):
    return digits[2][:96]


@pytest.fixture(scope="session")
def labels(digits):
    return digits[3][:96]


@pytest.fixture(scope="session")
def cnn(digits):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3, padding="same"),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss)
    model.fit(*digits[:2], batch_size=64, epochs=4, verbose=0)
    return model


@pytest.fixture(scope="session")
def colour():
    """Random images that are neither square nor grey."""
    return np.random.default_rng(0).random((3, 9, 12, 3), dtype=np.float32)


@pytest.fixture(scope="session")
def identity():
    """A model that gives its `colour` images back, flat."""
    return keras.Sequential([keras.Input((9, 12, 3)), layers.Flatten()])

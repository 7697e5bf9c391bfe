"""Small networks and images that the tests of models share."""

import keras
import numpy as np
import pytest

import models


@pytest.fixture(scope="session")
def images():
    return np.random.default_rng(0).random((4, 32, 32, 3), dtype=np.float32)


@pytest.fixture
def small():
    """The VGG variant, narrow enough to train in a test."""
    return models.vgg16(3, upsampling=1, width=0.05)


@pytest.fixture
def shaken():
    """Moves every weight and statistic at random, so that none is as in a new network."""

    def shake(model: keras.Model) -> keras.Model:
        random = np.random.default_rng(1)
        for variable in model.trainable_variables + model.non_trainable_variables:
            if variable.path.startswith("centred_bgr"):
                continue
            if variable.dtype == "float32":
                factor = random.uniform(0.9, 1.1, variable.shape)
                variable.assign(variable * factor + random.uniform(-0.01, 0.01, variable.shape))
        return model

    return shake

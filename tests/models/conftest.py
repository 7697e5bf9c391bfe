"""Small networks and images that the tests of models share."""

import keras
import numpy as np
import pytest
from keras import layers

import models


@pytest.fixture(scope="session")
def images():
    return np.random.default_rng(0).random((4, 32, 32, 3), dtype=np.float32)


@pytest.fixture(scope="session")
def shaken():
    """Moves every weight and statistic at random, so that none is as in a new network."""

    def shake(model: keras.Model) -> keras.Model:
        random = np.random.default_rng(1)
        for variable in model.trainable_variables + model.non_trainable_variables:
            if variable.path.startswith("centred_bgr"):
                continue
            if variable.dtype == "float32":
                # Some networks have tens of millions of weights: float32 is drawn twice as fast.
                factor, shift = (random.random(variable.shape, np.float32) for _ in range(2))
                variable.assign(variable * (0.9 + 0.2 * factor) + (0.02 * shift - 0.01))
        return model

    return shake


@pytest.fixture(scope="session")
def small(shaken):
    """The VGG variant, narrow enough for a test, its weights moved; tests may not change it."""
    return shaken(models.vgg16(3, upsampling=1, width=0.05))


@pytest.fixture(scope="session")
def little(shaken, tmp_path_factory):
    """A network as those of keras.applications, of a few layers, and a file with its weights."""

    def application(include_top=False, weights=None, input_tensor=None, input_shape=None):
        images = keras.Input(input_shape) if input_tensor is None else input_tensor
        x = layers.Conv2D(4, 3, strides=2)(images)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.BatchNormalization()(layers.Conv2D(8, 3)(x))
        return keras.Model(keras.utils.get_source_inputs(images), x)

    path = tmp_path_factory.mktemp("little") / "little.weights.h5"
    shaken(application(input_shape=(32, 32, 3))).save_weights(path)
    return application, path


@pytest.fixture(scope="session")
def resnet_weights(shaken, tmp_path_factory):
    """ResNet-50 without its top, and a file with its weights, in place of those of ImageNet."""
    network = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(32, 32, 3))
    path = tmp_path_factory.mktemp("resnet50") / "resnet50.weights.h5"
    shaken(network).save_weights(path)
    return network, path


@pytest.fixture(scope="session")
def inception_weights(shaken, tmp_path_factory):
    network = keras.applications.InceptionV3(
        include_top=False, weights=None, input_shape=(96, 96, 3)
    )
    path = tmp_path_factory.mktemp("inception_v3") / "inception_v3.weights.h5"
    shaken(network).save_weights(path)
    return network, path


@pytest.fixture(scope="session")
def resnet(resnet_weights):
    """ResNet-50 with the weights of the file; tests may not change it."""
    return models.resnet50(10, upsampling=1, weights=resnet_weights[1], preprocessing="imagenet")


@pytest.fixture(scope="session")
def inception(inception_weights):
    """Inception-V3 with the weights of the file; tests may not change it."""
    return models.inception_v3(
        10, upsampling=3, weights=inception_weights[1], preprocessing="imagenet", width=0.5
    )

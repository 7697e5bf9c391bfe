"""Layers of this project in files: loaded as they were saved."""

import keras
import numpy as np
import pytest
from keras import layers

import data
import defenses
import models


@pytest.fixture
def images():
    return np.random.default_rng(0).random((4, 8, 8, 3), np.float32)


def network(*first):
    return keras.Sequential([keras.Input((8, 8, 3)), *first, layers.Flatten(), layers.Dense(2)])


NETWORKS = {
    "erasing": lambda: network(data.RandomErasing(probability=1)),
    "squeezing": lambda: defenses.FeatureSqueezing(bits=3, median=2).in_front(network()),
    "noisy-gradient": lambda: defenses.with_noisy_gradient(network(), 0.1),
    "noisy-logits": lambda: defenses.with_noisy_logits(network(), 0.1),
}


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)
def test_the_same_outputs(tmp_path, images, build, suffix):
    model = build()
    again = models.load_checkpoint(models.save(model, tmp_path / f"network{suffix}"))
    expected = model(images, training=False)
    np.testing.assert_array_equal(again(images, training=False), expected)

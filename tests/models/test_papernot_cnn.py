"""The network for MNIST against the table of the paper."""

import numpy as np
import pytest
from keras import layers

import models


def test_layers_are_those_of_table_1():
    model = models.papernot_cnn(10)
    convolutions = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    assert [layer.filters for layer in convolutions] == [32, 32, 64, 64]
    # Without padding: 28, 26, 24, pooled 12, 10, 8, pooled 4.
    assert [layer.output.shape[1] for layer in convolutions] == [26, 24, 10, 8]
    dense = [layer.units for layer in model.layers if isinstance(layer, layers.Dense)]
    assert dense == [200, 200, 10]
    filters = 9 * (1 * 32 + 32 * 32 + 32 * 64 + 64 * 64) + 32 + 32 + 64 + 64
    hidden = (1024 + 1) * 200 + (200 + 1) * 200 + (200 + 1) * 10
    assert model.count_params() == filters + hidden


def test_temperature_divides_the_logits():
    images = np.random.default_rng(0).random((3, 28, 28, 1), np.float32)
    plain = models.papernot_cnn(10, width=0.1)
    softened = models.papernot_cnn(10, width=0.1, temperature=20)
    softened.set_weights(plain.get_weights())
    np.testing.assert_allclose(softened(images), plain(images) / 20, rtol=1e-5, atol=1e-7)


def test_there_are_no_imagenet_weights():
    with pytest.raises(ValueError, match="weights is 'imagenet'; accepted: None or a path"):
        models.papernot_cnn(10, weights="imagenet")

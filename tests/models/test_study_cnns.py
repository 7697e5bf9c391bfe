"""The networks of WPI and RIT: layers and parameters of the written choice, by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import models
from data.splits import as_colour_squares

WPI_BLOCK = ["Conv2D", "BatchNormalization", "Dropout", "Activation", "MaxPooling2D"]
WPI = ["InputLayer", *2 * WPI_BLOCK, "Flatten", "Dense", "Dropout", "Dense"]
RIT_HEAD = ["Dense", "BatchNormalization", "Activation", "Dropout"]
RIT = ["InputLayer", *3 * ["Conv2D", "MaxPooling2D"], "Flatten", *2 * RIT_HEAD, "Dense"]
GREY = np.random.default_rng(0).random((4, 28, 28, 1), dtype=np.float32)


def of_type(model, layer_type):
    return [layer for layer in model.layers if isinstance(layer, layer_type)]


def listed(model):
    return [type(layer).__name__ for layer in model.layers]


@pytest.mark.parametrize(
    ("num_classes", "parameters"),
    # 3x3 convolutions, their statistics, and Dense layers on 8x8x64 features.
    [(n, 896 + 128 + 18_496 + 256 + 524_416 + 129 * n) for n in (10, 43)],
)
def test_wpi_layers(num_classes, parameters):
    model = models.wpi_cnn(num_classes)
    assert listed(model) == WPI and model.count_params() == parameters
    assert [layer.filters for layer in of_type(model, layers.Conv2D)] == [32, 64]
    assert [layer.rate for layer in of_type(model, layers.Dropout)] == [0.25, 0.25, 0.5]
    assert [layer.units for layer in of_type(model, layers.Dense)] == [128, num_classes]


def test_rit_layers():
    model = models.rit_cnn(10)
    assert listed(model) == RIT and model.count_params() == 198_570
    convolutions = of_type(model, layers.Conv2D)
    assert [layer.filters for layer in convolutions] == [32, 64, 128]
    assert {(layer.kernel_size, layer.padding) for layer in convolutions} == {((2, 2), "same")}
    assert [layer.output.shape[1] for layer in of_type(model, layers.MaxPooling2D)] == [14, 7, 3]
    assert [layer.rate for layer in of_type(model, layers.Dropout)] == [0.5, 0.5]
    assert [layer.units for layer in of_type(model, layers.Dense)] == [128, 64, 10]


@pytest.mark.parametrize("name", ["wpi_cnn", "rit_cnn"])
def test_width_temperature_and_weights(name, images, shaken, tmp_path):
    arguments = {"input_shape": (32, 32, 3), "width": 0.25}
    model = shaken(models.build(name, 10, **arguments))
    assert [layer.filters for layer in of_type(model, layers.Conv2D)][:2] == [8, 16]
    path = models.save(model, tmp_path / "network.h5")
    softened = models.build(name, 10, weights=path, temperature=20, **arguments)
    logits = model(images, training=False)
    np.testing.assert_allclose(softened(images, training=False) * 20, logits, rtol=1e-5, atol=1e-6)
    raw = models.build(name, 10, weights=path, preprocessing="raw", **arguments)
    np.testing.assert_allclose(raw(images / 255, training=False), logits, rtol=1e-3, atol=1e-4)


def test_wpi_makes_colour_squares_of_grey_images(shaken, tmp_path):
    model = shaken(models.wpi_cnn(10, input_shape=(28, 28, 1), width=0.1))
    assert model.count_params() == models.wpi_cnn(10, width=0.1).count_params()
    squares = models.wpi_cnn(10, width=0.1)
    squares.set_weights(model.get_weights())
    logits = model(GREY, training=False)
    # What a split makes of the images before they are attacked.
    scaled = as_colour_squares(GREY, 32)
    np.testing.assert_allclose(logits, squares(scaled, training=False), rtol=1e-5, atol=1e-6)

    again = keras.models.load_model(models.save(model, tmp_path / "network.h5"))
    np.testing.assert_array_equal(again(GREY, training=False), logits)
    pixels = tf.constant(GREY)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        loss = tf.reduce_sum(again(pixels, training=False)[:, 0])
    assert np.all(np.any(tape.gradient(loss, pixels) != 0, axis=(1, 2, 3)))


def test_refused_arguments():
    with pytest.raises(
        ValueError, match=r"input_shape is \(32, 32, 2\); accepted: 1 or 3 channels"
    ):
        models.wpi_cnn(10, input_shape=(32, 32, 2))
    with pytest.raises(ValueError, match="accepted: 2 or more, for the 8 pixels"):
        models.rit_cnn(10, input_shape=(7, 7, 1))

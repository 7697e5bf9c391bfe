"""Networks that take grey levels 0 to 255, attacked and trained in [0, 1]."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import models

GREY = np.arange(0, 256, 16, dtype=np.uint8).reshape(1, 4, 4, 1)


def takes_grey_levels(dtype):
    return keras.Sequential(
        [
            keras.Input((4, 4, 1), dtype=dtype),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )


def casts():
    grey = keras.Input((4, 4, 1), dtype="uint8")
    return keras.Model(grey, layers.Dense(3)(layers.Flatten()(ops.cast(grey, "float32"))))


def nested():
    grey = keras.Input((4, 4, 1), dtype="uint8")
    return keras.Model(grey, takes_grey_levels("uint8")(grey))


TAKES_GREY_LEVELS = {
    "float": lambda: takes_grey_levels("float32"),
    "uint8": lambda: takes_grey_levels("uint8"),
    "int32": lambda: takes_grey_levels("int32"),
    "cast": casts,
    "nested": nested,
    "nested in a Sequential": lambda: keras.Sequential(
        [keras.Input((4, 4, 1), dtype="uint8"), nested()]
    ),
}


@pytest.mark.parametrize("make", TAKES_GREY_LEVELS.values(), ids=TAKES_GREY_LEVELS)
def test_images_in_unit_range_give_the_same_outputs_and_gradients(make, tmp_path):
    model = make()
    network = models.with_unit_range(model)
    images = tf.constant(GREY / np.float32(255))
    np.testing.assert_allclose(network(images), model(GREY), rtol=1e-4, atol=1e-4)
    with tf.GradientTape() as tape:
        tape.watch(images)
        output = network(images)[:, 0]
    # Of every pixel, between the grey levels too.
    assert (tape.gradient(output, images).numpy() != 0).all()
    assert (network(images + 0.001).numpy() != network(images).numpy()).any()

    assert network.input.dtype == "float32"
    assert {id(weight) for weight in network.weights} == {id(weight) for weight in model.weights}
    path = models.save(network, tmp_path / "unit.h5")
    np.testing.assert_allclose(models.load_checkpoint(path)(images), network(images), rtol=1e-6)


def test_integers_within_are_refused():
    grey = keras.Input((4, 4, 1))
    rounded = ops.cast(ops.cast(grey, "int32"), "float32")
    model = keras.Model(grey, layers.Dense(3)(layers.Flatten()(rounded)))
    with pytest.raises(ValueError, match="into int32, through which no gradient flows; accepted"):
        models.with_unit_range(model)


def test_a_subclassed_model_is_told_its_way():
    class Subclassed(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(ValueError, match=r"lambda images: model\(255 \* images"):
        models.with_unit_range(Subclassed())

"""What all defenses demand of their arguments."""

import math

import keras
import numpy as np
import tensorflow as tf

from attacks.engine.norms import check_epsilon
from attacks.engine.task import check_images as check_floats
from models.outputs import check_is_graph


def check_whole(name: str, value: int, lowest: int, highest: float = math.inf) -> None:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not (whole and lowest <= value <= highest):
        raise ValueError(
            f"{name} is {value!r}; accepted: a whole number, {lowest}"
            + (" or more" if highest == math.inf else f" to {highest}")
        )


def check_epsilon_of(network: keras.Model, epsilon: float, norm: str) -> float:
    """`epsilon` as a float, when it is a distance between two images that `network` takes."""
    # A network of its own class does not tell their shape; any distance may be one then.
    shape = getattr(network, "input_shape", (None, None))[1:]
    return check_epsilon(epsilon, norm, tuple(math.inf if n is None else n for n in shape))


def as_classes(labels) -> tf.Tensor:
    """Classes, int64 [N], of classes [N] or [N, 1] or of one-hot labels."""
    labels = tf.convert_to_tensor(labels)
    if labels.shape.rank == 1:
        return tf.cast(labels, tf.int64)
    if labels.shape.rank != 2:
        raise ValueError(
            f"labels have shape {labels.shape}; accepted: classes [N] or [N, 1], or one-hot "
            "[N, classes]"
        )
    column, winners = tf.cast(labels[:, 0], tf.int64), tf.argmax(labels, axis=1)
    # A data set may leave the width open.
    return tf.where(tf.shape(labels)[1] == 1, column, winners)


def check_images(images) -> np.ndarray:
    """`images` as float32 [N, height, width, channels] in [0, 1]."""
    images = check_floats(images)
    if images.ndim != 4:
        raise ValueError(
            f"images have shape {images.shape}; accepted: floats [N, height, width, channels]"
        )
    return images


def image_input(model: keras.Model) -> keras.KerasTensor:
    """A new input of the shape that `model` takes.

    Raises ValueError unless the model is functional or built sequential and takes images
    [N, height, width, channels] of a known size.
    """
    check_is_graph(model)
    shape = model.input_shape[1:]
    if len(shape) != 3 or None in shape:
        raise ValueError(
            f"model {model.name!r} takes {model.input_shape}; accepted: images "
            "[N, height, width, channels] of a known size"
        )
    return keras.Input(shape, name="images")

"""What all defenses demand of their arguments."""

import math

import keras
import numpy as np
import tensorflow as tf

from attacks.engine.checks import check_images
from attacks.engine.norms import check_epsilon
from models.outputs import check_is_graph


def check_epsilon_of(network: keras.Model, epsilon: float, norm: str) -> float:
    """`epsilon` as a float, if it can be a distance between two images that `network` takes.

    Raises:
        ValueError: as `attacks.engine.norms.check_epsilon`.
    """
    # A subclassed network does not tell their shape; there is no upper bound then.
    shape = getattr(network, "input_shape", (None, None))[1:]
    return check_epsilon(epsilon, norm, tuple(math.inf if n is None else n for n in shape))


def as_classes(labels) -> tf.Tensor:
    """Classes, int64 [N], from classes [N] or [N, 1], or from one-hot labels [N, classes].

    Raises:
        ValueError: labels of another shape.
    """
    labels = tf.convert_to_tensor(labels)
    if labels.shape.rank == 1:
        return tf.cast(labels, tf.int64)
    if labels.shape.rank != 2:
        raise ValueError(
            f"labels have shape {labels.shape}; accepted: classes [N] or [N, 1], or one-hot "
            "[N, classes]"
        )
    column, winners = tf.cast(labels[:, 0], tf.int64), tf.argmax(labels, axis=1)
    # The width is not always known when the step is traced.
    return tf.where(tf.shape(labels)[1] == 1, column, winners)


def image_batch(images) -> np.ndarray:
    """`images` as float32 [N, height, width, channels] in [0, 1].

    Raises:
        ValueError: images of another shape, type or range.
    """
    images = check_images(images)
    if images.ndim != 4:
        raise ValueError(
            f"images have shape {images.shape}; accepted: floats [N, height, width, channels]"
        )
    return images


def image_input(model: keras.Model) -> keras.KerasTensor:
    """A new input of the shape that `model` takes.

    Raises:
        ValueError: the model is not functional or built sequential, or does not take images
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

"""What all defenses demand of their arguments."""

import math

import keras
import numpy as np

from models.outputs import check_is_graph


def check_whole(name: str, value: int, lowest: int, highest: float = math.inf) -> None:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not (whole and lowest <= value <= highest):
        raise ValueError(
            f"{name} is {value!r}; accepted: a whole number, {lowest}"
            + (" or more" if highest == math.inf else f" to {highest}")
        )


def check_images(images) -> np.ndarray:
    """`images` as float32 [N, height, width, channels]."""
    images = np.asarray(images)
    if images.ndim != 4 or not np.issubdtype(images.dtype, np.floating):
        raise ValueError(
            f"images have shape {images.shape} and type {images.dtype}; accepted: floats "
            "[N, height, width, channels] in [0, 1]"
        )
    return images.astype(np.float32)


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

"""The network of the WPI study: two convolutional blocks and one fully connected block.

The study's figure with the widths is not available, and its text gives no sizes: filters, kernels,
dropout rates and hidden units are chosen here. The study's images were RGB, 32x32 pixels.

References:
    Qualifying project, Worcester Polytechnic Institute, 2024, studies/wpi
"""

from collections.abc import Sequence
from os import PathLike

import keras
from keras import layers

from models.arguments import check_arguments, scaled
from models.checkpoints import load_weights
from models.outputs import with_temperature
from models.preprocessing import first_layers

_SIDE, _CHANNELS = 32, 3
_FILTERS = (32, 64)


def wpi_cnn(
    num_classes: int,
    input_shape: Sequence[int] = (32, 32, 3),
    upsampling: int = 1,
    width: float = 1.0,
    weights: str | PathLike | None = None,
    temperature: float = 1.0,
    preprocessing: str = "unit",
    name: str | None = None,
) -> keras.Model:
    """A network from images [N, height, width, channels] in [0, 1] to logits [N, num_classes].

    The study's network ends in log-softmax, which changes neither the softmax nor a difference of
    logits, and is left to the loss.

    Args:
        num_classes: at least 2.
        input_shape: (height, width, channels) of an image; grey images get three equal channels,
            and other sizes than 32x32 are scaled (bilinear) inside the network.
        upsampling: each pixel becomes this many pixels squared; the network becomes that much
            larger.
        width: scales the filters and the hidden Dense layer.
        weights: `None`, or a checkpoint (.h5, .keras, .weights.h5) of the same network.
        temperature: divides the logits.
        preprocessing: what the first convolution sees, "unit" [0, 1] or "raw" grey levels 0..255.
            The study normalises with constants that it does not give. They make no difference,
            because a batch normalisation follows the convolution.
        name: of the model.

    Raises:
        ValueError: an argument is out of range.
        CheckpointError: the weights cannot be loaded.
    """
    check_arguments(num_classes, input_shape, upsampling, width, minimum_side=1)
    if input_shape[-1] not in (1, _CHANNELS):
        raise ValueError(f"input_shape is {tuple(input_shape)!r}; accepted: 1 or 3 channels")

    images = keras.Input(input_shape, name="images")
    x = first_layers(_as_colour_squares(images), preprocessing, upsampling)
    for filters in _FILTERS:
        x = layers.Conv2D(scaled(filters, width), 3, padding="same")(x)
        x = layers.BatchNormalization()(x)
        x = layers.Dropout(0.25)(x)
        x = layers.Activation("relu")(x)
        x = layers.MaxPooling2D()(x)

    x = layers.Flatten()(x)
    x = layers.Dense(scaled(128, width), activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    logits = layers.Dense(num_classes, dtype="float32", name="logits")(x)

    model = keras.Model(images, logits, name=name or "wpi_cnn")
    if weights is not None:
        load_weights(model, weights)
    return with_temperature(model, temperature)


def _as_colour_squares(images: keras.KerasTensor) -> keras.KerasTensor:
    """Images [N, 32, 32, 3], scaled by layers that are saved with the network."""
    x = images
    if x.shape[1:3] != (_SIDE, _SIDE):
        x = layers.Resizing(_SIDE, _SIDE, name="resized")(x)
    if x.shape[-1] == 1:
        x = layers.Concatenate(name="colour")([x] * _CHANNELS)
    return x

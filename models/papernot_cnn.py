"""The network for MNIST in which defensive distillation was proposed.

Two 3x3 convolutions and a pooling, the same again, then two hidden Dense layers.

References:
    Papernot, McDaniel, Wu, Jha and Swami, "Distillation as a Defense to Adversarial Perturbations
        against Deep Neural Networks", 2016, https://arxiv.org/abs/1511.04508, table I
"""

from collections.abc import Sequence
from os import PathLike

import keras
from keras import layers

from models.arguments import check_arguments, scaled
from models.checkpoints import load_weights
from models.outputs import with_temperature
from models.preprocessing import first_layers


def papernot_cnn(
    num_classes: int,
    input_shape: Sequence[int] = (28, 28, 1),
    upsampling: int = 1,
    width: float = 1.0,
    weights: str | PathLike | None = None,
    temperature: float = 1.0,
    preprocessing: str = "unit",
    name: str | None = None,
) -> keras.Model:
    """A network from images [N, height, width, channels] in [0, 1] to logits [N, num_classes].

    Args:
        num_classes: at least 2.
        input_shape: (height, width, channels) of an image.
        upsampling: each pixel becomes this many pixels squared.
        width: scales the filters (32, 32, 64, 64) and the hidden Dense layers (200, 200).
        weights: `None`, or a checkpoint (.h5, .keras, .weights.h5) of the same network.
        temperature: divides the logits.
        preprocessing: what the first convolution sees, "unit" [0, 1] or "raw" grey levels 0..255.
        name: of the model.

    Raises:
        ValueError: an argument is out of range or weights="imagenet".
        CheckpointError: the weights cannot be loaded.
    """
    if weights == "imagenet":
        raise ValueError(
            "weights is 'imagenet'; accepted: None or a path, as no ImageNet weights exist for "
            "this network"
        )
    check_arguments(num_classes, input_shape, upsampling, width, minimum_side=16)

    images = keras.Input(input_shape, name="images")
    x = first_layers(images, preprocessing, upsampling)
    for filters in (32, 64):
        for _ in range(2):
            x = layers.Conv2D(scaled(filters, width), 3, activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    x = layers.Dense(scaled(200, width), activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    x = layers.Dense(scaled(200, width), activation="relu")(x)
    logits = layers.Dense(num_classes, dtype="float32", name="logits")(x)

    model = keras.Model(images, logits, name=name or "papernot_cnn")
    if weights is not None:
        load_weights(model, weights)
    return with_temperature(model, temperature)

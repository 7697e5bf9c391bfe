"""The "VGG-16" of the NTU study: eleven convolutions, four poolings and two Dense layers.

The paper's VGG-16 has thirteen convolutions, five poolings and three Dense layers, and no batch
normalisation.

References:
    Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition",
        ICLR 2015, https://arxiv.org/abs/1409.1556
"""

from collections.abc import Sequence
from os import PathLike

import keras
from keras import layers

from models.arguments import check_arguments, scaled
from models.checkpoints import load_weights
from models.outputs import with_temperature
from models.preprocessing import first_layers
from models.ranges import check_number

# Filters of the 3x3 convolutions; a pooling and a dropout follow each row. The study's listing
# has no pooling between the convolutions of 128 and those of 256.
_BLOCKS = (
    (64, 64),
    (128, 128, 256, 256),
    (512, 512, 512),
    (512, 512),
)


def vgg16(
    num_classes: int,
    input_shape: Sequence[int] = (32, 32, 3),
    upsampling: int = 5,
    width: float = 1.0,
    weights: str | PathLike | None = None,
    temperature: float = 1.0,
    weight_decay: float = 5e-4,
    preprocessing: str = "raw",
    name: str | None = None,
) -> keras.Model:
    """A network from images [N, height, width, channels] in [0, 1] to logits [N, num_classes].

    The logits are the output of the last batch normalisation, as in the study.

    Args:
        num_classes: at least 2.
        input_shape: (height, width, channels) of an image.
        upsampling: each pixel becomes this many pixels squared; the study enlarges 32 to 160.
        width: scales the filters and the hidden Dense layer.
        weights: `None`, or a checkpoint (.h5, .keras, .weights.h5) of the same network.
        temperature: divides the logits.
        weight_decay: factor of the L2 penalty on every kernel but that of the output layer.
        preprocessing: what the first convolution sees, "raw" grey levels 0..255 or "unit" [0, 1].
        name: of the model.

    Raises:
        ValueError: an argument is out of range, the enlarged images are too small for the
            poolings, or weights="imagenet".
        CheckpointError: the weights cannot be loaded.
    """
    if weights == "imagenet":
        raise ValueError(
            "weights is 'imagenet'; accepted: None or a path, as no ImageNet weights exist for "
            "this variant of VGG-16"
        )
    check_arguments(num_classes, input_shape, upsampling, width, minimum_side=2 ** len(_BLOCKS))
    check_number(least=0, weight_decay=weight_decay)
    l2 = keras.regularizers.L2(weight_decay)

    images = keras.Input(input_shape, name="images")
    x = first_layers(images, preprocessing, upsampling)
    for block in _BLOCKS:
        for filters in block:
            x = _normalised_relu(
                layers.Conv2D(scaled(filters, width), 3, padding="same", kernel_regularizer=l2)(x)
            )
        x = layers.MaxPooling2D()(x)
        x = layers.Dropout(0.25)(x)

    x = layers.Flatten()(x)
    x = _normalised_relu(layers.Dense(scaled(512, width), kernel_regularizer=l2)(x))
    x = layers.Dropout(0.25)(x)
    x = layers.Dense(num_classes)(x)
    logits = layers.BatchNormalization(dtype="float32", name="logits")(x)

    model = keras.Model(images, logits, name=name or "vgg16")
    if weights is not None:
        load_weights(model, weights)
    return with_temperature(model, temperature)


def _normalised_relu(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Activation("relu")(layers.BatchNormalization()(x))

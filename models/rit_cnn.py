"""The network of the RIT blog: three convolutions with poolings and three Dense layers.

The blog lists kernels of "2 x 2, 1 x 1", 32, 64 and 128 filters, batch normalisations 128 and 64
wide, and dropout 0.5. That 1 x 1 is the stride, that the hidden Dense layers have the widths of
the normalisations, and where normalisation and dropout stand, is this project's choice.

References:
    Blog post of a course project, Rochester Institute of Technology, 2023, studies/rit_mnist
"""

from collections.abc import Sequence
from os import PathLike

import keras
from keras import layers

from models.arguments import check_arguments, scaled
from models.checkpoints import load_weights
from models.outputs import with_temperature
from models.preprocessing import first_layers

FILTERS = (32, 64, 128)
UNITS = (128, 64)
KERNEL = 2
DROPOUT = 0.5


def rit_cnn(
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
        width: scales the filters and the hidden Dense layers.
        weights: `None`, or a checkpoint (.h5, .keras, .weights.h5) of the same network.
        temperature: divides the logits.
        preprocessing: what the first convolution sees, "unit" [0, 1] as in the blog, or "raw" grey
            levels 0..255.
        name: of the model.

    Raises:
        ValueError: an argument is out of range or the enlarged images are below 8 pixels.
        CheckpointError: the weights cannot be loaded.
    """
    check_arguments(num_classes, input_shape, upsampling, width, minimum_side=2 ** len(FILTERS))

    images = keras.Input(input_shape, name="images")
    x = first_layers(images, preprocessing, upsampling)
    for filters in FILTERS:
        x = layers.Conv2D(scaled(filters, width), KERNEL, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)

    x = layers.Flatten()(x)
    for units in UNITS:
        x = layers.Dense(scaled(units, width))(x)
        x = layers.BatchNormalization()(x)
        x = layers.Activation("relu")(x)
        x = layers.Dropout(DROPOUT)(x)
    logits = layers.Dense(num_classes, dtype="float32", name="logits")(x)

    model = keras.Model(images, logits, name=name or "rit_cnn")
    if weights is not None:
        load_weights(model, weights)
    return with_temperature(model, temperature)

"""Inception-V3 with the head of the NTU study.

The backbone is that of keras.applications.

References:
    Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, "Rethinking the Inception Architecture for Computer
        Vision", CVPR 2016, https://arxiv.org/abs/1512.00567
"""

from collections.abc import Sequence
from os import PathLike

import keras
from keras import layers

from models.arguments import check_arguments, scaled
from models.backbone import backbone
from models.outputs import with_temperature
from models.preprocessing import first_layers, plus_minus_one


def inception_v3(
    num_classes: int,
    input_shape: Sequence[int] = (32, 32, 3),
    upsampling: int = 7,
    width: float = 1.0,
    weights: str | PathLike | None = None,
    temperature: float = 1.0,
    preprocessing: str = "raw",
    train_batch_norm: bool = True,
    name: str | None = None,
) -> keras.Model:
    """A network from images [N, height, width, channels] in [0, 1] to logits [N, num_classes].

    The arguments and errors are those of `models.resnet50`, with three differences: width scales
    three hidden Dense layers, preprocessing "imagenet" is [-1, 1], and the enlarged images must
    have at least 75 pixels. The study enlarges 32 to 224; the backbone was made for 299.
    """
    check_arguments(num_classes, input_shape, upsampling, width, minimum_side=75)

    images = keras.Input(input_shape, name="images")
    x = first_layers(images, preprocessing, upsampling, imagenet=plus_minus_one)
    x = backbone(keras.applications.InceptionV3, x, weights, train_batch_norm)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(scaled(1024, width), activation="relu")(x)
    x = layers.Dropout(0.3)(x)
    x = layers.Dense(scaled(512, width), activation="relu")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Dense(scaled(256, width), activation="relu")(x)
    x = layers.BatchNormalization()(x)
    logits = layers.Dense(num_classes, dtype="float32", name="logits")(x)
    return with_temperature(keras.Model(images, logits, name=name or "inception_v3"), temperature)

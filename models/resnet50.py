"""ResNet-50 with the head of the NTU study.

The backbone is that of keras.applications.

References:
    He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
        https://arxiv.org/abs/1512.03385
"""

from collections.abc import Sequence
from os import PathLike

import keras
from keras import layers

from models.arguments import check_arguments, scaled
from models.backbone import backbone
from models.outputs import with_temperature
from models.preprocessing import caffe, first_layers


def resnet50(
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

    Args:
        num_classes: at least 2.
        input_shape: (height, width, channels) of an image.
        upsampling: each pixel becomes this many pixels squared; the study enlarges 32 to 224.
        width: scales the hidden Dense layer of the head; the backbone has one width only.
        weights: of the backbone: "imagenet", `None` (from scratch, all layers train) or a file.
        temperature: divides the logits.
        preprocessing: what the backbone sees, "raw" grey levels 0..255 as in the study, "unit"
            [0, 1], or "imagenet", the centred BGR grey levels that ImageNet weights are made for.
        train_batch_norm: with weights given, whether the backbone's batch normalisations train;
            its other layers do not.
        name: of the model.

    Raises:
        ValueError: an argument is out of range or the enlarged images are below 32 pixels.
        ConnectionError, CheckpointError: the weights cannot be loaded, see `models.backbone`.
    """
    check_arguments(num_classes, input_shape, upsampling, width, minimum_side=32)

    images = keras.Input(input_shape, name="images")
    x = first_layers(images, preprocessing, upsampling, imagenet=caffe)
    x = backbone(keras.applications.ResNet50, x, weights, train_batch_norm)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(scaled(256, width), activation="relu")(x)
    x = layers.Dropout(0.25)(x)
    x = layers.BatchNormalization()(x)
    logits = layers.Dense(num_classes, dtype="float32", name="logits")(x)
    return with_temperature(keras.Model(images, logits, name=name or "resnet50"), temperature)

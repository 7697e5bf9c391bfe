"""ResNeXt-50 with 32 groups of 4 channels.

The network is torchvision's, so that its weights fit.

References:
    Xie, Girshick, Dollar, Tu and He, "Aggregated Residual Transformations for Deep Neural
        Networks", CVPR 2017, https://arxiv.org/abs/1611.05431
"""

from collections.abc import Sequence
from os import PathLike

import keras
from keras import layers

from models.arguments import check_arguments, scaled
from models.convolutions import batch_normalisation, convolution, grouped_convolution
from models.outputs import with_temperature
from models.preprocessing import first_layers, standardise
from models.torchvision_weights import load

_CARDINALITY = 32
# Residual blocks of each stage, and channels per group in their 3x3 convolutions.
_STAGES = ((3, 4), (4, 8), (6, 16), (3, 32))


def resnext50_32x4d(
    num_classes: int,
    input_shape: Sequence[int] = (224, 224, 3),
    upsampling: int = 1,
    width: float = 1.0,
    weights: str | PathLike | None = None,
    temperature: float = 1.0,
    preprocessing: str = "imagenet",
    name: str | None = None,
) -> keras.Model:
    """A network from images [N, height, width, channels] in [0, 1] to logits [N, num_classes].

    Args:
        num_classes: at least 2.
        input_shape: (height, width, channels) of an image.
        upsampling: each pixel becomes this many pixels squared.
        width: scales the number of groups, and with it the filters of every convolution.
        weights: `None` (from scratch), torchvision's (.safetensors, see
            `models.torchvision_weights`) or a checkpoint of the same network (.h5, .keras,
            .weights.h5).
        temperature: divides the logits.
        preprocessing: what the first convolution sees, "imagenet" for colours with a mean of 0 and
            a deviation of 1 on ImageNet, "raw" grey levels 0..255 or "unit" [0, 1].
        name: of the model.

    Raises:
        ValueError: an argument is out of range, the enlarged images are below 32 pixels, or
            weights="imagenet".
        CheckpointError: the weights cannot be loaded.
    """
    check_arguments(num_classes, input_shape, upsampling, width, minimum_side=32)
    groups = scaled(_CARDINALITY, width)

    images = keras.Input(input_shape, name="images")
    x = first_layers(images, preprocessing, upsampling, imagenet=standardise)
    x = convolution(x, 2 * groups, 7, strides=2, name="conv1")
    x = layers.ReLU()(batch_normalisation(x, "bn1"))
    # PyTorch pads with minus infinity, which after a ReLU is as good as zero.
    x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x))
    for stage, (blocks, group_width) in enumerate(_STAGES, start=1):
        for block in range(blocks):
            strides = 2 if stage > 1 and block == 0 else 1
            x = _bottleneck(x, groups, group_width, strides, f"layer{stage}.{block}")
    x = layers.GlobalAveragePooling2D()(x)
    logits = layers.Dense(num_classes, dtype="float32", name="fc")(x)

    model = keras.Model(images, logits, name=name or "resnext50_32x4d")
    load(model, weights)
    return with_temperature(model, temperature)


def _bottleneck(
    x: keras.KerasTensor, groups: int, group_width: int, strides: int, name: str
) -> keras.KerasTensor:
    filters = groups * group_width
    shortcut = x
    if strides > 1 or x.shape[-1] != 2 * filters:
        shortcut = convolution(x, 2 * filters, 1, strides=strides, name=f"{name}.downsample.0")
        shortcut = batch_normalisation(shortcut, f"{name}.downsample.1")
    x = convolution(x, filters, 1, name=f"{name}.conv1")
    x = layers.ReLU()(batch_normalisation(x, f"{name}.bn1"))
    x = grouped_convolution(x, group_width, 3, strides=strides, name=f"{name}.conv2")
    x = layers.ReLU()(batch_normalisation(x, f"{name}.bn2"))
    x = convolution(x, 2 * filters, 1, name=f"{name}.conv3")
    x = batch_normalisation(x, f"{name}.bn3")
    return layers.ReLU(name=name)(layers.Add()([x, shortcut]))

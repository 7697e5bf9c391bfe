"""RegNetY-400MF: sixteen residual blocks with grouped convolutions, squeeze and excitation.

The network is torchvision's, so that its weights fit.

References:
    Radosavovic, Kosaraju, Girshick, He and Dollar, "Designing Network Design Spaces", CVPR 2020,
        https://arxiv.org/abs/2003.13678
    Hu, Shen and Sun, "Squeeze-and-Excitation Networks", CVPR 2018, https://arxiv.org/abs/1709.01507
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

_GROUP_WIDTH = 8
# Blocks and groups of each stage: what the paper's rule makes of depth 16, w_0 = 48,
# w_a = 27.89 and w_m = 2.09.
_STAGES = ((1, 6), (3, 13), (6, 26), (6, 55))


def regnety_400mf(
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

    The arguments and errors are those of `models.resnext50_32x4d`; width scales the stem and the
    number of groups in each stage.
    """
    check_arguments(num_classes, input_shape, upsampling, width, minimum_side=32)

    images = keras.Input(input_shape, name="images")
    x = first_layers(images, preprocessing, upsampling, imagenet=standardise)
    x = convolution(x, scaled(32, width), 3, strides=2, name="stem.0")
    x = layers.ReLU()(batch_normalisation(x, "stem.1"))
    for stage, (blocks, groups) in enumerate(_STAGES, start=1):
        filters = _GROUP_WIDTH * scaled(groups, width)
        for block in range(blocks):
            strides = 2 if block == 0 else 1
            x = _block(x, filters, strides, f"trunk_output.block{stage}.block{stage}-{block}")
    x = layers.GlobalAveragePooling2D()(x)
    logits = layers.Dense(num_classes, dtype="float32", name="fc")(x)

    model = keras.Model(images, logits, name=name or "regnety_400mf")
    load(model, weights)
    return with_temperature(model, temperature)


def _block(x: keras.KerasTensor, filters: int, strides: int, name: str) -> keras.KerasTensor:
    # A quarter of the channels that enter the block, not of those that are squeezed.
    squeezed = scaled(x.shape[-1], 0.25)
    shortcut = x
    if strides > 1 or x.shape[-1] != filters:
        shortcut = convolution(x, filters, 1, strides=strides, name=f"{name}.proj.0")
        shortcut = batch_normalisation(shortcut, f"{name}.proj.1")
    x = convolution(x, filters, 1, name=f"{name}.f.a.0")
    x = layers.ReLU()(batch_normalisation(x, f"{name}.f.a.1"))
    x = grouped_convolution(x, _GROUP_WIDTH, 3, strides=strides, name=f"{name}.f.b.0")
    x = layers.ReLU()(batch_normalisation(x, f"{name}.f.b.1"))
    x = _squeeze_and_excitation(x, squeezed, f"{name}.f.se")
    x = convolution(x, filters, 1, name=f"{name}.f.c.0")
    x = batch_normalisation(x, f"{name}.f.c.1")
    return layers.ReLU(name=name)(layers.Add()([x, shortcut]))


def _squeeze_and_excitation(x: keras.KerasTensor, squeezed: int, name: str) -> keras.KerasTensor:
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(squeezed, 1, activation="relu", name=f"{name}.fc1")(gate)
    gate = layers.Conv2D(x.shape[-1], 1, activation="sigmoid", name=f"{name}.fc2")(gate)
    return layers.Multiply()([x, gate])

"""AlexNet with one column: five convolutions and three Dense layers.

After the paper of 2014. The network is torchvision's, so that its weights fit.

References:
    Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014,
        https://arxiv.org/abs/1404.5997
    Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural
        Networks", NIPS 2012,
        https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks
"""

from collections.abc import Sequence
from os import PathLike

import keras
from keras import layers

from models.arguments import check_arguments, scaled
from models.outputs import with_temperature
from models.preprocessing import first_layers, standardise
from models.torchvision_weights import load

_POOLED = 6


def alexnet(
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

    The arguments and errors are those of `models.resnext50_32x4d`, with two differences: width
    scales all filters and the hidden Dense layers, and the enlarged images must have at least 95
    pixels. Whatever their size, the features are averaged to 6x6, as in torchvision.
    """
    # From 95 pixels on there are 2x2 features; Keras cannot average a single one to 6x6.
    check_arguments(num_classes, input_shape, upsampling, width, minimum_side=95)

    def convolution(x, filters, kernel_size, index, **options):
        return layers.Conv2D(
            scaled(filters, width),
            kernel_size,
            activation="relu",
            name=f"features.{index}",
            **options,
        )(x)

    images = keras.Input(input_shape, name="images")
    x = first_layers(images, preprocessing, upsampling, imagenet=standardise)
    # At this stride padding="same" would put more zeros on two sides than on the others.
    x = convolution(layers.ZeroPadding2D(2)(x), 64, 11, 0, strides=4)
    x = layers.MaxPooling2D(3, strides=2, name="features.2")(x)
    x = convolution(x, 192, 5, 3, padding="same")
    x = layers.MaxPooling2D(3, strides=2, name="features.5")(x)
    x = convolution(x, 384, 3, 6, padding="same")
    x = convolution(x, 256, 3, 8, padding="same")
    x = convolution(x, 256, 3, 10, padding="same")
    x = layers.MaxPooling2D(3, strides=2, name="features.12")(x)
    x = _averaged(x)

    # Channels first, in the order of torchvision's weights.
    x = layers.Flatten()(layers.Permute((3, 1, 2))(x))
    for index in (1, 4):
        x = layers.Dropout(0.5)(x)
        x = layers.Dense(scaled(4096, width), activation="relu", name=f"classifier.{index}")(x)
    logits = layers.Dense(num_classes, dtype="float32", name="classifier.6")(x)

    model = keras.Model(images, logits, name=name or "alexnet")
    load(model, weights)
    return with_temperature(model, temperature)


def _averaged(features: keras.KerasTensor) -> keras.KerasTensor:
    """The features averaged to 6x6, where adaptive pooling is not in Keras (before 3.13)."""
    if hasattr(layers, "AdaptiveAveragePooling2D"):
        return layers.AdaptiveAveragePooling2D(_POOLED, name="avgpool")(features)
    sides = features.shape[1:3]
    if any(side % _POOLED and _POOLED % side for side in sides):
        raise ValueError(
            f"input_shape gives {sides[0]}x{sides[1]} features; accepted with Keras "
            f"{keras.__version__}: sides that divide 6 or are multiples of it, as 224 pixels give "
            "(or Keras 3.13 or newer)"
        )
    repeats = [max(1, _POOLED // side) for side in sides]
    repeated = layers.UpSampling2D(repeats)(features)
    return layers.AveragePooling2D([max(1, side // _POOLED) for side in sides], name="avgpool")(
        repeated
    )

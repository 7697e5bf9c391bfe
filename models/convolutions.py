"""Convolution and batch normalisation as PyTorch computes them, in layers of Keras.

Each layer with weights is called as torchvision calls the module; `models.torchvision_weights`
relies on these names.
"""

import keras
from keras import layers


def convolution(
    x: keras.KerasTensor, filters: int, kernel_size: int, name: str, strides: int = 1
) -> keras.KerasTensor:
    """A convolution without bias, padded by the same number of zeros on all sides."""
    x = _padded(x, kernel_size)
    return layers.Conv2D(filters, kernel_size, strides, use_bias=False, name=name)(x)


def grouped_convolution(
    x: keras.KerasTensor, group_width: int, kernel_size: int, name: str, strides: int = 1
) -> keras.KerasTensor:
    """A convolution without bias that keeps the channels in groups of `group_width`.

    It equals `Conv2D(filters, groups=filters // group_width)`, whose gradient TensorFlow computes
    on a CPU only through XLA, too slowly for training and attacks. Here each channel is filtered
    once for each output of its group, and the results of a group are summed. The weights are the
    same numbers; the activations in between take `group_width` times the memory.
    """
    filters = x.shape[-1]
    x = _padded(x, kernel_size)
    x = layers.DepthwiseConv2D(
        kernel_size, strides, depth_multiplier=group_width, use_bias=False, name=name
    )(x)
    height, width = x.shape[1:3]
    groups = filters // group_width
    x = layers.Reshape((height * width * groups, group_width, group_width))(x)
    x = layers.AveragePooling2D((1, group_width))(x)
    x = layers.Rescaling(group_width)(x)
    return layers.Reshape((height, width, filters))(x)


def batch_normalisation(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Batch normalisation with PyTorch's constants (its momentum is the complement)."""
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)


def _padded(x: keras.KerasTensor, kernel_size: int) -> keras.KerasTensor:
    # At a stride of 2 padding="same" would put the zeros on two sides only.
    return layers.ZeroPadding2D(kernel_size // 2)(x) if kernel_size > 1 else x

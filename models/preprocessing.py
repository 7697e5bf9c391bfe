"""The first layers of every network: from images in [0, 1] to what the network expects.

They are part of the model, so that the distance of an attack is always one between images in
[0, 1], and ordinary Keras layers, so that a checkpoint needs nothing but Keras.
"""

from collections.abc import Callable

import keras
import numpy as np
from keras import layers

from models.outputs import check_is_graph, unused_name

# The per-channel means of ImageNet, in BGR order and grey levels, that Caffe's networks subtract.
_CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)
# Mean and standard deviation of ImageNet's channels, in RGB order and [0, 1], of torchvision.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def grey_levels(images: keras.KerasTensor) -> keras.KerasTensor:
    """From [0, 1] to [0, 255]."""
    return layers.Rescaling(255.0, name="grey_levels")(images)


def caffe(images: keras.KerasTensor) -> keras.KerasTensor:
    """From RGB in [0, 1] to BGR grey levels without the ImageNet means, for ResNets and VGGs."""
    # A frozen convolution, because slicing the channels does not reload from a checkpoint.
    to_bgr = layers.Conv2D(3, 1, trainable=False, name="centred_bgr")
    x = to_bgr(grey_levels(images))
    to_bgr.set_weights([np.eye(3)[::-1].reshape(1, 1, 3, 3), -np.array(_CAFFE_MEAN_BGR)])
    return x


def plus_minus_one(images: keras.KerasTensor) -> keras.KerasTensor:
    """From [0, 1] to [-1, 1], for Inception-V3 and the MobileNets."""
    return layers.Rescaling(2.0, offset=-1.0, name="plus_minus_one")(images)


def standardise(images: keras.KerasTensor) -> keras.KerasTensor:
    """From [0, 1] to a mean of 0 and a deviation of 1 on ImageNet, as torchvision does it."""
    mean, std = np.array(IMAGENET_MEAN), np.array(IMAGENET_STD)
    return layers.Rescaling((1 / std).tolist(), offset=(-mean / std).tolist(), name="standardised")(
        images
    )


def with_unit_range(model: keras.Model) -> keras.Model:
    """A network that takes images of 0-255 as one that takes float32 images in [0, 1].

    The layers are shared. A network that takes integers (`Input(dtype="uint8")`) gets a float
    input, through which gradients flow, and also sees grey levels between the whole numbers.

    Raises:
        ValueError: a model that is not functional or built sequential, or one that turns its
            images into integers.
    """
    try:
        check_is_graph(model)
    except ValueError as error:
        raise ValueError(
            f"{error} (attacks take any other as a function: "
            "lambda images: model(255 * images, training=False))"
        ) from None
    images = keras.Input(batch_shape=model.inputs[0].shape, dtype="float32")
    grey = layers.Rescaling(255.0, dtype="float32", name=unused_name("grey_levels", model))(images)
    return keras.Model(images, _on_floats(model, grey), name=model.name)


def _on_floats(model: keras.Model, images: keras.KerasTensor) -> keras.KerasTensor:
    """The output of the layers of `model` on `images`, whatever the dtype of its input is."""

    def call(operation, *arguments, **options):
        inputs = getattr(operation, "inputs", None) if isinstance(operation, keras.Model) else None
        if len(inputs or []) == 1 and keras.backend.is_int_dtype(inputs[0].dtype):
            return _on_floats(operation, *arguments)
        if type(operation).__name__ == "Cast":
            if keras.backend.is_int_dtype(operation.dtype):
                raise ValueError(
                    f"model {model.name!r} turns its images into {operation.dtype}, through which "
                    "no gradient flows; accepted: a model that computes with floats"
                )
            if arguments[0].dtype == operation.dtype:  # from bytes to floats, which it has now
                return arguments[0]
        return operation(*arguments, **options)

    # Calling the model would turn the images into the dtype of its input.
    graph = keras.Function(model.inputs[0], model.outputs[0])
    # Keras has no default for the second argument before 3.14.
    return graph._run_through_graph(images, lambda operation: operation, call_fn=call)


def first_layers(
    images: keras.KerasTensor,
    preprocessing: str,
    upsampling: int,
    imagenet: Callable[[keras.KerasTensor], keras.KerasTensor] | None = None,
) -> keras.KerasTensor:
    """The preprocessed and enlarged images.

    Args:
        images: [N, height, width, channels] in [0, 1].
        preprocessing: "raw" for grey levels 0..255, "unit" for [0, 1], and, where `imagenet` is
            given, "imagenet".
        upsampling: each pixel becomes this many pixels squared.
        imagenet: the scaling that the pre-trained network expects.

    Raises:
        ValueError: an unknown preprocessing, or "imagenet" without three channels.
    """
    choices = {"raw": grey_levels, "unit": lambda unchanged: unchanged}
    if imagenet is not None:
        choices["imagenet"] = imagenet
    if preprocessing not in choices:
        raise ValueError(
            f"preprocessing is {preprocessing!r}; accepted: {', '.join(map(repr, choices))}"
        )
    if preprocessing == "imagenet" and images.shape[-1] != 3:
        raise ValueError(
            f"preprocessing is 'imagenet' with {images.shape[-1]} channels; accepted: 3 channels"
        )

    x = choices[preprocessing](images)
    return layers.UpSampling2D(upsampling)(x) if upsampling > 1 else x

"""A network of keras.applications as the body of a classifier: transfer learning.

With weights (ImageNet's, or a file) only the batch normalisations of the backbone are trained, as
in the NTU study; without, everything is. The backbone's layers stand in the classifier itself,
not in a model inside it, so that a checkpoint is flat and each layer can be looked at.
"""

from collections.abc import Callable
from os import PathLike

import keras

from models.checkpoints import load_weights


def backbone(
    application: Callable[..., keras.Model],
    x: keras.KerasTensor,
    weights: str | PathLike | None,
    train_batch_norm: bool,
) -> keras.KerasTensor:
    """Features [N, height, width, filters] of `application` on x [N, height, width, channels].

    weights: "imagenet", None for random ones, or a file (.h5, .weights.h5) with those of
        `application` without its top.
    train_batch_norm: with weights given, whether the batch normalisations stay trainable.

    Raises ValueError if the ImageNet weights do not fit the channels, ConnectionError if they
    cannot be fetched, CheckpointError if the file cannot be loaded.
    """
    model = application(include_top=False, weights=None, input_tensor=x)
    if weights is None:
        return model.output

    # The weights come by way of a backbone of its own, because keras.applications cannot load
    # them into a model that has preprocessing weights in front.
    pretrained = _pretrained(application, weights, x.shape[1:])
    preprocessing = model.get_weights()[: len(model.weights) - len(pretrained.weights)]
    model.set_weights(preprocessing + pretrained.get_weights())
    for layer in model.layers:
        is_batch_norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = is_batch_norm and train_batch_norm
    return model.output


def _pretrained(application, weights, input_shape) -> keras.Model:
    if weights != "imagenet":
        model = application(include_top=False, weights=None, input_shape=input_shape)
        load_weights(model, weights)
        return model

    if input_shape[-1] != 3:
        raise ValueError(f"weights='imagenet' with {input_shape[-1]} channels; accepted: 3")
    try:
        return application(include_top=False, weights="imagenet", input_shape=input_shape)
    except Exception as error:  # Keras raises a bare Exception when a download fails.
        raise ConnectionError(
            "weights='imagenet' could not be fetched. Accepted without a network: weights=<path> "
            "of the backbone's weights without its top, or weights=None to train from scratch. "
            f"Reason: {error}"
        ) from error

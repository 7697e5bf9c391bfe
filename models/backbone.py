"""A network of keras.applications: complete, or as the body of a classifier (transfer learning).

In a body with weights (ImageNet's, or a file) only the batch normalisations train, as in the NTU
study; otherwise everything does. Its layers are layers of the classifier itself, not of a model
inside it, so that a checkpoint is flat and each layer can be looked at.
"""

from collections.abc import Callable
from functools import partial
from os import PathLike
from pathlib import Path

import h5py
import keras
from filelock import FileLock

from files.downloads import keras_cache
from models.checkpoints import CheckpointError, load_weights
from models.imagenet_weights import download_weights


def backbone(
    application: Callable[..., keras.Model],
    x: keras.KerasTensor,
    weights: str | PathLike | None,
    train_batch_norm: bool,
) -> keras.KerasTensor:
    """The features that `application` computes, [N, height, width, filters].

    Args:
        application: of keras.applications.
        x: its input, [N, height, width, channels].
        weights: "imagenet", `None` for random ones, or a file (.h5, .weights.h5) with those of
            `application` without its top.
        train_batch_norm: with weights given, whether the batch normalisations stay trainable.

    Raises:
        ValueError: the ImageNet weights do not fit the channels.
        ConnectionError: the ImageNet weights cannot be downloaded.
        CheckpointError: the file cannot be loaded.
    """
    model = _on(x, partial(application, include_top=False), weights)
    if weights is not None:
        for layer in model.layers:
            is_batch_norm = isinstance(layer, keras.layers.BatchNormalization)
            layer.trainable = is_batch_norm and train_batch_norm
    return model.output


def classifier(
    application: Callable[..., keras.Model],
    x: keras.KerasTensor,
    weights: str | PathLike | None,
    num_classes: int,
) -> keras.KerasTensor:
    """The logits of the complete `application`, [N, num_classes].

    Arguments and errors are those of `backbone`, but the weights include the top.
    """
    complete = partial(application, classes=num_classes, classifier_activation=None)
    logits = _on(x, complete, weights).output
    return keras.layers.Activation("linear", dtype="float32", name="logits")(logits)


def _on(x, application, weights) -> keras.Model:
    """The network behind x, with its weights."""
    model = application(weights=None, input_tensor=x)
    if weights is not None:
        # The weights come by way of a network of its own, because keras.applications cannot load
        # them into a model that has preprocessing weights in front.
        pretrained = _pretrained(application, weights, x.shape[1:])
        preprocessing = model.get_weights()[: len(model.weights) - len(pretrained.weights)]
        model.set_weights(preprocessing + pretrained.get_weights())
    return model


def _downloaded(make: Callable[[], keras.Model]) -> keras.Model:
    """`make()`, which downloads weights unless they are there.

    Keras knows no checksum of MobileNet's, and takes the half that a killed program leaves for the
    whole. HDF5 notices, and the download begins again.
    """
    folder = keras_cache("models")
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "download.lock"):  # what another program downloads now is no half
        try:
            return make()
        except OSError:
            halves = [path for path in folder.glob("*.h5") if not _is_whole(path)]
            if not halves:
                raise
            for path in halves:
                path.unlink()
            return make()


def _is_whole(path: Path) -> bool:
    try:
        h5py.File(path, "r").close()
    except OSError:
        return False
    return True


def _pretrained(application: partial, weights, input_shape) -> keras.Model:
    if weights != "imagenet":
        model = application(weights=None, input_shape=input_shape)
        try:
            load_weights(model, weights)
        except CheckpointError as error:
            top = application.keywords.get("include_top", True)
            accepted = f"weights of {model.name!r} as it is with include_top={top}"
            raise CheckpointError(f"{error}; accepted: {accepted}") from error
        return model

    if input_shape[-1] != 3:
        raise ValueError(f"weights is 'imagenet' with {input_shape[-1]} channels; accepted: 3")
    try:
        download_weights(application, input_shape)
        return _downloaded(partial(application, weights="imagenet", input_shape=input_shape))
    except ValueError:  # a size or width that there are no weights for, or a wrong checksum
        raise
    except Exception as error:  # Keras raises a bare Exception when a download fails.
        raise ConnectionError(
            f"weights is 'imagenet', which could not be downloaded ({error}); accepted without a "
            "connection: the path of a file with the same weights, or None to train from scratch"
        ) from error

"""Networks to and from files: HDF5 (.h5, .hdf5) and Keras' own format (.keras).

A file holds a network and its weights, not the state of its training, and loads in plain Keras.
"""

import contextlib
import logging
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import global_state

from models import descriptions, keras_archives, operations
from models.allowed_classes import REBUILD, check_classes, without_training
from models.hdf5_files import CheckpointError, opened
from models.hdf5_weights import set_weights, stored_description, text
from models.outputs import check_is_graph
from models.whole_files import whole

_SUFFIXES = (".h5", ".hdf5", ".keras")
#: A byte of a file can hold so many weights, if a .keras file was compressed later on. Those of
#: random generators, and others that Keras 2 did not keep, need not be there.
_WEIGHTS_OF_A_BYTE, _UNSTORED = 4, 2**20


def save(model: keras.Model, path: str | os.PathLike, overwrite: bool = False) -> Path:
    """Writes a network to a file, which appears whole or not at all.

    The optimizer and the losses are left out: a network trained with a loss of the user's own would
    not load elsewhere.

    Args:
        model: functional or built sequential, with one input and one output.
        path: ends in .h5, .hdf5 or .keras; without a suffix it gets .h5.
        overwrite: whether a file that exists is replaced.

    Returns:
        The path of the file.

    Raises:
        ValueError: another suffix, or another kind of model.
        FileExistsError: the file exists and `overwrite` is `False`.
    """
    path = _with_suffix(path)
    check_is_graph(model)
    network = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    with whole(path, overwrite) as unfinished, _without_legacy_warning():
        network.save(unfinished)
    return path


def load_checkpoint(path: str | os.PathLike) -> keras.Model:
    """The network in a .h5, .hdf5 or .keras file, not compiled.

    Files of Keras 2 are read too: their description is translated in memory.

    Raises:
        CheckpointError: the file is missing, has another suffix, is a SavedModel, is damaged, holds
            weights alone, carries code (a Lambda layer), or needs classes that are neither of
            Keras nor of this project. Code and classes are looked for in its description, before
            anything is built, and memory is taken only for weights that the file holds.
    """
    path = _existing(path)
    try:
        description, version = _read_description(path)
    except Exception as error:  # HDF5, zip, zlib and JSON each have errors of their own
        raise CheckpointError(f"{path} is damaged or not a checkpoint: {error}") from error
    if description is None:
        raise CheckpointError(f"{path} holds weights alone, no network ({REBUILD})")
    translated = _translated(without_training(description), version, path)
    check_classes(translated, path)
    try:
        network = _built(translated, path)
        set_weights(network, path)
        return network
    except CheckpointError:
        raise
    except Exception as error:  # Keras raises anything here
        # Its errors repeat the whole description; the last line says what is wrong.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise CheckpointError(f"{path} cannot be rebuilt by Keras ({REBUILD}): {reason}") from error


def load_weights(model: keras.Model, path: str | os.PathLike) -> None:
    """Sets the weights of `model` to those in a .h5, .hdf5, .keras or .weights.h5 file.

    It makes no difference which layers are frozen in the network and which were when it was saved.

    Raises:
        CheckpointError: the file is missing, damaged or of another network, or it holds weights
            alone, in an order that depends on layers that were frozen then and are not now.
    """
    path = _existing(path)
    try:
        set_weights(model, path)
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(f"{path} does not hold weights of {model.name!r}: {error}") from error


#: The epochs that can be kept, each with the name of its value in the logs and the sign of better.
_BEST = {"best accuracy": ("val_accuracy", 1), "lowest loss": ("val_loss", -1), "last": (None, 0)}
KEEP = tuple(_BEST)


def best_checkpoint(
    path: str | os.PathLike,
    initial_value_threshold: float | None = None,
    model: keras.Model | None = None,
    keep: str = "best accuracy",
    written_as: keras.Model | None = None,
) -> keras.callbacks.ModelCheckpoint:
    """A callback that keeps the network of the best epoch in a file.

    At the end of an epoch it raises ValueError if the value to compare is not in the logs.

    Args:
        path: as for `save`.
        initial_value_threshold: nothing is written until a value is better than this one, for a
            resumed training.
        model: the network to keep when it is only a part of the model being fitted, such as the
            student of a distillation.
        keep: "best accuracy" (the highest "val_accuracy"), "lowest loss" (the lowest "val_loss"),
            or "last".
        written_as: the network that is written, with the weights of the one to keep, such as one
            that computes in another precision; default: that one itself.

    Raises:
        ValueError: another suffix or `keep`.
    """
    return _BestCheckpoint(_with_suffix(path), initial_value_threshold, model, keep, written_as)


def kept_epoch(history: Mapping[str, Sequence[float]], keep: str) -> tuple[int, float | None]:
    """Which epoch of a history is kept, from 0, and the value for which; `None` for "last".

    Args:
        history: of one epoch or more, a list of values for each metric.
        keep: as for `best_checkpoint`.
    """
    metric, sign = _monitored(keep)
    if metric is None:
        return len(history["val_loss"]) - 1, None
    values = np.asarray(history[metric])
    index = int(np.argmax(sign * values))
    return index, float(values[index])


def _monitored(keep: str) -> tuple[str | None, int]:
    if keep not in _BEST:
        raise ValueError(f"keep is {keep!r}; accepted: {', '.join(map(repr, KEEP))}")
    return _BEST[keep]


class _BestCheckpoint(keras.callbacks.ModelCheckpoint):
    """Keras' callback, but written through `save`: never half a file, and strict about metrics."""

    def __init__(self, path: Path, initial_value_threshold, network, keep, written):
        monitor, self._sign = _monitored(keep)
        super().__init__(
            path,
            monitor=monitor or "val_accuracy",
            mode="min" if self._sign < 0 else "max",
            save_best_only=True,
            initial_value_threshold=initial_value_threshold,
        )
        self._network, self._written = network, written

    def on_epoch_end(self, epoch, logs=None):
        if not self._sign:
            self._write()
            return
        if self.monitor not in (logs or {}):
            # Keras would warn and keep the last epoch in place of the best.
            raise ValueError(
                f"logs has {', '.join(sorted(logs or {})) or 'nothing'}; accepted: with "
                f"{self.monitor!r}, by which the best epoch is chosen (compile with "
                "metrics=['accuracy'] and fit with validation data)"
            )
        value = float(logs[self.monitor])
        if self._sign * value > (-math.inf if self.best is None else self._sign * self.best):
            self._write()
            self.best = value

    def _write(self):
        network = self.model if self._network is None else self._network
        if self._written is not None and self._written is not network:
            self._written.set_weights(network.get_weights())
            network = self._written
        save(network, self.filepath, overwrite=True)


def _with_suffix(path: str | os.PathLike) -> Path:
    path = Path(path)
    if not path.suffix:
        return path.with_suffix(".h5")
    if path.suffix not in _SUFFIXES or path.name.endswith(".weights.h5"):
        # Keras takes a name in .weights.h5 for a file without the network.
        raise ValueError(f"path is {path}; accepted suffixes: {', '.join(_SUFFIXES)}")
    return path


def _existing(path: str | os.PathLike) -> Path:
    path = Path(path)
    folder = path.parent if path.name == "saved_model.pb" else path
    if (folder / "saved_model.pb").is_file():
        raise CheckpointError(
            f"{folder} is a SavedModel; accepted: files in {', '.join(_SUFFIXES)} "
            f"(attack it as a callable: served = tf.saved_model.load({str(folder)!r}), then lambda "
            "images: next(iter(served.signatures['serving_default'](images).values())))"
        )
    if path.suffix not in _SUFFIXES:
        raise CheckpointError(f"path is {path}; accepted suffixes: {', '.join(_SUFFIXES)}")
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist or is not a file")
    if path.suffix != ".keras" and _backend(path) == "theano":
        # Keras 2 turned the kernels when it loaded such a file; Keras 3 does not.
        raise CheckpointError(
            f"{path} is of Keras on Theano, whose convolutions turn their kernels; accepted: files "
            "of Keras on TensorFlow (load it in Keras 2 on TensorFlow and save it there)"
        )
    return path


def _backend(path: Path) -> str:
    try:
        with opened(path) as file:
            return text(file.attrs.get("backend", ""))
    except Exception:  # a damaged file, about which its reader says more
        return ""


def _read_description(path: Path) -> tuple[dict[str, Any] | None, str]:
    """The JSON that describes the network, or `None`, and the version of Keras."""
    if path.suffix == ".keras":
        return keras_archives.read_description(path)
    with opened(path) as file:
        return stored_description(file), text(file.attrs.get("keras_version", ""))


def _translated(description: dict[str, Any], version: str, path: Path) -> dict[str, Any]:
    """The description as Keras 3 reads it; the same object if nothing needs translation."""
    major = re.match(r"\d+", version)
    is_keras_3 = major is not None and int(major[0]) >= 3
    if is_keras_3 and path.suffix == ".keras":
        return description
    try:
        translate = operations.with_modules if is_keras_3 else descriptions.from_keras_2
        return translate(description)
    except ValueError as error:
        raise CheckpointError(f"{path} {error} ({REBUILD})") from error
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path} is damaged or not a checkpoint: its description lacks {error}"
        ) from error


def _built(description: dict[str, Any], path: Path) -> keras.Model:
    """The network that is described, if the file has the weights that it takes.

    Keras takes memory for weights when it builds a layer, whatever number of units the description
    asks for. In a stateless scope it only notes their shapes.
    """
    try:
        with keras.StatelessScope(initialize_variables=False):
            network = keras.saving.deserialize_keras_object(description, safe_mode=True)
            needed = sum(math.prod(each.shape) for each in network.variables)
        if needed > _WEIGHTS_OF_A_BYTE * path.stat().st_size + _UNSTORED:
            raise CheckpointError(
                f"{path} describes a network of {needed:,} weights and does not hold them"
            )
        with keras.StatelessScope():  # at its end Keras makes what was noted
            pass
    except BaseException:
        global_state.set_global_attribute("uninitialized_variables", [])
        raise
    return network


@contextlib.contextmanager
def _without_legacy_warning() -> Iterator[None]:
    """Silence Keras' advice against HDF5, which this project chooses on purpose."""

    def other_than_legacy(record: logging.LogRecord) -> bool:
        return "considered legacy" not in record.getMessage()

    logger = logging.getLogger("absl")
    logger.addFilter(other_than_legacy)
    try:
        yield
    finally:
        logger.removeFilter(other_than_legacy)

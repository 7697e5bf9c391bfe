"""Networks to files that run without Keras: ONNX (.onnx) and TFLite (.tflite)."""

import os
import tempfile
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import keras
import tensorflow as tf

from models.checkpoints import save
from models.outputs import check_is_graph
from models.whole_files import whole

#: What `export` writes.
SUFFIXES = (".h5", ".keras", ".onnx", ".tflite")


def export(model: keras.Model, path: str | os.PathLike, overwrite: bool = False) -> Path:
    """Writes a network to a file in the format of its suffix; it appears whole or not at all.

    A converted network computes in float32 what the Keras network computes, up to rounding, for
    batches of any size.

    Args:
        model: functional or built sequential, with one input and one output.
        path: ends in one of `SUFFIXES`; .h5 and .keras are written by `save`.
        overwrite: whether a file that exists is replaced.

    Returns:
        The path of the file.

    Raises:
        ValueError: another suffix or another kind of model, a package that is missing, or
            operations that the format does not have.
        FileExistsError: the file exists and `overwrite` is `False`.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"path is {path}; accepted suffixes: {', '.join(SUFFIXES)}")
    if path.suffix not in _CONVERTERS:
        return save(model, path, overwrite)
    check_can_convert(path.suffix)
    check_is_graph(model)
    # Unless told, a batch normalization after a Resizing layer is converted as it is in training.
    images = model.inputs[0]
    network = keras.Model(images, model(images, training=False), name=model.name)
    with whole(path, overwrite) as unfinished:
        try:
            _CONVERTERS[path.suffix](network, unfinished)
        except Exception as error:  # the converters raise anything
            raise ValueError(
                f"path is {path}, and {model.name!r} cannot be converted; accepted for this "
                f"network: .h5, .keras ({error})"
            ) from error
    return path


def check_can_convert(suffix: str) -> None:
    """Raises ValueError if a package that writes files with this suffix is not installed."""
    missing = [name for name in _PACKAGES.get(suffix, ()) if find_spec(name) is None]
    if missing:
        others = [each for each in SUFFIXES if each not in _PACKAGES]
        raise ValueError(
            f"suffix is {suffix!r}, which needs {' and '.join(missing)} to be installed; accepted: "
            f"{', '.join(others)} (or `pip install {' '.join(missing)}`)"
        )


def _to_onnx(network: keras.Model, path: Path) -> None:
    with warnings.catch_warnings():
        # Keras looks for a name that NumPy 2 is about to give back.
        warnings.filterwarnings("ignore", "In the future `np.object`", FutureWarning)
        network.export(path, format="onnx", verbose=False, input_signature=_signature(network))


def _to_tflite(network: keras.Model, path: Path) -> None:
    """Uses operations of TFLite alone, so that the smallest interpreter runs it."""
    with tempfile.TemporaryDirectory() as folder:
        network.export(
            folder,
            format="tf_saved_model",
            verbose=False,
            input_signature=_signature(network),
        )
        path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())


def _signature(network: keras.Model) -> list[tf.TensorSpec]:
    """A batch of any size, by the name "images"."""
    return [tf.TensorSpec(network.input_shape, tf.float32, "images")]


_CONVERTERS: dict[str, Callable[[keras.Model, Path], None]] = {
    ".onnx": _to_onnx,
    ".tflite": _to_tflite,
}
#: What the conversions need that TensorFlow does not bring.
_PACKAGES = {".onnx": ("tf2onnx", "onnx")}

"""Weights of torchvision's networks, from a safetensors file.

Where torchvision is installed, the file is made by

    from safetensors.torch import save_file
    from torchvision.models import get_model
    save_file(get_model("resnext50_32x4d", weights="DEFAULT").state_dict(), "FILE.safetensors")

and likewise for "regnet_y_400mf" and "alexnet"; weights="IMAGENET1K_V1" are the older ones. Such
a file holds arrays and no code.
"""

from collections.abc import Callable, Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from keras import layers
from safetensors import SafetensorError, safe_open

from models.checkpoints import CheckpointError, load_weights

#: What PyTorch calls its own files.
_PICKLES = (".pth", ".pt", ".bin", ".ckpt", ".pkl", ".pickle")


def load(model: keras.Model, weights: str | PathLike | None) -> None:
    """Sets the weights of one of torchvision's networks from either kind of file.

    Args:
        model: see `load_torchvision`.
        weights: `None` (leave them as they are), a .safetensors file, or a checkpoint (.h5, .keras,
            .weights.h5) of the same network.

    Raises:
        ValueError: weights="imagenet".
        CheckpointError: the file cannot be loaded.
    """
    if weights is None:
        return
    if weights == "imagenet":
        raise ValueError(
            "weights is 'imagenet'; accepted: None or a path, as these weights are torchvision's "
            "(models/torchvision_weights.py says how to export them)"
        )
    if Path(weights).suffix == ".safetensors":
        load_torchvision(model, weights)
    elif Path(weights).suffix in _PICKLES:
        raise CheckpointError(
            f"{weights} is a pickle, which can run code; accepted: .safetensors, .h5, .keras, "
            ".weights.h5 (models/torchvision_weights.py says how to export a .safetensors file)"
        )
    else:
        load_weights(model, weights)


def load_torchvision(model: keras.Model, path: str | PathLike) -> None:
    """Sets the weights of `model` to the `state_dict` of torchvision in a .safetensors file.

    Args:
        model: one whose layers are called as torchvision calls its modules: `models.alexnet`,
            `models.regnety_400mf`, `models.resnext50_32x4d`.
        path: of the file.

    Raises:
        CheckpointError: the file is missing or damaged, or an array is unknown, missing, of another
            shape, not float32 or not finite. The model is then as it was.
    """
    slots = {slot.name: slot for slot in _slots(model)}
    try:
        with safe_open(path, framework="numpy") as file:
            _check_names_and_shapes(file, slots, path)
            values = {name: file.get_tensor(name) for name in slots}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is missing, damaged or not safetensors: {error}") from error
    _refuse(path, "not finite", [name for name in slots if not np.isfinite(values[name]).all()])

    for name, slot in slots.items():
        slot.variable.assign(slot.from_torch(values[name]))


class _Slot(NamedTuple):
    """A variable, what torchvision calls it, its shape there, and the way from there to here."""

    name: str
    variable: keras.Variable
    shape: tuple[int, ...]
    from_torch: Callable[[np.ndarray], np.ndarray]


def _slots(model: keras.Model) -> Iterator[_Slot]:
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            yield _vector(f"{layer.name}.weight", layer.gamma)
            yield _vector(f"{layer.name}.bias", layer.beta)
            yield _vector(f"{layer.name}.running_mean", layer.moving_mean)
            yield _vector(f"{layer.name}.running_var", layer.moving_variance)
        elif layer.weights:
            yield _kernel(f"{layer.name}.weight", layer)
            if layer.use_bias:
                yield _vector(f"{layer.name}.bias", layer.bias)


def _vector(name: str, variable: keras.Variable) -> _Slot:
    return _Slot(name, variable, tuple(variable.shape), lambda values: values)


def _kernel(name: str, layer: layers.Layer) -> _Slot:
    shape = tuple(layer.kernel.shape)
    if isinstance(layer, layers.Dense):
        return _Slot(name, layer.kernel, shape[::-1], np.transpose)
    height, width, channels, last = shape
    if isinstance(layer, layers.DepthwiseConv2D):  # see models.convolutions.grouped_convolution

        def from_torch(values):  # [group and output, input, ...] to [..., group and input, output]
            grouped = values.reshape(channels // last, last, last, height, width)
            return grouped.transpose(3, 4, 0, 2, 1).reshape(shape)

        return _Slot(name, layer.kernel, (channels, last, height, width), from_torch)

    return _Slot(
        name,
        layer.kernel,
        (last, channels, height, width),
        lambda values: values.transpose(2, 3, 1, 0),
    )


def _check_names_and_shapes(file: safe_open, slots: dict[str, _Slot], path) -> None:
    # How many batches the running averages have seen is of no use to Keras.
    names = {name for name in file.keys() if not name.endswith(".num_batches_tracked")}
    _refuse(path, "missing", slots.keys() - names)
    _refuse(path, "unknown", names - slots.keys())
    arrays = {name: file.get_slice(name) for name in slots}
    _refuse(
        path,
        "of another shape",
        [
            f"{name} {tuple(array.get_shape())}, accepted {slots[name].shape}"
            for name, array in arrays.items()
            if tuple(array.get_shape()) != slots[name].shape
        ],
    )
    _refuse(
        path,
        "not float32",
        [f"{name} {a.get_dtype()}" for name, a in arrays.items() if a.get_dtype() != "F32"],
    )


def _refuse(path, fault: str, faulty: Iterable[str]) -> None:
    """Raises CheckpointError if there is anything faulty."""
    faulty = sorted(faulty)
    if faulty:
        more = f" and {len(faulty) - 5} more" if len(faulty) > 5 else ""
        raise CheckpointError(f"{path}: {fault}: {', '.join(faulty[:5])}{more}")

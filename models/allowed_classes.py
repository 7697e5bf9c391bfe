"""What the description of a network may name: layers and operations that run no code of a file.

Keras builds whatever it finds under the names in a description. Its safe mode forbids some of that,
differently in each version, and not in .h5 files. Here everything is forbidden but what is known
to be harmless: layers, operations, initializers and the like of Keras, its activations, and the
layers of this project.
"""

import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import keras

from models.hdf5_files import CheckpointError

#: What a file that cannot be loaded as a network can still be used for.
REBUILD = "rebuild the network in code, then models.load_weights(network, path)"

#: Where Keras keeps the classes of its operations, as it writes it into .keras files.
OPERATION_MODULES = tuple(
    f"keras.src.ops.{name}" for name in ("numpy", "nn", "core", "math", "image", "linalg", "einops")
)

#: Packages of this project whose layers are loaded; this package may not import them.
_OURS = ("data", "defenses")
#: Classes whose configuration is code, or the path of a program that would be loaded.
_CODE = ("Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")
#: Layers that read a file of words, or take memory that no weight shows.
_OTHER_LAYERS = (
    *("StringLookup", "IntegerLookup", "TextVectorization", "Hashing"),
    *("MelSpectrogram", "STFTSpectrogram", "Pipeline"),
)
#: Values that are no objects of a class.
_TENSOR = "__keras_tensor__"
_VALUES = (_TENSOR, "__tensor__", "__numpy__", "__ellipsis__", "__slice__", "__tuple__")
_MODULES = re.compile(
    r"(tf_)?keras(\.src)?(\.(layers|models|initializers|regularizers|constraints|dtype_policies|"
    r"quantizers|activations|ops)(\.\w+)*)?"
)
#: More than any network has, and few enough to be built in a while.
_MOST_OBJECTS = 100_000


def without_training(description: Any) -> Any:
    """A description without how the network, and each network in it, was trained.

    That may name an optimizer and a loss of the user's own, which are not loaded.
    """
    if isinstance(description, list):
        return [without_training(each) for each in description]
    if not isinstance(description, dict):
        return description
    return {
        name: without_training(each)
        for name, each in description.items()
        if name != "compile_config"
    }


def check_classes(description: dict[str, Any], path: Path) -> None:
    """Looks at everything in a description before anything is built from it.

    Raises:
        CheckpointError: it has code, a class or a function that is not allowed, a layer that would
            compute something while the network is built, or too many objects.
    """
    for number, node in enumerate(_described_objects(description)):
        if number >= _MOST_OBJECTS:
            raise CheckpointError(
                f"{path} describes too many objects; accepted: at most {_MOST_OBJECTS:,}"
            )
        class_name = node["class_name"]
        if class_name in _CODE:
            raise CheckpointError(f"{path} carries code ({class_name}), which is not loaded")
        _check_calls(node, path)
        is_function = class_name == "function"
        # The .keras format names modules; .h5 has "package>Class" for registered classes.
        registered = node.get("config") if is_function else node.get("registered_name")
        registered = str(registered or class_name)
        if ">" in registered:
            _refuse_unless_ours(registered, path)
        elif not (_is_activation(node) if is_function else _is_allowed(node)):
            _refuse(registered if is_function else class_name, path)


def _refuse(name: str, path: Path) -> None:
    if name in _OTHER_LAYERS:
        raise CheckpointError(f"{path} needs {name!r}, which is no layer for images")
    raise CheckpointError(f"{path} needs {name!r}, which is not a class of Keras ({REBUILD})")


def _is_allowed(node: dict[str, Any]) -> bool:
    if node["class_name"] in _VALUES:
        return True
    module = node.get("module")
    is_of_keras = module is None or bool(_MODULES.fullmatch(str(module)))
    return is_of_keras and node["class_name"] in _allowed_names()


def _is_activation(node: dict[str, Any]) -> bool:
    module, name = str(node.get("module")), node.get("config")
    is_of_keras = module in ("builtins", "None") or bool(_MODULES.fullmatch(module))
    return is_of_keras and isinstance(name, str) and name in _activations()


@cache
def _allowed_names() -> frozenset[str]:
    places = [
        (keras.layers, keras.Layer),
        (keras.initializers, keras.initializers.Initializer),
        (keras.regularizers, keras.regularizers.Regularizer),
        (keras.constraints, keras.constraints.Constraint),
        (keras.dtype_policies, keras.dtype_policies.DTypePolicy),
        (keras.quantizers, keras.quantizers.Quantizer),
        *((importlib.import_module(module), keras.Operation) for module in OPERATION_MODULES),
    ]
    names = {
        name
        for place, kind in places
        for name, each in vars(place).items()
        if isinstance(each, type) and issubclass(each, kind)
    }
    return frozenset({*names, "Model", "Functional", "Sequential"} - {*_CODE, *_OTHER_LAYERS})


@cache
def _activations() -> frozenset[str]:
    named = {name for name, each in vars(keras.activations).items() if callable(each)}
    return frozenset(named - {"get", "serialize", "deserialize"})


def _check_calls(node: dict[str, Any], path: Path) -> None:
    """A call without an input from another layer would be computed, not described."""
    if "config" not in node or "module" not in node:  # not in the form of Keras 3
        return
    for call in node.get("inbound_nodes") or []:
        if isinstance(call, dict) and not any(
            each["class_name"] == _TENSOR for each in _described_objects(call)
        ):
            raise CheckpointError(
                f"{path} is damaged: a layer, {node['class_name']}, is called without an input"
            )


def _refuse_unless_ours(registered: str, path: Path) -> None:
    """Refuses "package>Class", Keras' name for a class that is not its own, of other packages."""
    package = registered.split(">")[0]
    if package not in _OURS:
        _refuse(registered.split(">")[-1], path)
    known = keras.saving.get_registered_object(registered)
    if known is None:
        raise CheckpointError(f"{path} needs {registered!r}; import {package} first")
    if known.__module__.split(".")[0] != package:
        raise CheckpointError(f"{path} needs {registered!r}, which is not this project's class")


def _described_objects(description: Any) -> Iterator[dict[str, Any]]:
    if isinstance(description, dict):
        if isinstance(description.get("class_name"), str):
            yield description
        children = description.values()
    else:
        children = description if isinstance(description, list) else ()
    for child in children:
        yield from _described_objects(child)

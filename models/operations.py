"""Operations between the layers of a network, such as `x / 255`, as files describe them.

Keras 2 treated a TensorFlow function as a layer. Keras 3 has operations of its own; its .h5 files
do not say from which module, so that it cannot read its own files.
"""

import importlib
from typing import Any

import keras

from models.allowed_classes import OPERATION_MODULES

Node = dict[str, Any]
"""One layer or network: `class_name` and `config`; inside a graph `name` and `inbound_nodes`."""

# The TensorFlow functions that have a counterpart in Keras 3: activations and other operations.
_TENSORFLOW_ACTIVATIONS = {
    "nn.relu": "relu",
    "nn.relu6": "relu6",
    "nn.elu": "elu",
    "nn.silu": "silu",
    "nn.swish": "silu",
    "nn.softmax": "softmax",
    "nn.sigmoid": "sigmoid",
    "math.sigmoid": "sigmoid",
    "math.tanh": "tanh",
}
_TENSORFLOW_OPERATIONS = {
    "__operators__.add": "Add",
    "math.add": "Add",
    "nn.bias_add": "Add",
    "math.subtract": "Subtract",
    "math.multiply": "Multiply",
    "math.truediv": "TrueDivide",
    "__operators__.getitem": "GetItem",
    "math.negative": "Negative",
    "cast": "Cast",
}


def with_modules(description: Node) -> Node:
    """Adds the modules of the operations to the description in a .h5 file of Keras 3."""
    changed = _changed(description)
    class_name = "Sequential" if description["class_name"] == "Sequential" else "Model"
    return {"module": "keras", "class_name": class_name, "config": changed["config"]}


def _changed(value: Any) -> Any:
    if isinstance(value, list):
        return [_changed(item) for item in value]
    if not isinstance(value, dict):
        return value
    changed = {key: _changed(item) for key, item in value.items()}
    # Some names are those of a layer and of an operation (Add); only layers can be trainable.
    if "inbound_nodes" in value and "module" not in value and "trainable" not in value["config"]:
        if module := _operation_module(value["class_name"]):
            changed["module"] = module
    return changed


def tensorflow_function(node: Node, calls: list[Node]) -> tuple[Node, list[Node]]:
    """Translates a TensorFlow function that Keras 2 treated as a layer.

    Args:
        node: the layer.
        calls: of the layer, as Keras 3 writes them, but with the arguments of the TensorFlow
            function.

    Returns:
        The operation or layer of Keras 3, and the calls of it.

    Raises:
        ValueError: the function, or one of its arguments, has no counterpart in Keras 3.
    """
    function = node["config"]["function"]
    unreadable = ValueError(f"uses the TensorFlow function {function!r}, which is not translated")
    if function not in _TENSORFLOW_ACTIVATIONS | _TENSORFLOW_OPERATIONS:
        raise unreadable
    changed, config = [], {}
    for call in calls:
        named = {key: value for key, value in call["kwargs"].items() if value is not None}
        named.pop("name", None)
        if function == "__operators__.getitem":
            call["args"].append([_slice(part) for part in named.pop("slice_spec")])
        elif function == "cast":
            config = {"dtype": named.pop("dtype")}
            if any(other["kwargs"]["dtype"] != config["dtype"] for other in calls):
                raise unreadable
        elif function in _TENSORFLOW_OPERATIONS and function != "math.negative":
            if function == "nn.bias_add" and named.pop("data_format", "NHWC") != "NHWC":
                raise unreadable
            second = named.pop("bias" if function == "nn.bias_add" else "y")
            call["args"] = [_constant(value) for value in (*call["args"], second)]
        elif function == "nn.softmax" and named.get("axis") == -1:
            named.pop("axis")
        if named:
            raise unreadable
        changed.append({"args": call["args"], "kwargs": {}})
    if function in _TENSORFLOW_ACTIVATIONS:
        config = {"activation": _TENSORFLOW_ACTIVATIONS[function]}
        return {"module": "keras.layers", "class_name": "Activation", "config": config}, changed
    if str(config.get("dtype")).startswith("float"):
        # A layer that casts, since Keras 3.10 cannot load its own Cast.
        config = {"scale": 1.0, "offset": 0.0, **config}
        return {"module": "keras.layers", "class_name": "Rescaling", "config": config}, changed
    class_name = _TENSORFLOW_OPERATIONS[function]
    module = _operation_module(class_name)
    return {"module": module, "class_name": class_name, "config": config}, changed


def _constant(value: Any) -> Any:
    """A list of numbers as an array; tensors and single numbers stay as they are."""
    if not isinstance(value, list):
        return value
    return {"class_name": "__numpy__", "config": {"value": value, "dtype": "float32"}}


def _slice(part: Any) -> Any:
    if isinstance(part, dict) and part.get("class_name") == "__ellipsis__":
        return {"class_name": "__ellipsis__", "config": {}}
    return {"class_name": "__slice__", "config": part} if isinstance(part, dict) else part


def _operation_module(class_name: str) -> str | None:
    """Where Keras has the class of an operation, as it writes it into .keras files."""
    for module in OPERATION_MODULES:
        operation = getattr(importlib.import_module(module), class_name, None)
        if isinstance(operation, type) and issubclass(operation, keras.Operation):
            return module
    return None

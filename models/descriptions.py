"""Translates the description of a network in a file of Keras 2 into that of Keras 3.

Both versions write the same JSON (.h5 from Keras 2.0 on, .keras from 2.12 on), but arguments, names
and the numbers of calls differ. Only the text is changed here: nothing is built, and no code in the
file is run.
"""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import keras

from models.operations import Node, tensorflow_function

_GRAPHS = ("Functional", "Model")
_RENAMED = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "ThresholdedReLU": "ReLU",
}
_RENAMED_ARGUMENTS = {("LeakyReLU", "alpha"): "negative_slope", ("ReLU", "theta"): "threshold"}
_ACTIVATIONS = ("activation", "recurrent_activation")
_LAYERS = ("layer", "backward_layer", "cell")

#: Arguments that make a layer random in training, unless they are 0.
_RANDOM_SHARES = ("rate", "dropout", "recurrent_dropout", "stddev")

_ANY = object()
#: Arguments that Keras 3 lacks, with the value at which they can be left out.
_GONE = {
    "groups": 1,  # of depthwise, separable and transposed convolutions
    "time_major": False,
    "noise_shape": _ANY,  # from here on they matter in training only
    "rng_type": _ANY,
    "kernel_initializer": _ANY,
    "kernel_regularizer": _ANY,
    "kernel_constraint": _ANY,
}


def from_keras_2(description: Node) -> Node:
    """The description of a network that Keras 2 wrote, as Keras 3 reads it.

    Raises:
        ValueError: something in it is missing in Keras 3, or computes something else there.
    """
    return _layer(_plain(description))


def _plain(value: Any) -> Any:
    """A copy with lists for tuples and names for dtype policies."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    class_name = value.get("class_name")
    if class_name in ("__tuple__", "TensorShape"):
        return _plain(value["items"])
    if class_name in ("Policy", "PolicyV1"):
        name = value["config"]["name"]
        return "float32" if name in ("infer", "_infer") else name
    return {key: _plain(item) for key, item in value.items()}


def _layer(node: Node) -> Node:
    class_name, config = node["class_name"], node["config"]
    class_name = _RENAMED.get(class_name, class_name)
    if class_name in _GRAPHS:
        return {"module": "keras", "class_name": "Model", "config": _graph(config)}
    if class_name == "Sequential":
        return {"module": "keras", "class_name": "Sequential", "config": _sequential(config)}
    if not _is_layer(class_name):
        raise ValueError(f"needs {class_name!r}, which is not a layer of Keras 3")
    if class_name == "RandomCrop":
        raise ValueError("uses RandomCrop, which crops test images in Keras 2 and not in Keras 3")
    return {
        "module": "keras.layers",
        "class_name": class_name,
        "config": _arguments(class_name, config),
    }


def _sequential(config: Node | list[Node]) -> Node:
    if isinstance(config, list):  # before Keras 2.2.3
        config = {"layers": config}
    layers = [_layer(node) for node in config["layers"]]
    first = config["layers"][0] if layers else {}
    arguments = first.get("config")
    if first.get("class_name") != "InputLayer" and isinstance(arguments, dict):
        if shape := arguments.get("batch_input_shape"):
            dtype = arguments.get("dtype") or "float32"
            dtype = "float32" if dtype.startswith("mixed") else dtype
            layers.insert(0, _input(shape, dtype))
    changed = {"name": _name(config.get("name", "sequential")), "layers": layers}
    if "build_input_shape" in config:
        changed["build_input_shape"] = config["build_input_shape"]
    return changed


def _input(shape: list, dtype: str) -> Node:
    config = {"batch_shape": shape, "dtype": dtype}
    return {"module": "keras.layers", "class_name": "InputLayer", "config": config}


def _arguments(class_name: str, config: Node) -> Node:
    """The arguments of one layer."""
    layer = getattr(keras.layers, class_name)
    accepted = inspect.signature(layer).parameters
    takes_any = any(item.kind is item.VAR_KEYWORD for item in accepted.values())
    changed = {}
    for argument, value in config.items():
        argument = _RENAMED_ARGUMENTS.get((class_name, argument), argument)
        if argument == "batch_input_shape":
            if class_name == "InputLayer":
                changed["batch_shape"] = value
            continue
        if argument == "trainable" and not takes_any:  # SpatialDropout2D has no weights
            continue
        if argument in _GONE and argument not in accepted and _GONE[argument] in (value, _ANY):
            continue
        if argument == "axis" and isinstance(value, list) and len(value) == 1:
            value = value[0]
        elif argument in _ACTIVATIONS:
            value = _activation(value)
        elif argument.endswith("_initializer"):
            value = _initializer(value)
        elif argument in _LAYERS and isinstance(value, dict):
            value = _layer(value)
        elif argument == "cells":
            value = [_layer(cell) for cell in value]
        elif argument == "name":
            value = _name(value)
        changed[argument] = value
    return changed


def _activation(value: Any) -> Any:
    if value == "hard_sigmoid":
        raise ValueError(
            "uses hard_sigmoid, which is 0.2 x + 0.5 in Keras 2 and x / 6 + 0.5 in Keras 3"
        )
    if value == "softmax_v2":
        return "softmax"
    if not isinstance(value, dict):
        return value
    class_name = value.get("class_name")
    return _layer(value) if _is_layer(_RENAMED.get(class_name, class_name)) else value


def _initializer(value: Any) -> Any:
    # Any initializer of Keras 3 will do, as the weights come from the file.
    if not isinstance(value, dict):
        return value
    initializer = getattr(keras.initializers, value["class_name"], None)
    if not isinstance(initializer, type):
        return "zeros"
    accepted = inspect.signature(initializer).parameters
    config = {key: item for key, item in value["config"].items() if key in accepted}
    return {"class_name": value["class_name"], "config": config}


def _graph(config: Node) -> Node:
    """The configuration of a functional model."""
    shifted = _counted_from_one(config)

    def place(reference: list) -> list:
        name, call, output = reference[:3]
        return [_name(name), call - (name in shifted), output]

    def end(references: Any, is_output: bool) -> Any:
        if isinstance(references, dict):
            return {key: end(value, is_output) for key, value in references.items()}
        if _is_reference(references):
            name, call, output = references
            # Only here does Keras 3 count the calls of a functional model as Keras 2 does.
            minus_one = is_output and shifted.get(name) == "Sequential"
            return [_name(name), call - minus_one, output]
        # A list of one would make the outputs a list of one.
        references = [end(value, is_output) for value in references]
        return references[0] if len(references) == 1 else references

    changed = {
        "layers": [_called(node, place) for node in config["layers"]],
        "input_layers": end(config["input_layers"], False),
        "output_layers": end(config["output_layers"], True),
    }
    if "name" in config:
        changed["name"] = _name(config["name"])
    if "trainable" in config:
        changed["trainable"] = config["trainable"]
    return changed


def _counted_from_one(config: Node) -> dict[str, str]:
    """The networks inside this one whose first call has the number 1, with their classes.

    Keras 2 gave the number 0 to the call that built a network, which Keras 3 does not count. A
    Sequential without an input shape was built by its first call.
    """
    calls = {}
    for node in config["layers"]:
        if node["class_name"] in (*_GRAPHS, "Sequential"):
            calls[node["name"]] = (len(node["inbound_nodes"]), node["class_name"])
    inbound = [node["inbound_nodes"] for node in config["layers"]]
    references = [*_references(inbound), *_references(config["output_layers"])]
    return {
        name: class_name
        for name, (count, class_name) in calls.items()
        if any(reference[0] == name and reference[1] == count for reference in references)
    }


def _references(value: Any) -> Iterable[list]:
    if _is_reference(value):
        yield value
    children = value.values() if isinstance(value, dict) else value
    for child in children if isinstance(value, (dict, list)) else ():
        yield from _references(child)


def _is_reference(value: Any) -> bool:
    """Whether this is [name of a layer, number of the call, number of the output]."""
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and isinstance(value[1], int)
    )


def _called(node: Node, place: Callable[[list], list]) -> Node:
    """A layer of a graph with its calls, as Keras 3 writes them."""

    def tensor(value: Any) -> Any:
        if not _is_reference(value):
            return value
        if value[0] == "_CONSTANT_VALUE":
            return value[2]
        history = {"shape": [], "dtype": "float32", "keras_history": place(value)}
        return {"class_name": "__keras_tensor__", "config": history}

    def call(inputs: list) -> Node:
        if _is_reference(inputs):  # TensorFlow functions have one input, not a list of one
            inputs = [inputs]
        tensors = [tensor(reference) for reference in inputs]
        last = inputs[-1]
        named = last[3] if len(last) == 4 else {}
        return {
            "args": tensors if len(tensors) == 1 else [tensors],
            "kwargs": {key: tensor(value) for key, value in named.items()},
        }

    calls = [call(inputs) for inputs in node["inbound_nodes"]]
    if any(call["kwargs"].get("training") for call in calls) and _trains_otherwise(node):
        raise ValueError(
            f"calls {node['name']!r} with training=True, which Keras 2 keeps at test time and "
            "Keras 3 does not"
        )
    if node["class_name"] in ("TFOpLambda", "SlicingOpLambda"):
        changed, calls = tensorflow_function(node, calls)
    else:
        changed = _layer(node)
    name = _name(node["name"])
    config = {**changed["config"], "name": name}
    return {**changed, "config": config, "name": name, "inbound_nodes": calls}


def _trains_otherwise(node: Node) -> bool:
    """Whether a layer, or one inside it, gives other outputs in training."""
    class_name = _RENAMED.get(node["class_name"], node["class_name"])
    config = node["config"]
    if isinstance(config, list):  # a Sequential before Keras 2.2.3
        config = {"layers": config}
    inside = [*config.get("layers", []), *config.get("cells", []), *map(config.get, _LAYERS)]
    if class_name == "BatchNormalization":
        return config.get("trainable", True)
    return (
        class_name == "SpectralNormalization"
        or class_name.startswith("Random")
        or any(config.get(argument) for argument in _RANDOM_SHARES)
        or any(_trains_otherwise(child) for child in inside if child is not None)
    )


def _is_layer(class_name: Any) -> bool:
    layer = getattr(keras.layers, str(class_name), None)
    return isinstance(layer, type) and issubclass(layer, keras.layers.Layer)


def _name(name: str) -> str:
    # Keras 3 refuses the slash, which DenseNet and many others have.
    return name.replace("/", "_")

"""Recognises outputs that are squashed by softmax, sigmoid or the like, so that they are no logits.

A functional or sequential model is searched layer by layer, a traced model of any kind operation by
operation.
"""

import functools
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers

#: What squashes, by the name of the function in `keras.activations`.
_SQUASHING = {
    name: getattr(keras.activations, name)
    for name in (
        "softmax",
        "sigmoid",
        "hard_sigmoid",
        "tanh",
        "hard_tanh",
        "softsign",
        "sparse_sigmoid",
        "sparsemax",
    )
}
#: Those that make one distribution of all classes.
OVER_CLASSES = ("softmax", "sparsemax")
# Operations are called as the functions are, without underscores: HardSigmoid, Softsign.
_OPERATIONS = {name.replace("_", ""): name for name in _SQUASHING}

_DO_NOTHING_AT_INFERENCE = (
    layers.ActivityRegularization,
    layers.AlphaDropout,
    layers.Dropout,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.Identity,
)
_RESHAPING_LAYERS = (layers.Flatten, layers.Permute, layers.Reshape)
_RESHAPING_OPERATIONS = ("expanddims", "ravel", "reshape", "squeeze", "transpose")
# They hand on what they get; `clip` keeps a probability away from 0 and 1.
_PLAIN_OPERATIONS = ("cast", "clip", "copy", "stopgradient", "identity")
_MERGES = ("add", "average", "concatenate", "maximum", "mean", "median", "minimum")
_MERGES += ("multiply", "stack", "sum")
_SCALINGS = ("divide", "truedivide", "rescaling")

#: Kinds of TensorFlow's operations that squash, or that a squashing is written out with.
_SQUASHING_KINDS = {"Sigmoid", "Softmax", "Tanh", "Exp", "Erf", "Atan", "Softsign", "Relu6"}
# What may follow: shapes, means, and the arithmetic of 1 / (1 + exp(-z)) or (tanh(z) + 1) / 2.
_WITHOUT_WEIGHTS = {
    *("Cast", "ExpandDims", "Identity", "IdentityN", "Reshape", "Squeeze", "StopGradient"),
    *("ConcatV2", "Pack", "Transpose", "AvgPool", "MaxPool", "Max", "Mean", "Sum"),
    *("Add", "AddN", "AddV2", "Maximum", "Minimum", "Mul", "Neg", "RealDiv", "Reciprocal", "Sub"),
    "EnsureShape",
}


def squashing(model: keras.Model) -> str | None:
    """What squashes the outputs of a model: "softmax", "sigmoid", "tanh", ...

    It is recognised as a layer, an activation or an operation of Keras, and as any other function
    that is an activation or in a Lambda layer; behind layers that do nothing at inference; in
    nested models; and in a mean (or the like) of several outputs. `None` if there is no such thing,
    for a log-softmax, which is harmless, and for a subclassed model, which cannot be searched.
    """
    return _squashing(model.outputs[0]) if has_graph(model) else None


def may_squash(graph: tf.Graph) -> bool:
    """Whether something that squashes may follow the last weights of a traced model.

    The search goes back from the outputs to the last operation with weights, so that a sigmoid
    inside a network is not taken for one at its end. Functions that the graph calls are searched
    whole.
    """
    pending, seen = [output.op for output in graph.outputs], set()
    while pending:
        operation = pending.pop()
        if operation.type in _SQUASHING_KINDS or "PyFunc" in operation.type:
            return True
        if operation.type in ("PartitionedCall", "StatefulPartitionedCall"):
            library = graph.as_graph_def().library.function
            kinds = {node.op for function in library for node in function.node_def}
            return any(kind in _SQUASHING_KINDS or "PyFunc" in kind for kind in kinds)
        if operation.type in _WITHOUT_WEIGHTS and operation.name not in seen:
            pending += [before.op for before in operation.inputs]
        seen.add(operation.name)
    return False


def has_graph(model: keras.Model) -> bool:
    """Whether the model has one symbolic output.

    A subclassed model has none, and a sequential one has none before it is built.
    """
    return len(getattr(model, "outputs", None) or []) == 1


def last_operation(output: keras.KerasTensor) -> tuple:
    """The operation that computes `output`, and the node of its use."""
    # Not `operation.input`, which is that of its first use: a layer may stand in several models.
    operation, node_index, _ = output._keras_history
    return operation, operation._inbound_nodes[node_index]


def inside(model: keras.Model, output: keras.KerasTensor) -> keras.KerasTensor | None:
    """The tensor within a nested model that is its `output`."""
    outputs = getattr(model, "outputs", None) or []
    index = output._keras_history.tensor_index
    return outputs[index] if index < len(outputs) else None


def own_squashing(operation: keras.Operation, before: keras.KerasTensor) -> str | None:
    """What `operation` itself squashes `before` with, if it does."""
    if isinstance(operation, layers.Wrapper):
        return own_squashing(operation.layer, before)
    if isinstance(operation, layers.Lambda):
        function = functools.partial(operation.function, **(operation.arguments or {}))
        return _kind(function, before.shape)
    kind = "softmax" if isinstance(operation, layers.Softmax) else _OPERATIONS.get(_name(operation))
    if kind is not None:
        over_classes = kind not in OVER_CLASSES or _is_over_classes(operation.axis, before.shape)
        return kind if over_classes else None
    activation = getattr(operation, "activation", None)
    if activation is None or isinstance(operation, layers.RNN):  # a cell uses its own within
        return None
    # A layer of the user's own may use its activation anywhere.
    own_code = not type(operation).call.__module__.startswith("keras.")
    return None if own_code else _kind(activation, before.shape)


def hands_on(
    operation: keras.Operation, before: keras.KerasTensor, output: keras.KerasTensor
) -> bool:
    """Whether the values of `output` are those of `before` at inference, in the same order."""
    if isinstance(operation, _RESHAPING_LAYERS) or _name(operation) in _RESHAPING_OPERATIONS:
        return _without_ones(before.shape) == _without_ones(output.shape)
    if isinstance(operation, layers.Activation):
        return operation.activation is keras.activations.linear
    plain = not isinstance(operation, layers.Layer) and _name(operation) in _PLAIN_OPERATIONS
    return plain or isinstance(operation, _DO_NOTHING_AT_INFERENCE)


def _squashing(output: keras.KerasTensor) -> str | None:
    operation, node = last_operation(output)
    if isinstance(operation, keras.Model):
        nested = inside(operation, output)
        return None if nested is None else _squashing(nested)
    before = node.input_tensors
    if not before:
        return None
    own = own_squashing(operation, before[0])
    if own is not None:
        return own
    if hands_on(operation, before[0], output):
        return _squashing(before[0])
    branches = _branches(output)
    if len(branches) < 2:
        return None
    kinds = {_squashing(branch) for branch in branches}
    return None if None in kinds else " and ".join(sorted(kinds))


def _kind(function: Callable, shape: tuple[int | None, ...]) -> str | None:
    """The name of the squashing that `function` is, whatever it is called: by its values."""
    for name, known in _SQUASHING.items():
        if function is known:
            return name
    if (getattr(function, "__module__", None) or "").startswith("keras.src.activations"):
        return None
    sizes = [3 if size is None else size for size in shape[1:]]
    values = np.random.default_rng(0).uniform(-4, 4, [3, *sizes]).astype(np.float32)
    values[1] *= 100  # to the bounds, if there are any
    try:
        with tf.init_scope():
            outputs = np.asarray(function(tf.constant(values)), np.float32)
            for name, known in _SQUASHING.items():
                expected = np.asarray(known(tf.constant(values)))
                if outputs.shape == expected.shape and np.allclose(outputs, expected, atol=1e-6):
                    return name
    except Exception:  # a function that takes something else than one float tensor
        return None
    return None


def _is_over_classes(axis, shape: tuple[int | None, ...]) -> bool:
    """Whether `axis` is the last one, axes of size 1 aside."""
    axes = axis if isinstance(axis, list | tuple) else [axis]
    last = max((i for i, size in enumerate(shape) if i and size != 1), default=len(shape) - 1)
    return len(axes) == 1 and axes[0] % len(shape) == last


def _without_ones(shape: tuple[int | None, ...]) -> list[int | None]:
    return [size for size in shape[1:] if size != 1]


def _branches(output: keras.KerasTensor) -> list[keras.KerasTensor]:
    """The tensors that `output` is a sum, a mean or the like of."""
    operation, node = last_operation(output)
    if _name(operation) not in (*_MERGES, *_SCALINGS):
        return [output]
    return [leaf for tensor in node.input_tensors for leaf in _branches(tensor)]


def _name(operation: keras.Operation) -> str:
    is_keras = type(operation).__module__.startswith("keras.")
    return type(operation).__name__.lower() if is_keras else ""

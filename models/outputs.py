"""The end of a classifier: temperature and softmax, put on and taken off.

The functions return a model that shares the layers of the one given, which stays as it was; the
outputs are float32, also under mixed precision. Only functional and built sequential models with
one input and one output can be changed, any other is a ValueError.
Temperature is that of Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network",
2015 (arXiv:1503.02531).
"""

import functools
import itertools
import warnings
from collections.abc import Callable, Sequence
from math import isfinite

import keras
import numpy as np
import tensorflow as tf
from keras import layers


def with_temperature(model: keras.Model, temperature: float) -> keras.Model:
    """The model with its logits divided by `temperature`; itself at a temperature of 1.

    Raises ValueError if temperature is not above 0 and finite, or the outputs are no logits.
    """
    if not (isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature={temperature!r}; accepted: a finite number above 0")
    _check_gives_logits(model)
    if temperature == 1:
        return model
    name = unused_name("temperature", model)
    return _append(model, layers.Rescaling(1 / temperature, dtype="float32", name=name))


def with_softmax(model: keras.Model) -> keras.Model:
    """The model with a softmax on its logits.

    Raises ValueError if its outputs are no logits, see `squashing`.
    """
    _check_gives_logits(model)
    return _append(model, layers.Softmax(dtype="float32", name=unused_name("softmax", model)))


def squashing(model: keras.Model) -> str | None:
    """What bounds the outputs, so that they are no logits: "softmax", "sigmoid", "tanh", ...

    Seen are layers, activations and operations of Keras, and any other function that is used as
    an activation or in a Lambda layer; behind layers that do nothing at inference, in nested
    models, and in a mean (or the like) of several outputs. Log-softmax is harmless: `None`, like
    subclassed models, which cannot be looked into.
    """
    if not _has_graph(model):
        return None
    return _squashing(model.outputs[0])


def may_squash(graph: tf.Graph) -> bool:
    """Whether something that squashes may follow the last weights of a traced model.

    Told by the kinds of operations, so that a sigmoid inside a network is not taken for one at its
    end. What calls functions of its own is searched through.
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


def without_softmax(model: keras.Model) -> keras.Model:
    """The model up to its logits, before the softmax (or sigmoid, ...) that it ends in.

    A layer with softmax as its activation is replaced by one without activation that starts from
    the same values; all other layers are shared. Layers after the softmax that do nothing at
    inference are left out.

    Raises ValueError if nothing is squashed, see `squashing`, or the logits are no tensor of the
    model, as in a mean of softmaxes.
    """
    kind = squashing(model)
    if kind is None:
        raise ValueError(
            f"model {model.name!r} does not end in softmax, sigmoid or the like that can be seen; "
            "accepted: one that does (if its outputs are probabilities all the same, attack "
            "attacks.as_probabilities(model))"
        )
    check_is_graph(model)
    logits = _opened(model.outputs[0], model.inputs)
    if logits is None:
        raise ValueError(
            f"model {model.name!r} computes its outputs from several that end in {kind}, so that "
            f"no logits stand before them; accepted: one {kind} at the end (to attack this model: "
            f"{_way_out(kind)})"
        )
    if logits.dtype != "float32":
        name = unused_name("float32_logits", model)
        logits = layers.Activation("linear", dtype="float32", name=name)(logits)
    return keras.Model(model.inputs[0], logits, name=model.name)


def two_classes(model: keras.Model) -> keras.Model:
    """A network with one output z as one with two classes, whose logits are 0 and z.

    Their softmax is 1 - sigmoid(z) and sigmoid(z). A sigmoid on z is taken off first. The layers
    are shared, unless one is replaced (see `without_softmax`): train what is returned.

    model: gives z, or sigmoid(z), as [N, 1].

    Raises ValueError for outputs of another shape, a softmax, which is 1 for one output, and a
    model that is not functional or built sequential.
    """
    if not _is_graph(model):
        raise ValueError(
            f"model {model.name!r}; accepted: a functional or a built sequential model with one "
            "input and one output (or any model in one: x = keras.Input(shape of an image), "
            "keras.Model(x, model(x)))"
        )
    shape = model.outputs[0].shape
    if len(shape) != 2 or shape[1] != 1:
        raise ValueError(
            f"model {model.name!r} gives outputs of shape {shape}; accepted: one output, (None, 1)"
        )
    kind = squashing(model)
    if kind in _OVER_CLASSES:
        raise ValueError(
            f"model {model.name!r} ends in the {kind} of one output, which is 1 for every image; "
            "accepted: one output without activation or with a sigmoid"
        )
    one = model if kind is None else without_softmax(model)
    # Padding has no weights: nothing that training could move away from 0.
    z = layers.Reshape([1, 1], dtype="float32", name=unused_name("one_output", one))(one.outputs[0])
    padded = layers.ZeroPadding1D((1, 0), dtype="float32", name=unused_name("zero_before", one))(z)
    logits = layers.Reshape([2], dtype="float32", name=unused_name("two_classes", one))(padded)
    return keras.Model(one.inputs[0], logits, name=model.name)


def check_is_graph(model: keras.Model) -> None:
    """Raise ValueError unless the model is functional or built sequential, from one to one."""
    if not _is_graph(model):
        raise ValueError(
            f"model {model.name!r}; accepted: a functional or a built sequential model with one "
            "input and one output"
        )


def unused_name(name: str, model: keras.Model) -> str:
    """`name`, numbered if a layer of the model has it."""
    # Keras numbers the names it gives within a process, and a loaded model may hold any of them.
    return _numbered(name, {layer.name for layer in getattr(model, "layers", [])})


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
_OVER_CLASSES = ("softmax", "sparsemax")
#: The same as kinds of TensorFlow's operations, with what they are written out by.
_SQUASHING_KINDS = {"Sigmoid", "Softmax", "Tanh", "Exp", "Erf", "Atan", "Softsign", "Relu6"}
# What may follow: shapes, means, and the arithmetic of 1 / (1 + exp(-z)) or (tanh(z) + 1) / 2.
_WITHOUT_WEIGHTS = {
    *("Cast", "ExpandDims", "Identity", "IdentityN", "Reshape", "Squeeze", "StopGradient"),
    *("ConcatV2", "Pack", "Transpose", "AvgPool", "MaxPool", "Max", "Mean", "Sum"),
    *("Add", "AddN", "AddV2", "Maximum", "Minimum", "Mul", "Neg", "RealDiv", "Reciprocal", "Sub"),
    "EnsureShape",
}
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


def _squashing(output: keras.KerasTensor) -> str | None:
    operation, node = _last(output)
    if isinstance(operation, keras.Model):
        inside = _inside(operation, output)
        return None if inside is None else _squashing(inside)
    before = node.input_tensors
    if not before:
        return None
    own = _own_squashing(operation, before[0])
    if own is not None:
        return own
    if _hands_on(operation, before[0], output):
        return _squashing(before[0])
    branches = _branches(output)
    if len(branches) < 2:
        return None
    kinds = {_squashing(branch) for branch in branches}
    return None if None in kinds else " and ".join(sorted(kinds))


def _opened(
    output: keras.KerasTensor, inputs: Sequence[keras.KerasTensor]
) -> keras.KerasTensor | None:
    """The tensor that is squashed into `output`; `None` if there is no such tensor."""
    operation, node = _last(output)
    before = node.input_tensors
    if isinstance(operation, keras.Model):
        logits = _opened(_inside(operation, output), operation.inputs)
        if logits is None:
            return None
        name = _unused_before(operation.name, before, inputs)
        return keras.Model(operation.inputs, logits, name=name)(
            before[0] if len(before) == 1 else before
        )
    if _own_squashing(operation, before[0]) is not None:
        if _is_bare(operation):
            return before[0]
        linear = _without_activation(operation)
        linear.name = _unused_before(operation.name, before, inputs)
        logits = linear(before[0])
        linear.set_weights(operation.get_weights())
        return logits
    if not _hands_on(operation, before[0], output):
        return None
    logits = _opened(before[0], inputs)
    reshapes = logits is not None and before[0].shape != output.shape
    return operation(logits) if reshapes else logits


def _own_squashing(operation: keras.Operation, before: keras.KerasTensor) -> str | None:
    """What `operation` itself squashes with."""
    if isinstance(operation, layers.Wrapper):
        return _own_squashing(operation.layer, before)
    if isinstance(operation, layers.Lambda):
        function = functools.partial(operation.function, **(operation.arguments or {}))
        return _kind(function, before.shape)
    kind = "softmax" if isinstance(operation, layers.Softmax) else _OPERATIONS.get(_name(operation))
    if kind is not None:
        over_classes = kind not in _OVER_CLASSES or _is_over_classes(operation.axis, before.shape)
        return kind if over_classes else None
    activation = getattr(operation, "activation", None)
    if activation is None or isinstance(operation, layers.RNN):  # a cell uses its own within
        return None
    # A layer of the user's own may use its activation anywhere.
    own_code = not type(operation).call.__module__.startswith("keras.")
    return None if own_code else _kind(activation, before.shape)


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
    except Exception:  # a function that wants something else than we can know
        return None
    return None


def _is_over_classes(axis, shape: tuple[int | None, ...]) -> bool:
    """Whether `axis` is the last but for axes of size 1."""
    axes = axis if isinstance(axis, list | tuple) else [axis]
    last = max((i for i, size in enumerate(shape) if i and size != 1), default=len(shape) - 1)
    return len(axes) == 1 and axes[0] % len(shape) == last


def _hands_on(
    operation: keras.Operation, before: keras.KerasTensor, output: keras.KerasTensor
) -> bool:
    """Whether the values of `output` are those of `before` at inference, in the same order."""
    if isinstance(operation, _RESHAPING_LAYERS) or _name(operation) in _RESHAPING_OPERATIONS:
        return _without_ones(before.shape) == _without_ones(output.shape)
    if isinstance(operation, layers.Activation):
        return operation.activation is keras.activations.linear
    plain = not isinstance(operation, layers.Layer) and _name(operation) in _PLAIN_OPERATIONS
    return plain or isinstance(operation, _DO_NOTHING_AT_INFERENCE)


def _without_ones(shape: tuple[int | None, ...]) -> list[int | None]:
    return [size for size in shape[1:] if size != 1]


def _branches(output: keras.KerasTensor) -> list[keras.KerasTensor]:
    """The tensors that `output` is a sum, a mean or the like of."""
    operation, node = _last(output)
    if _name(operation) not in (*_MERGES, *_SCALINGS):
        return [output]
    return [leaf for tensor in node.input_tensors for leaf in _branches(tensor)]


def _is_bare(operation: keras.Operation) -> bool:
    """Whether `operation` squashes and does nothing else."""
    return isinstance(
        operation, layers.Activation | layers.Lambda | layers.Softmax
    ) or not isinstance(operation, layers.Layer)


def _without_activation(layer: layers.Layer) -> layers.Layer:
    """A new layer like `layer`, but linear."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about an activation that is a lambda
        config = layer.get_config()
    # The objects themselves, because those of the user's own are not made again from a description.
    own = ("_constraint", "_initializer", "_regularizer")
    config |= {key: getattr(layer, key) for key in config if key.endswith(own)}
    config["dtype"] = layer.dtype_policy
    if isinstance(layer, layers.Wrapper):
        config["layer"] = _without_activation(layer.layer)
    else:
        config["activation"] = "linear"
    return type(layer)(**config)


def _last(output: keras.KerasTensor) -> tuple:
    """The operation that computes `output`, and the node of its use."""
    # Not `operation.input`, which is that of its first use: a layer may stand in several models.
    operation, node_index, _ = output._keras_history
    return operation, operation._inbound_nodes[node_index]


def _inside(model: keras.Model, output: keras.KerasTensor) -> keras.KerasTensor | None:
    """The tensor within a nested model that is its `output`."""
    outputs = getattr(model, "outputs", None) or []
    index = output._keras_history.tensor_index
    return outputs[index] if index < len(outputs) else None


def _name(operation: keras.Operation) -> str:
    is_keras = type(operation).__module__.startswith("keras.")
    return type(operation).__name__.lower() if is_keras else ""


def _way_out(kind: str) -> str:
    if kind in _OVER_CLASSES:
        return "attacks.as_probabilities(model)"
    if "sigmoid" in kind:
        return "attacks.as_probabilities(model, independent=True)"
    return "attacks.as_logits(model)"


def _check_gives_logits(model: keras.Model) -> None:
    kind = squashing(model)
    if kind is not None:
        raise ValueError(
            f"model {model.name!r} ends in {kind}; accepted: one that ends in logits "
            "(models.without_softmax(model))"
        )


def _append(model: keras.Model, layer: layers.Layer) -> keras.Model:
    check_is_graph(model)
    return keras.Model(model.inputs[0], layer(model.outputs[0]), name=model.name)


def _unused_before(
    name: str, before: Sequence[keras.KerasTensor], inputs: Sequence[keras.KerasTensor]
) -> str:
    """`name`, numbered if it is taken between `inputs` and `before`: by a layer used twice."""
    operations = keras.Function(list(inputs), list(before)).operations
    return _numbered(name, {operation.name for operation in operations})


def _numbered(name: str, taken: set[str]) -> str:
    candidates = itertools.chain([name], (f"{name}_{i}" for i in itertools.count(1)))
    return next(candidate for candidate in candidates if candidate not in taken)


def _has_graph(model: keras.Model) -> bool:
    # A subclassed model has no symbolic tensors, a sequential one none before it is built.
    return len(getattr(model, "outputs", None) or []) == 1


def _is_graph(model: keras.Model) -> bool:
    return _has_graph(model) and len(getattr(model, "inputs", None) or []) == 1

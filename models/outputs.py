"""The end of a classifier: temperature and softmax, put on and taken off.

The functions return a model that shares the layers of the given one, which stays as it was; outputs
are float32, also under mixed precision. The model has to be functional or built sequential, with
one input and one output.

Temperature is that of Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network",
2015 (arXiv:1503.02531).
"""

import itertools
import warnings
from collections.abc import Sequence

import keras
from keras import layers

from models.ranges import check_number
from models.squashed_outputs import (
    OVER_CLASSES,
    hands_on,
    has_graph,
    inside,
    last_operation,
    own_squashing,
    squashing,
)


def with_temperature(model: keras.Model, temperature: float) -> keras.Model:
    """The model with its logits divided by `temperature`; itself at a temperature of 1.

    Raises:
        ValueError: the temperature is not above 0 and finite, the outputs are no logits (see
            `squashing`), or the model is not functional or built sequential.
    """
    check_number(above=0, temperature=temperature)
    _check_gives_logits(model)
    if temperature == 1:
        return model
    name = unused_name("temperature", model)
    return _append(model, layers.Rescaling(1 / temperature, dtype="float32", name=name))


def with_softmax(model: keras.Model) -> keras.Model:
    """The model with a softmax on its logits.

    Raises:
        ValueError: the outputs are no logits (see `squashing`), or the model is not functional or
            built sequential.
    """
    _check_gives_logits(model)
    return _append(model, layers.Softmax(dtype="float32", name=unused_name("softmax", model)))


def without_softmax(model: keras.Model) -> keras.Model:
    """The model up to its logits, before the softmax (or sigmoid, ...) that it ends in.

    A layer with softmax as its activation is replaced by one without activation that starts from
    the same values; all other layers are shared. Layers after the softmax that do nothing at
    inference are left out.

    Raises:
        ValueError: nothing is squashed (see `squashing`), the logits are no tensor of the model,
            as in a mean of softmaxes, or the model is not functional or built sequential.
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
            f"no logits come before them; accepted: one {kind} at the end (to attack this model: "
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

    Args:
        model: gives z, or sigmoid(z), as [N, 1].

    Raises:
        ValueError: outputs of another shape, a softmax, which is 1 for one output, or a model that
            is not functional or built sequential.
    """
    if not _is_graph(model):
        raise ValueError(
            f"model {model.name!r} is a {type(model).__name__}; accepted: a functional or a built "
            "sequential model with one input and one output (or any model in one: "
            "x = keras.Input(shape of an image), keras.Model(x, model(x)))"
        )
    shape = model.outputs[0].shape
    if len(shape) != 2 or shape[1] != 1:
        raise ValueError(
            f"model {model.name!r} gives outputs of shape {shape}; accepted: one output, (None, 1)"
        )
    kind = squashing(model)
    if kind in OVER_CLASSES:
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
    """Refuses a model that is not functional or built sequential, with one input and one output.

    Raises:
        ValueError: naming the model.
    """
    if not _is_graph(model):
        raise ValueError(
            f"model {model.name!r} is a {type(model).__name__}; accepted: a functional or a built "
            "sequential model with one input and one output"
        )


def unused_name(name: str, model: keras.Model) -> str:
    """`name`, numbered if a layer of the model has it."""
    # Keras numbers the names it gives within a process, and a loaded model may hold any of them.
    return _numbered(name, {layer.name for layer in getattr(model, "layers", [])})


def _opened(
    output: keras.KerasTensor, inputs: Sequence[keras.KerasTensor]
) -> keras.KerasTensor | None:
    """The tensor that is squashed into `output`; `None` if there is no such tensor."""
    operation, node = last_operation(output)
    before = node.input_tensors
    if isinstance(operation, keras.Model):
        logits = _opened(inside(operation, output), operation.inputs)
        if logits is None:
            return None
        name = _unused_before(operation.name, before, inputs)
        return keras.Model(operation.inputs, logits, name=name)(
            before[0] if len(before) == 1 else before
        )
    if own_squashing(operation, before[0]) is not None:
        if _is_bare(operation):
            return before[0]
        linear = _without_activation(operation)
        linear.name = _unused_before(operation.name, before, inputs)
        logits = linear(before[0])
        linear.set_weights(operation.get_weights())
        return logits
    if not hands_on(operation, before[0], output):
        return None
    logits = _opened(before[0], inputs)
    reshapes = logits is not None and before[0].shape != output.shape
    return operation(logits) if reshapes else logits


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


def _way_out(kind: str) -> str:
    if kind in OVER_CLASSES:
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


def _is_graph(model: keras.Model) -> bool:
    return has_graph(model) and len(getattr(model, "inputs", None) or []) == 1

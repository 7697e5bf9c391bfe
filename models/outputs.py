"""The end of a classifier: temperature and softmax, put on and taken off.

The functions return a model that shares the layers of the one given, which stays as it was; the
outputs stay float32 under mixed precision. Only functional and built sequential models with one
input and one output can be changed, any other is a ValueError.
Temperature is that of Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network",
2015 (arXiv:1503.02531).
"""

import itertools
from math import isfinite

import keras
from keras import layers


def with_temperature(model: keras.Model, temperature: float) -> keras.Model:
    """The model with its logits divided by `temperature`; itself at a temperature of 1.

    Raises ValueError if temperature is not above 0 and finite, or the model ends in softmax.
    """
    if not (isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature={temperature!r}; accepted: a finite number above 0")
    if temperature == 1:
        return model
    name = _unused("temperature", model)
    return _append(model, layers.Rescaling(1 / temperature, dtype="float32", name=name))


def with_softmax(model: keras.Model) -> keras.Model:
    """The model with a softmax on its logits.

    Raises ValueError if the model ends in softmax already.
    """
    return _append(model, layers.Softmax(dtype="float32", name=_unused("softmax", model)))


def ends_in_softmax(model: keras.Model) -> bool:
    """Whether the output is a softmax: a layer of its own, an activation, or in a nested model.

    Only functional and sequential models can be looked into; for others the answer is False.
    """
    if not _is_graph(model):
        return False
    last = _last_operation(model)
    return ends_in_softmax(last) if isinstance(last, keras.Model) else _is_softmax(last)


def without_softmax(model: keras.Model) -> keras.Model:
    """The model up to its logits, before the softmax it ends in.

    A layer with softmax as its activation is replaced by one without activation that starts from
    the same values; all other layers are shared. Raises ValueError if the model does not end in
    softmax.
    """
    if not ends_in_softmax(model):
        raise ValueError(f"model {model.name!r} does not end in softmax; accepted: one that does")
    last, before = _last_operation(model), _before_last(model)
    if isinstance(last, keras.Model):
        logits = without_softmax(last)(before)
    elif _is_bare_softmax(last):
        logits = before
    else:
        linear = type(last).from_config(last.get_config() | {"activation": "linear"})
        logits = linear(before)
        linear.set_weights(last.get_weights())
    return keras.Model(model.inputs[0], logits, name=model.name)


def check_is_graph(model: keras.Model) -> None:
    """Raise ValueError unless the model is functional or built sequential, from one to one."""
    if not _is_graph(model):
        raise ValueError(
            f"model {model.name!r}; accepted: a functional or a built sequential model with one "
            "input and one output"
        )


def _append(model: keras.Model, layer: layers.Layer) -> keras.Model:
    check_is_graph(model)
    if ends_in_softmax(model):
        raise ValueError(f"model {model.name!r} ends in softmax; accepted: one that ends in logits")
    return keras.Model(model.inputs[0], layer(model.outputs[0]), name=model.name)


def _unused(name: str, model: keras.Model) -> str:
    # Keras numbers the names it gives within a process, and a loaded model may hold any of them.
    taken = {layer.name for layer in model.layers}
    candidates = itertools.chain([name], (f"{name}_{i}" for i in itertools.count(1)))
    return next(candidate for candidate in candidates if candidate not in taken)


def _is_graph(model: keras.Model) -> bool:
    # A subclassed model has no symbolic tensors, a sequential one none before it is built.
    inputs, outputs = (getattr(model, ends, None) or [] for ends in ("inputs", "outputs"))
    return len(inputs) == len(outputs) == 1


def _last_operation(model: keras.Model) -> keras.Operation:
    return model.outputs[0]._keras_history.operation


def _before_last(model: keras.Model) -> keras.KerasTensor:
    """The tensor that the last operation computes the output from."""
    # Not `operation.input`, which is that of its first use: a layer may stand in several models.
    operation, node_index, _ = model.outputs[0]._keras_history
    return operation._inbound_nodes[node_index].input_tensors[0]


def _is_softmax(operation: keras.Operation) -> bool:
    activation = getattr(operation, "activation", None)
    return _is_bare_softmax(operation) or activation is keras.activations.softmax


def _is_bare_softmax(operation: keras.Operation) -> bool:
    """The layer Softmax, the operation keras.ops.softmax, or Activation("softmax")."""
    if isinstance(operation, layers.Activation):
        return operation.activation is keras.activations.softmax
    return type(operation).__name__ == "Softmax"

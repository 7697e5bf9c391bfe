"""Networks for faster searches: weights frozen, batch normalisations folded into them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from attacks.engine.errors import ModelError
from attacks.readings import Model, Reading, as_reading


class Folded:
    """See `folded`.

    Args:
        model_now: gives the model, which has to live as long as this is called.
    """

    def __init__(self, model_now: Callable[[], Any]):
        model = model_now()
        _check_can_fold(model)
        self._model_now = model_now
        self._snapshot = [(variable, variable.numpy()) for variable in model.weights]
        folded = _folded_values(model)
        self._values = [
            (variable, folded.get(id(variable), value)) for variable, value in self._snapshot
        ]
        # A model that takes batches of one size still does.
        shape = model.inputs[0].shape if getattr(model, "inputs", None) else None
        self.input_signature = [] if shape is None else [tf.TensorSpec(shape)]

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """The outputs of the model for a batch of images, at inference."""
        model = self._model_now()
        values = [(variable, tf.constant(value)) for variable, value in self._values]
        with keras.StatelessScope(state_mapping=values) as scope:
            outputs = model(images, training=False)
        frozen = {id(variable) for variable, _ in values}
        for variable in model.variables:  # random layers count their draws
            drawn = scope.get_current_value(variable)
            if drawn is not None and id(variable) not in frozen:
                variable.assign(drawn)
        return outputs

    def is_up_to_date(self) -> bool:
        """Whether the weights of the model are still those that were frozen."""
        return all(
            np.array_equal(variable.numpy(), value, equal_nan=True)
            for variable, value in self._snapshot
        )


def folded(model: Model) -> Folded | Reading:
    """A network that computes what `model` computes now, faster; a snapshot of its weights.

    Each batch normalisation right behind a convolution or a Dense layer becomes part of that
    layer's weights, and all weights become constants of the compiled functions, in which TensorFlow
    then simplifies and fuses what it can. Logits differ by roundings alone, but they do differ:
    decide with the model itself, as attacks with `fold=True` do, and fold nothing where results are
    compared bit by bit.

    The weights are those of the moment of this call: fold anew after a change of the model. Each
    function that an attack compiles holds a copy of them.

    Not folded are a layer with an activation, a layer or a batch normalisation that is used
    elsewhere too, one in another float type than float32 (mixed precision), and what is inside
    a layer, or a subclassed model, of the user's own, since nothing shows what becomes of the
    values there. Their weights are frozen all the same.

    Args:
        model: a Keras model that is built, or one in `attacks.as_logits` or
            `attacks.as_probabilities`, which then holds for what is returned.

    Returns:
        What attacks take for a model.

    Raises:
        ModelError: `model` is no Keras model, is not built, or has code of its own in a
            `tf.function`, which would remember the frozen weights.
    """
    reading = as_reading(model)
    frozen = Folded(lambda: reading.model)
    return replace(reading, model=frozen) if isinstance(model, Reading) else frozen


def _check_can_fold(model: Any) -> None:
    if not isinstance(model, keras.Model):
        raise ModelError(
            f"model is {model!r}, whose weights cannot be found to be folded; accepted: a Keras "
            "model (or any without folding)"
        )
    if not model.built:
        raise ModelError(
            f"model {model.name!r} is not built, so that it has no weights to fold; accepted: one "
            "that has been called"
        )
    for layer in model._flatten_layers():
        held = {
            name: each for kind in type(layer).__mro__[::-1] for name, each in vars(kind).items()
        }
        held |= vars(layer)
        compiled = {name for name, each in held.items() if isinstance(each, _COMPILED)}
        if compiled - {"train_function", "test_function", "predict_function"}:  # Keras' own
            raise ModelError(
                f"layer {layer.name!r} of model {model.name!r} has a tf.function, which would "
                "remember folded weights; accepted: layers without one (or no folding)"
            )


def _folded_values(model: keras.Model) -> dict[int, np.ndarray]:
    """The values of variables that folding changes, by the ids of the variables."""
    values: dict[int, np.ndarray] = {}
    for layer, norm in _pairs(model):
        kernel, _ = _kernel(layer)
        mean, variance = norm.moving_mean.numpy(), norm.moving_variance.numpy()
        scale = 1 / np.sqrt(variance.astype(float) + norm.epsilon)
        if norm.scale:
            scale = scale * norm.gamma.numpy()
            values[id(norm.gamma)] = np.ones_like(mean)
        offset = -mean * scale
        if norm.center:
            offset = offset + norm.beta.numpy()
            values[id(norm.beta)] = np.zeros_like(mean)
        values[id(kernel)] = _scaled(layer, kernel.numpy(), scale).astype(np.float32)
        # What is left of the normalisation adds 0, or the bias that the layer does not have; the
        # root of its variance and epsilon is 1. TensorFlow takes out what changes nothing.
        values[id(norm.moving_variance)] = np.ones_like(variance) - np.float32(norm.epsilon)
        if layer.use_bias:
            bias = layer.bias.numpy() * scale + offset
            values[id(layer.bias)] = bias.astype(np.float32)
            values[id(norm.moving_mean)] = np.zeros_like(mean)
        else:
            values[id(norm.moving_mean)] = -offset.astype(np.float32)
    return values


def _pairs(model: keras.Model) -> Iterator[tuple[Any, layers.BatchNormalization]]:
    """The layers whose outputs go into a batch normalisation and nowhere else, with it."""
    graphs = list(_graphs(model))
    nodes = [node for graph in graphs for node in _nodes(graph)]
    read = [id(tensor) for node in nodes for tensor in node.input_tensors]
    read += [id(tensor) for graph in graphs for tensor in graph.outputs]
    uses = Counter(read) + Counter(id(node.operation) for node in nodes)
    # A model of the graphs is no holder: its layers are.
    operations = {id(node.operation): node.operation for node in nodes}.values()
    holders = Counter(
        id(variable)
        for operation in operations
        if not _has_plain_graph(operation)
        for variable in getattr(operation, "variables", ())
    )
    for norm_node in nodes:
        norm = norm_node.operation
        if type(norm) is not layers.BatchNormalization or len(norm_node.input_tensors) != 1:
            continue
        tensor = norm_node.input_tensors[0]
        layer = tensor._keras_history.operation
        if not _can_take(layer, norm, len(tensor.shape)):
            continue
        once = [id(tensor), id(layer), id(norm)]
        held = [*layer.weights, *norm.weights]
        if all(uses[each] == 1 for each in once) and all(holders[id(v)] == 1 for v in held):
            yield layer, norm


def _can_take(layer: keras.Operation, norm: layers.BatchNormalization, rank: int) -> bool:
    """Whether `layer` can do what `norm` does to its outputs, which have `rank` dimensions."""
    if type(layer) not in _KERNELS or layer.activation is not keras.activations.linear:
        return False
    kernel, others = _kernel(layer)
    # Neither LoRA nor quantisation, which compute with other values than those of the kernel.
    plain = isinstance(kernel, keras.Variable) and kernel.dtype == "float32"
    plain = plain and len(layer.weights) == 1 + others + layer.use_bias
    in_single = layer.compute_dtype == norm.compute_dtype == "float32"
    channels_first = getattr(layer, "data_format", None) == "channels_first"
    channels = 1 if channels_first else rank - 1
    return plain and in_single and norm.axis % rank == channels


def _kernel(layer: Any) -> tuple[Any, int]:
    """The kernel whose last factor gives the outputs, and how many kernels come before it."""
    name = _KERNELS[type(layer)]
    return getattr(layer, name), int(name == "pointwise_kernel")


def _scaled(layer: Any, kernel: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The kernel with each output channel multiplied by its factor."""
    if isinstance(layer, _TRANSPOSED):  # [..., outputs, inputs]
        return kernel * scale[:, None]
    if isinstance(layer, _DEPTHWISE):  # [..., inputs, outputs of each]
        return kernel * scale.reshape(kernel.shape[-2:])
    return kernel * scale


def _graphs(model: keras.Model) -> Iterator[keras.Model]:
    """`model` and the models in it, each once, as far as they are graphs of layers."""
    pending, seen = [model], set()
    while pending:
        each = pending.pop()
        if id(each) in seen or not _has_plain_graph(each):
            continue
        seen.add(id(each))
        yield each
        pending += [node.operation for node in _nodes(each)]


def _has_plain_graph(operation: Any) -> bool:
    """Whether `operation` is a functional or built sequential model, without a `call` of its own.

    A sequential model has a graph once it is built.
    """
    is_model = isinstance(operation, keras.Model) and bool(getattr(operation, "outputs", None))
    return is_model and type(operation).call.__module__.startswith("keras.")


def _nodes(graph: keras.Model) -> Iterable[Any]:
    """The uses of operations between the inputs and the outputs of a model."""
    found: dict[int, Any] = {}
    inputs = {id(tensor) for tensor in graph.inputs}
    pending = [*graph.outputs]
    while pending:
        tensor = pending.pop()
        operation, index, _ = tensor._keras_history
        node = operation._inbound_nodes[index]
        if id(tensor) not in inputs and id(node) not in found:
            found[id(node)] = node
            pending += node.input_tensors
    return found.values()


_COMPILED = tf.types.experimental.PolymorphicFunction
_DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
_TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
#: What a batch normalisation is folded into, and the kernel it changes.
_KERNELS: dict[type, str] = {
    **dict.fromkeys((layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.Dense), "kernel"),
    **dict.fromkeys((*_DEPTHWISE, *_TRANSPOSED), "kernel"),
    **dict.fromkeys((layers.SeparableConv1D, layers.SeparableConv2D), "pointwise_kernel"),
}

"""What trainings demand of networks, images and labels."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from models import squashing
from models.squashed_outputs import may_squash

#: What messages say that images have to be; see `data.unit_range`.
UNIT_RANGE = (
    "finite values in [0, 1], for example grey / 255 (for a network that takes 0 to 255: "
    "models.with_unit_range(network))"
)


def check_network(
    name: str, network: keras.Model, or_else: str = "", accepts_softmax: bool = False
) -> None:
    """Refuses a network that does not give logits of two classes or more, as far as can be seen.

    A subclassed model, or one that is not built, can only be judged by its outputs: see
    `check_outputs` and `check_probe`.

    Args:
        name: of the argument.
        network: what is checked.
        or_else: another way out for a network that ends in softmax or the like.
        accepts_softmax: whether such a network is accepted.

    Raises:
        TypeError: no Keras model.
        ValueError: one output, or a network that ends in softmax or the like.
    """
    if not isinstance(network, keras.Model):
        raise TypeError(f"{name} is a {type(network).__name__}; accepted: a keras.Model")
    check_outputs(name, static_output_shape(network))
    kind = squashing(network)
    if kind is not None and not accepts_softmax:
        raise ValueError(
            f"{name} {network.name!r} ends in {kind}; accepted: logits, for example "
            f"models.without_softmax({name}){or_else}"
        )


def check_outputs(name: str, shape: Any) -> None:
    """Refuses outputs of one class, whose softmax is always 1.

    Args:
        name: of the argument.
        shape: of the outputs; anything that is no shape passes.

    Raises:
        ValueError: one output.
    """
    if isinstance(shape, tuple | tf.TensorShape) and (len(shape) < 2 or shape[-1] == 1):
        raise ValueError(
            f"{name} gives outputs of shape {tuple(shape)}; accepted: logits of 2 classes or more "
            f"(for one output: models.two_classes({name}))"
        )


def check_probe(name: str, network: keras.Model, images: Any, or_else: str = "") -> None:
    """Refuses a network whose outputs for the first two images are probabilities.

    Outputs of any network are judged by their values: rows that sum to 1. Outputs within [0, 1]
    are taken for sigmoids of each class only if the graph also has such an operation at its end,
    because the logits of an untrained network may lie in [0, 1] by chance.

    Args:
        name: of the argument.
        network: what is checked.
        images: [N, ...], of which the first two are used.
        or_else: another way out.

    Raises:
        ValueError: the outputs are probabilities.
    """
    if not len(images):
        return
    few = np.asarray(images[:2])
    few = few.astype(np.float32) if few.dtype == np.float64 else few
    shape = getattr(network, "input_shape", None)
    if isinstance(shape, tuple) and shape and shape[0]:  # a fixed batch size
        few = np.resize(few, [shape[0], *few.shape[1:]])
    outputs = np.asarray(network(few, training=False), np.float32)
    if outputs.ndim != 2 or outputs.shape[1] < 2 or not outputs.min() >= 0:
        return
    # The tolerance is that of probabilities in float16.
    squashed = np.allclose(outputs.sum(axis=1), 1, atol=1e-3) or (
        outputs.min() < outputs.max() <= 1 and _squashes_last(network, few)
    )
    if squashed:
        raise ValueError(f"{name} {network.name!r} gives probabilities; accepted: logits{or_else}")


def _squashes_last(network: keras.Model, images: np.ndarray) -> bool:
    """Whether a sigmoid or the like may come after the last weights."""
    traced = tf.function(lambda images: network(images, training=False), autograph=False)
    spec = tf.TensorSpec(images.shape, images.dtype)
    return may_squash(traced.get_concrete_function(spec).graph)


def images_to_probe(x: Any) -> np.ndarray | tf.Tensor | None:
    """Images like those that `fit` is given; `None` if these are no array and no data set.

    Reading a data set would fill its buffers and change the order of its next epoch. It is read
    only if it does not tell the shape of its images; otherwise random images take their place.
    """
    if hasattr(x, "__array__"):
        return x
    if not isinstance(x, tf.data.Dataset):
        return None
    spec = _images_of(x.element_spec)
    if isinstance(spec, tf.TensorSpec) and spec.shape.rank and spec.shape[1:].is_fully_defined():
        drawn = np.random.default_rng(0).random([2, *spec.shape[1:]])
        return drawn.astype(spec.dtype.as_numpy_dtype)
    images = next((_images_of(element) for element in x.take(1)), None)
    return images if tf.is_tensor(images) else None


def _images_of(element: Any) -> Any:
    return keras.utils.unpack_x_y_sample_weight(element)[0]


def check_is_array(name: str, images: Any) -> None:
    """Refuses what has no length or cannot be indexed, such as a data set."""
    if not (hasattr(images, "__len__") and hasattr(images, "__getitem__")):
        kind = "tf.data.Dataset" if isinstance(images, tf.data.Dataset) else type(images).__name__
        raise ValueError(
            f"{name} is a {kind}; accepted: an array [N, ...] (from a dataset of batches: "
            "images, labels = map(np.concatenate, zip(*dataset.as_numpy_iterator())))"
        )


def class_labels(name: str, labels: npt.ArrayLike, classes: int) -> np.ndarray:
    """Integer labels as [N].

    Args:
        name: of the argument.
        labels: [N] or [N, 1].
        classes: of the network.

    Raises:
        ValueError: other shapes or types, or a label that is not within 0 and `classes` - 1.
    """
    labels = np.asarray(labels)
    shape, kind = labels.shape, labels.dtype
    if labels.ndim == 2 and shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or not np.issubdtype(kind, np.integer):
        way_out = (
            "for one-hot labels, labels.argmax(axis=1)" if len(shape) > 1 else "labels.astype(int)"
        )
        raise ValueError(
            f"{name} have shape {shape} and type {kind}; accepted: integers [N] or [N, 1] "
            f"({way_out})"
        )
    outside = labels[(labels < 0) | (labels >= classes)]
    if len(outside):  # Keras would take -1 for the last class
        raise ValueError(f"{name} have the value {outside[0]}; accepted: 0 to {classes - 1}")
    return labels


def static_output_shape(model: keras.Model) -> tuple | None:
    """The shape of the outputs, where it is known before the model is called.

    `None` for a subclassed model, or one that is not built.
    """
    return getattr(model, "output_shape", None) if model.built else None

"""The bare compiled passes that no attack can do without, and which of them an attack did.

Efficiency = time of the bare passes / time of the attack. A model that notes what goes through
it records, in a run that is not timed, which passes an attack did and with which batch sizes.
These are replayed in the same order as compiled functions that do nothing else:

- gradients: one gradient of the cross-entropy with respect to images for each backward pass;
- jacobians, for DeepFool: one forward pass and the K - 1 backward passes, K being the classes
  looked at, for each of its iterations;
- forwards: one forward pass for each forward pass (attacks without gradients).

Rows of a batch that an attack computes although their images are done are not credited: the
time of the bare passes is multiplied by (evaluations that count for an image) / (those run).
Other passes, such as classifying the adversarial images, are credited only where they are the
work itself: an accuracy at E epsilons takes E forward passes.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

GRADIENTS, JACOBIANS, FORWARDS = "gradients", "jacobians", "forwards"


class Recorded:
    """A model that notes the batch size of every pass through it, as (direction, size)."""

    def __init__(self, model: keras.Model):
        self.model = model
        self.passes: list[tuple[str, int]] = []

    def __call__(self, images):
        @tf.custom_gradient
        def noted(inputs):
            self._note("forward", inputs)

            def backward(gradient):
                self._note("backward", gradient)
                return gradient

            return tf.identity(inputs), backward

        return self.model(noted(images), training=False)

    def _note(self, direction: str, tensor) -> None:
        def append(size):
            self.passes.append((direction, int(size)))

        tf.numpy_function(append, [tf.shape(tensor)[0]], [])


def passes(recorded: list[tuple[str, int]], kind: str) -> list[tuple[str, int]]:
    """The bare passes of a recorded attack: one for each of its gradients, Jacobians, forwards."""
    if kind == FORWARDS:
        return [(kind, size) for direction, size in recorded if direction == "forward"]
    if kind == GRADIENTS:
        return [(kind, size) for direction, size in recorded if direction == "backward"]
    before = [("", 0), *recorded[:-1]]
    return [
        (kind, size)
        for (direction, size), (previous, _) in zip(recorded, before, strict=True)
        if direction == "backward" and previous == "forward"
    ]


def credited(recorded: list[tuple[str, int]], kind: str, result: object) -> float:
    """Evaluations that `result` counts for its images / those that were run, at most 1.

    A list of results shares work between them, which they count more than once: 1.
    """
    direction, name = "backward", "gradient_evaluations"
    if kind == FORWARDS:
        direction, name = "forward", "forward_evaluations"
    counted = getattr(result, name, None)
    run = sum(size for each, size in recorded if each == direction)
    return 1.0 if counted is None or not run else min(1.0, float(counted.sum() / run))


class Bare:
    """The compiled passes of a model and their replay."""

    def __init__(self, model: keras.Model, candidates: int = 10):
        """`candidates`: the classes K of a Jacobian, at most those of the model."""
        images = tf.TensorSpec([None, *model.input_shape[1:]], tf.float32)
        labels = tf.TensorSpec([None], tf.int64)
        classes = min(candidates, model.output_shape[-1])

        @tf.function(input_signature=[images, labels])
        def gradient(images, labels):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(images)
                logits = model(images, training=False)
                loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            return tape.gradient(loss, images)

        @tf.function(input_signature=[images, labels])
        def jacobian(images, labels):
            with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
                tape.watch(images)
                logits = model(images, training=False)
                differences = tf.unstack(logits[:, 1:classes] - logits[:, :1], axis=1)
            return [tape.gradient(difference, images) for difference in differences]

        @tf.function(input_signature=[images, labels])
        def forward(images, labels):
            return model(images, training=False)

        self._functions = {GRADIENTS: gradient, JACOBIANS: jacobian, FORWARDS: forward}

    def replay(
        self, sizes: list[tuple[str, int]], images: np.ndarray, labels: np.ndarray
    ) -> Callable[[], object]:
        """A function that runs bare passes (kind, batch size) in order and returns the last result.

        The batches are made beforehand, from the first `images` and `labels`.
        """
        batches = {
            size: (tf.constant(images[:size]), tf.constant(labels[:size]))
            for size in {size for _, size in sizes}
        }

        def run():
            for kind, size in sizes:
                result = self._functions[kind](*batches[size])
            # Waits for accelerators.
            return tf.nest.map_structure(lambda tensor: tensor.numpy(), result)

        return run

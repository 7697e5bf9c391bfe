"""Networks that are random at inference, seen as the mean of several passes."""

from collections.abc import Callable

import keras
import tensorflow as tf

from models.ranges import check_whole


class Averaged:
    """See `averaged`."""

    def __init__(self, model: Callable, draws: int):
        if not callable(model):
            raise ValueError(f"model is {model!r}; accepted: a Keras model or a callable")
        check_whole(draws=draws)
        self.model = model
        self.draws = draws

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        options = {"training": False} if isinstance(self.model, keras.Model) else {}

        def draw(_: tf.Tensor | None) -> tf.Tensor:
            return tf.cast(self.model(images, **options), tf.float32)

        # Pass by pass, since a network may draw once for a whole batch.
        first = draw(None)
        spec = tf.TensorSpec(first.shape, tf.float32)
        others = tf.map_fn(draw, tf.range(1, self.draws), fn_output_signature=spec)
        return (first + tf.reduce_sum(others, axis=0)) / self.draws


def averaged(model: Callable, draws: int = 20) -> Averaged:
    """The mean of the outputs of several passes, as a model for attacks.

    Against a network that is random at inference, a gradient of one pass points at one draw.
    Attacks on the mean follow the expectation over the draws (Athalye, Carlini and Wagner,
    "Obfuscated Gradients Give a False Sense of Security", 2018, arXiv 1802.00420). AutoAttack's
    version "rand" follows the mean of as many gradients instead, in the memory of one pass.
    `evaluation.evaluate` with the mean as `surrogate` counts what they find against the network
    itself.

    Args:
        model: a Keras model or callable that gives logits [N, classes].
        draws: passes for each output.
    """
    return Averaged(model, draws)

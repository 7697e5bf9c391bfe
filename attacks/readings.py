"""How an attack reads the outputs of a model: as logits, unless something else is declared."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from scipy.special import expit, softmax


class Logits:
    """Outputs [N, classes] are logits; one output z counts as the logits [0, z]."""

    name = "logits"
    takes_probabilities = sum_to_1 = False

    def logits(self, outputs: tf.Tensor) -> tf.Tensor:
        """Logits [N, classes], 2 or more, of outputs [N, outputs], float32 tensors."""
        if outputs.shape[1] > 1:
            return outputs
        return tf.concat([tf.zeros_like(outputs), outputs], axis=1)

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """What logits [N, classes] say of each class, float32 [N, classes] in [0, 1]."""
        return softmax(logits.astype(float), axis=1).astype(np.float32)


class TakenForLogits(Logits):
    """Outputs are taken for logits, whatever they are."""

    name = "taken for logits"

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        return logits.astype(np.float32)


class Probabilities(Logits):
    """Outputs p of rows that sum to 1 are read as log p, whose softmax is p."""

    name = "probabilities"
    takes_probabilities = sum_to_1 = True

    def logits(self, outputs: tf.Tensor) -> tf.Tensor:
        if outputs.shape[1] == 1:
            return super().logits(_log(outputs) - _log(1.0 - outputs))
        return _log(outputs)


class IndependentProbabilities(Logits):
    """Outputs p of sigmoids are read as log p - log(1 - p), the arguments of the sigmoids."""

    name = "independent probabilities"
    takes_probabilities = True

    def logits(self, outputs: tf.Tensor) -> tf.Tensor:
        return super().logits(_log(outputs) - _log(1.0 - outputs))

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        if logits.shape[1] == 2 and not logits[:, 0].any():  # of one output
            return super().probabilities(logits)
        return expit(logits.astype(float)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Reading:
    """A model, and how its outputs become logits."""

    model: Callable
    outputs: Logits = Logits()


#: What attacks take for a model: a Keras model or another callable, as it is or with a reading.
Model = Callable | Reading


def as_logits(model: Callable) -> Reading:
    """Declares that the outputs of `model` are to be treated as logits.

    Some studies attacked networks that end in softmax this way. It weakens gradient attacks;
    use it to repeat such an experiment, and `models.without_softmax` for an honest evaluation.
    """
    return Reading(model, TakenForLogits())


def as_probabilities(model: Callable, independent: bool = False) -> Reading:
    """Declares that the outputs of `model` are probabilities p.

    For models that cannot be opened, such as an average of networks that end in softmax. Where
    the softmax can be taken off, `models.without_softmax` is better: float32 holds no probability
    between 1 - 6e-8 and 1.

    Args:
        model: a Keras model or callable from images to probabilities [N, classes], or [N, 1] for
            the second of two classes.
        independent: each class has a sigmoid of its own. Attacks then see log p - log(1 - p), the
            sigmoids' arguments; otherwise log p, whose cross-entropy is that of the logits.
    """
    return Reading(model, IndependentProbabilities() if independent else Probabilities())


def as_reading(model: Model) -> Reading:
    """`model` itself where a reading is declared, else the reading of its outputs as logits."""
    return model if isinstance(model, Reading) else Reading(model)


def _log(probabilities: tf.Tensor) -> tf.Tensor:
    # The logarithm of 0 is infinite, that of the smallest float32 is -87.
    return tf.math.log(tf.maximum(probabilities, np.finfo(np.float32).tiny))

"""What gradient attacks climb: one number per image, higher where the goal is nearer.

Every loss takes logits [N, classes], the goal's classes (int [N]) and its sign (1: labels to
leave, -1: targets to reach), and gives float [N].
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from scipy.special import logsumexp

from attacks.goals import Goal

Loss = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


def cross_entropy(logits: tf.Tensor, classes: tf.Tensor, sign: tf.Tensor) -> tf.Tensor:
    """The cross-entropy of the classes, times the sign. It saturates where the model is sure."""
    return sign * tf.nn.sparse_softmax_cross_entropy_with_logits(labels=classes, logits=logits)


def exact_cross_entropy(logits: np.ndarray, goal: Goal) -> np.ndarray:
    """The same in double precision, of logits float64 [N, classes], to compare finished runs."""
    chosen = np.take_along_axis(logits, goal.classes[:, None], axis=1)[:, 0]
    return goal.sign * (logsumexp(logits, axis=1) - chosen)


def margin(logits: tf.Tensor, classes: tf.Tensor, sign: tf.Tensor) -> tf.Tensor:
    """Difference between the class and the best other one: positive exactly at success.

    Carlini and Wagner, "Towards Evaluating the Robustness of Neural Networks", 2017,
    arXiv 1608.04644, f6 without its bound.
    """
    chosen = tf.gather(logits, classes, batch_dims=1)
    return sign * (best_other(logits, classes) - chosen)


def dlr(logits: tf.Tensor, classes: tf.Tensor, sign: tf.Tensor) -> tf.Tensor:
    """The margin divided by a difference of the largest logits, so that scale does not matter.

    Croce and Hein, "Reliable Evaluation of Adversarial Robustness", 2020, arXiv 2003.01690,
    equations 6 and 7. Differs in that a target competes with the best other class, not with
    a label: the loss is positive exactly at success. Needs 3 classes, with targets 4.
    """
    top = tf.math.top_k(logits, k=min(4, logits.shape[1])).values
    untargeted = top[:, 0] - top[:, 2]
    targeted = top[:, 0] - (top[:, 2] + top[:, -1]) / 2
    return margin(logits, classes, sign) / (tf.where(sign > 0, untargeted, targeted) + 1e-12)


def dlr_towards(logits: tf.Tensor, labels: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Equation 7 itself: from a label towards one other class, for untargeted success."""
    top = tf.math.top_k(logits, k=4).values
    gained = tf.gather(logits, targets, batch_dims=1) - tf.gather(logits, labels, batch_dims=1)
    return gained / (top[:, 0] - (top[:, 2] + top[:, 3]) / 2 + 1e-12)


def is_reached(logits: tf.Tensor, classes: tf.Tensor, sign: tf.Tensor) -> tf.Tensor:
    """Success per image as the goals define it, bool [N]: never where a logit is not finite."""
    is_class = tf.argmax(logits, axis=1, output_type=tf.int64) == classes
    return tf.equal(is_class, sign < 0) & tf.reduce_all(tf.math.is_finite(logits), axis=1)


def best_other(logits: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
    """The largest logit of each image that is not its class's, float [N]."""
    own = tf.one_hot(classes, logits.shape[1], on_value=True, off_value=False, dtype=tf.bool)
    return tf.reduce_max(tf.where(own, logits.dtype.min, logits), axis=1)


BY_NAME = {"cross-entropy": cross_entropy, "margin": margin, "dlr": dlr}

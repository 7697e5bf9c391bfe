"""Adam, for attacks that move images by it.

Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, https://arxiv.org/abs/1412.6980,
algorithm 1.
"""

from typing import NamedTuple

import tensorflow as tf

_MEAN_DECAY, _SQUARE_DECAY, _EPSILON = 0.9, 0.999, 1e-8


class Pace(NamedTuple):
    """What a step is taken with.

    Attributes:
        learning_rate: how far a value moves at most, about.
        mean_weight, square_weight: the weights of all gradients in the two moments together, by
            which their bias is corrected.
    """

    learning_rate: float
    mean_weight: float
    square_weight: float

    @classmethod
    def of_step(cls, count: int, learning_rate: float) -> "Pace":
        """That of step number `count`, from 1."""
        return cls(learning_rate, 1 - _MEAN_DECAY**count, 1 - _SQUARE_DECAY**count)


def adam(
    mean: tf.Tensor, square: tf.Tensor, gradient: tf.Tensor, pace: Pace
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """How far to go along the gradient, and the first and second moments with it in them.

    Args:
        mean, square: the moments before, zero at first.
    """
    mean = _MEAN_DECAY * mean + (1 - _MEAN_DECAY) * gradient
    square = _SQUARE_DECAY * square + (1 - _SQUARE_DECAY) * tf.square(gradient)
    corrected_mean, corrected_square = mean / pace.mean_weight, square / pace.square_weight
    move = pace.learning_rate * corrected_mean / (tf.sqrt(corrected_square) + _EPSILON)
    return move, mean, square

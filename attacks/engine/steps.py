"""The linear step of CleverHans, as long as promised."""

import tensorflow as tf
from cleverhans.tf2.utils import optimize_linear

from attacks.engine.geometry import lengths, per_image, power_of_two
from attacks.engine.norms import ORDER


def linear_step(gradient: tf.Tensor, length: tf.Tensor | float, norm: str) -> tf.Tensor:
    """The perturbation of `length` in `norm` that raises the linearised loss most.

    CleverHans divides an L2 gradient by its length, or by 1e-6 if that is more: where the model is
    sure, its step is shorter than asked for, down to nothing. Squares of very long gradients
    overflow, and the step is zero. Such gradients are multiplied by a power of two first. All
    others are given to CleverHans as they are, so that its bits are ours.

    Args:
        gradient: float32 [N, ...], finite. Where it is zero, so is the step.
        length: a scalar, or of a shape that broadcasts over the gradient.
        norm: "linf", "l2" or "l1".
    """
    if norm == "l2":
        sizes = lengths(gradient, "l2")
        is_handled = (sizes >= 1e-6) & (sizes <= 1e18)
        scale = tf.where(is_handled, 1.0, power_of_two(lengths(gradient, "linf")))
        gradient *= per_image(scale, gradient)
    return optimize_linear(gradient, length, ORDER[norm])

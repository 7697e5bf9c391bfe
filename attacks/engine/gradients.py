"""Gradients with respect to images only, as compiled steps take them."""

from collections.abc import Callable

import tensorflow as tf

from attacks.engine.errors import NoGradientError
from attacks.engine.losses import Loss, cross_entropy

#: A model as compiled functions see it: images to logits [N, classes], in inference mode.
LogitsOf = Callable[[tf.Tensor], tf.Tensor]


def loss_gradient(
    logits_of: LogitsOf,
    images: tf.Tensor,
    classes: tf.Tensor,
    sign: tf.Tensor,
    temperature: tf.Tensor,
    loss: Loss = cross_entropy,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Gradient of loss(logits / temperature, classes, sign), and the logits.

    Args:
        images: float32 [N, ...].
        classes: int64 [N], the labels to leave (sign 1) or the targets to reach (sign -1).
        loss: from `attacks.engine.losses`, or another of the same form.

    Returns:
        gradient [N, ...] with respect to `images`, as `finite` gives it; logits [N, classes].

    Raises:
        NoGradientError: the logits do not depend on `images`, as far as TensorFlow can tell.
    """
    gradient, logits = raw_loss_gradient(logits_of, images, classes, sign, temperature, loss)
    return finite(gradient), logits


def mean_loss_gradient(
    draws: int,
    logits_of: LogitsOf,
    images: tf.Tensor,
    classes: tf.Tensor,
    sign: tf.Tensor,
    temperature: tf.Tensor,
    loss: Loss,
) -> tuple[tf.Tensor, tf.Tensor]:
    """The mean of `loss_gradient` over so many passes of a random model, and the first's logits.

    The passes follow each other, so that they take the memory of one.
    """

    def one() -> tuple[tf.Tensor, tf.Tensor]:
        return loss_gradient(logits_of, images, classes, sign, temperature, loss)

    gradient, logits = one()
    if draws == 1:
        return gradient, logits
    _, total = tf.while_loop(
        lambda count, _: count < draws,
        lambda count, total: (count + 1, total + one()[0]),
        (1, gradient),
        parallel_iterations=1,
    )
    return total / draws, logits


def raw_loss_gradient(
    logits_of: LogitsOf,
    images: tf.Tensor,
    classes: tf.Tensor,
    sign: tf.Tensor,
    temperature: tf.Tensor,
    loss: Loss = cross_entropy,
) -> tuple[tf.Tensor, tf.Tensor]:
    """`loss_gradient` with what is not finite in it."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)
        logits = logits_of(images)
        climbed = loss(logits / temperature, classes, sign)
    return checked(tape.gradient(climbed, images)), logits


def checked(gradient: tf.Tensor | None) -> tf.Tensor:
    """`gradient`, unless it is the `None` of a model that TensorFlow cannot differentiate."""
    if gradient is None:
        raise NoGradientError(
            "model has no gradient with respect to images; accepted: a model of TensorFlow "
            "operations that depend on its input, or an attack that asks for logits only, such "
            "as Square"
        )
    return gradient


def finite(gradient: tf.Tensor) -> tf.Tensor:
    """`gradient` [N, ...] with finite values in the place of others.

    A slope may be infinite, such as that of a square root at a black pixel. It then counts as the
    steepest finite one of its image, or as 1 where all others are zero, so that attacks follow it
    without losing the other directions. What is not a number tells no direction and counts as 0.
    """

    def mended() -> tf.Tensor:
        numbers = tf.where(tf.math.is_finite(gradient), gradient, 0.0)
        axes = list(range(1, gradient.shape.rank))
        steepest = tf.reduce_max(tf.abs(numbers), axis=axes, keepdims=True)
        steepest = tf.where(steepest > 0, steepest, 1.0)
        return tf.where(tf.math.is_inf(gradient), tf.sign(gradient) * steepest, numbers)

    # Looking at all values at once is cheaper than mending, which hardly any model needs.
    all_finite = tf.reduce_all(tf.math.is_finite(gradient))
    return tf.cond(all_finite, lambda: gradient, mended)

"""Gradients with respect to images only, as compiled steps take them."""

import tensorflow as tf

from attacks.losses import cross_entropy


def loss_gradient(logits_of, images, classes, sign, temperature, loss=cross_entropy):
    """Gradient of loss(logits / temperature, classes, sign), and the logits.

    Args:
        images: float32 [N, ...].
        classes: int64 [N], the labels to leave (sign 1) or the targets to reach (sign -1).
        loss: from `attacks.losses`, or another of the same form.

    Returns:
        gradient [N, ...] with respect to `images`, logits [N, classes] of `images`.

    Raises:
        ValueError: the logits do not depend on `images`, as far as TensorFlow can tell.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)
        logits = logits_of(images)
        climbed = loss(logits / temperature, classes, sign)
    return checked(tape.gradient(climbed, images)), logits


def checked(gradient):
    """`gradient`, unless it is the `None` of a model that TensorFlow cannot differentiate."""
    if gradient is None:
        raise ValueError(
            "model has no gradient with respect to images; accepted: a model of TensorFlow "
            "operations that depend on its input"
        )
    return gradient

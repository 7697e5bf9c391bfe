"""The loss that gradient attacks climb, and its gradient with respect to images only."""

import tensorflow as tf


def loss_gradient(logits_of, images, classes, sign, temperature):
    """Gradient of sign x cross-entropy(logits / temperature, classes), and the logits.

    Args:
        images: float32 [N, ...].
        classes: int64 [N], the labels to leave (sign 1) or the targets to reach (sign -1).

    Returns:
        gradient [N, ...] with respect to `images`, logits [N, classes] of `images`.

    Raises:
        ValueError: the logits do not depend on `images`, as far as TensorFlow can tell.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)
        logits = logits_of(images)
        loss = sign * tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=classes, logits=logits / temperature
        )
    gradient = tape.gradient(loss, images)
    if gradient is None:
        raise ValueError(
            "model has no gradient with respect to images; accepted: a model of TensorFlow "
            "operations that depend on its input"
        )
    return gradient, logits

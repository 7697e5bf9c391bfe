"""Perturbations as tensors: lengths per image and hyperplanes, for compiled steps."""

import tensorflow as tf


def per_image(values, images):
    """`values` [N] in a shape that broadcasts over `images` [N, ...]."""
    return tf.reshape(values, [-1] + [1] * (images.shape.rank - 1))


def flat(images):
    """`images` [N, ...] as [N, values]."""
    return tf.reshape(images, [tf.shape(images)[0], images.shape[1:].num_elements()])


def lengths(perturbations, norm: str):
    """The norm of each perturbation ("linf", "l2" or "l1"), float [N]."""
    values = flat(perturbations)
    if norm == "linf":
        return tf.reduce_max(tf.abs(values), axis=1)
    if norm == "l1":
        return tf.reduce_sum(tf.abs(values), axis=1)
    return tf.sqrt(tf.reduce_sum(tf.square(values), axis=1))


def dual_lengths(gradients, norm: str):
    """The dual norm: how fast a linear function falls per unit of `norm`, float [N]."""
    return lengths(gradients, {"linf": "l1", "l2": "l2"}[norm])

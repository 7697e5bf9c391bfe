"""Projections on balls of several norms, for compiled steps."""

import tensorflow as tf

from attacks.engine.geometry import flat, lengths, per_image


def within(perturbations: tf.Tensor, radii: tf.Tensor, norm: str) -> tf.Tensor:
    """The nearest perturbations, in L2, whose length in `norm` is a radius or less.

    Args:
        perturbations: float32 [N, ...].
        radii: float32 [N], 0 or more; in L0 whole numbers, of values that are not zero.
        norm: "linf", "l2", "l1" or "l0".

    References:
        Duchi, Shalev-Shwartz, Singer and Chandra, "Efficient Projections onto the l1-Ball for
            Learning in High Dimensions", ICML 2008, figure 1, for L1
    """
    if norm == "linf":
        bounds = per_image(radii, perturbations)
        return tf.clip_by_value(perturbations, -bounds, bounds)
    if norm == "l2":
        scale = tf.minimum(1.0, tf.math.divide_no_nan(radii, lengths(perturbations, norm)))
        return perturbations * per_image(scale, perturbations)
    values = flat(perturbations)
    projected = _in_l1(values, radii) if norm == "l1" else _in_l0(values, radii)
    return tf.reshape(projected, tf.shape(perturbations))


def _in_l1(values: tf.Tensor, radii: tf.Tensor) -> tf.Tensor:
    """All values shrink by the same amount, at most to zero, until their sum is the radius."""
    sizes = tf.abs(values)
    falling = tf.sort(sizes, direction="DESCENDING")
    ranks = tf.range(1, values.shape[1] + 1, dtype=tf.float32)
    amounts = (tf.cumsum(falling, axis=1) - radii[:, None]) / ranks
    # The last value that the amount of its rank leaves above zero.
    left = tf.reduce_sum(tf.cast(falling > amounts, tf.int32), axis=1)
    amount = tf.gather(amounts, tf.maximum(left - 1, 0), batch_dims=1)
    outside = tf.reduce_sum(sizes, axis=1) > radii
    amount = tf.where(outside, amount, 0.0)[:, None]
    return tf.sign(values) * tf.maximum(sizes - amount, 0.0)


def _in_l0(values: tf.Tensor, radii: tf.Tensor) -> tf.Tensor:
    """As many of the largest values as the radius says; of equal ones the first."""
    order = tf.argsort(tf.abs(values), direction="DESCENDING", stable=True)
    ranks = tf.argsort(order)  # the inverse of a permutation sorts it
    return tf.where(tf.cast(ranks, tf.float32) < radii[:, None], values, 0.0)

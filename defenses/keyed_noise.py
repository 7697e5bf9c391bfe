"""Gaussian noise that is decided by what an image holds, never by the batch that it is in."""

import numpy as np
import tensorflow as tf

# Values of a range of 1 that are told apart; rounding errors of a forward pass are far below.
_LEVELS = 2**16


def content_keys(values: tf.Tensor) -> tf.Tensor:
    """One number, int64 [N], for each of values [N, ...]; equal for equal values.

    Values are told apart to 1 / 2^16.
    """
    rows = tf.reshape(values, [tf.shape(values)[0], values.shape[1:].num_elements()])
    whole = tf.cast(tf.round(tf.cast(rows, tf.float32) * _LEVELS), tf.int64)
    # Random odd factors, and a sum modulo 2^64, which has no order.
    factors = np.random.RandomState(0).randint(0, 2**62, rows.shape[1], np.int64) * 2 + 1
    return tf.reduce_sum(whole * factors, axis=1)


def keyed_noise(like: tf.Tensor, keys: tf.Tensor, seed: int, draws: int = 1) -> tf.Tensor:
    """Standard normal draws of the shape of `like` [N, ...], decided by `keys`, int64 [N].

    With `draws` above 1 their mean, whose standard deviation is 1 / sqrt(draws).
    """
    shape = like.shape[1:]

    def one(key: tf.Tensor) -> tf.Tensor:
        normal = tf.random.stateless_normal([draws, *shape], [tf.constant(seed, tf.int64), key])
        return tf.reduce_mean(normal, axis=0)

    noise = tf.map_fn(one, keys, fn_output_signature=tf.TensorSpec(shape, tf.float32))
    return tf.cast(noise, like.dtype)

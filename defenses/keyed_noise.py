"""Gaussian noise that depends on the values of an image and not on the batch that it is in."""

import numpy as np
import tensorflow as tf

# Levels between 0 and 1 that are told apart; the rounding errors of a forward pass are far below.
_LEVELS = 2**16


def content_keys(values: tf.Tensor) -> tf.Tensor:
    """A number for each entry of a batch, the same for the same values to 1 / 2^16.

    Args:
        values: floats [N, ...].

    Returns:
        int64 [N].
    """
    rows = tf.reshape(values, [tf.shape(values)[0], values.shape[1:].num_elements()])
    whole = tf.cast(tf.round(tf.cast(rows, tf.float32) * _LEVELS), tf.int64)
    # Random odd factors, and a sum modulo 2^64, which does not depend on the order of summation.
    factors = np.random.RandomState(0).randint(0, 2**62, rows.shape[1], np.int64) * 2 + 1
    return tf.reduce_sum(whole * factors, axis=1)


def keyed_noise(like: tf.Tensor, keys: tf.Tensor, seed: int, draws: int = 1) -> tf.Tensor:
    """Gaussian noise with a mean of 0, one draw for each key.

    Args:
        like: [N, ...], whose shape and dtype the noise has.
        keys: int64 [N]; the same key gets the same noise.
        seed: another seed gives other noise for all keys.
        draws: standard normal draws that are averaged; the standard deviation of the noise is
            1 / sqrt(draws).
    """
    shape = like.shape[1:]

    def one(key: tf.Tensor) -> tf.Tensor:
        normal = tf.random.stateless_normal([draws, *shape], [tf.constant(seed, tf.int64), key])
        return tf.reduce_mean(normal, axis=0)

    noise = tf.map_fn(one, keys, fn_output_signature=tf.TensorSpec(shape, tf.float32))
    return tf.cast(noise, like.dtype)

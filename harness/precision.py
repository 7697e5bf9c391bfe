"""The precision that networks are trained in; they are written, and attacked, in float32."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

FLOAT32 = "float32"
PRECISIONS = (FLOAT32, "mixed_float16", "mixed_bfloat16")


def check_precision(precision: str) -> None:
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; accepted: {', '.join(PRECISIONS)}")


@contextmanager
def of_layers(precision: str) -> Iterator[None]:
    """Layers that are made inside compute in this precision."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def fitted_in(
    precision: str, network: keras.Model, build: Callable[[], keras.Model]
) -> keras.Model:
    """What is trained in place of a network: itself in float32, else a twin of equal weights.

    In half precision (Micikevicius et al., "Mixed Precision Training", ICLR 2018,
    https://arxiv.org/abs/1710.03740) weights and logits stay float32. In "mixed_float16" Keras
    multiplies the loss so that gradients do not underflow.

    Args:
        precision: one of `PRECISIONS`.
        build: makes a network like `network`.
    """
    if precision == FLOAT32:
        return network
    with of_layers(precision):
        twin = keras.models.clone_model(build(), clone_function=_with_fused_normalization)
    twin.set_weights(network.get_weights())
    return twin


def _with_fused_normalization(layer: keras.layers.Layer) -> keras.layers.Layer:
    config = layer.get_config()
    if type(layer) is keras.layers.BatchNormalization:
        return _FusedBatchNormalization.from_config(config)
    return type(layer).from_config(config)


class _FusedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation that in training is one kernel, which takes half precision as it is.

    Keras' own casts to float32 and is a dozen kernels, a quarter of the time of a VGG on a CPU.
    """

    def call(
        self, inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        is_plain = self.center and self.scale and not self.synchronized and mask is None
        of_images = len(inputs.shape) == 4 and self.axis in (-1, 3)
        if not (training and self.trainable and is_plain and of_images):
            return super().call(inputs, training=training, mask=mask)
        normalised, mean, unbiased, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma,
            offset=self.beta,
            mean=self.moving_mean,
            variance=self.moving_variance,
            epsilon=self.epsilon,
            exponential_avg_factor=1.0,  # mean and variance are those of the batch alone
            is_training=True,
        )
        count = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
        for average, of_batch in (
            (self.moving_mean, mean),
            (self.moving_variance, unbiased * (count - 1) / count),
        ):
            average.assign(self.momentum * average + (1 - self.momentum) * of_batch)
        return normalised

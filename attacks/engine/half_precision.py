"""Gradients of models that compute in float16."""

from typing import Any

import tensorflow as tf

from attacks.engine.geometry import lengths, per_image, power_of_two
from attacks.engine.gradients import LogitsOf


def with_scaled_gradient(logits_of: LogitsOf) -> LogitsOf:
    """`logits_of` (images [N, ...] to logits [N, classes]) whose gradient does not underflow.

    Where a prediction is sure, the gradient of a loss with respect to the logits is smaller than
    float16's smallest number, 6e-8. On the way back through the model the gradient of each image is
    multiplied by a power of two that brings its largest value near 100, and then divided by it in
    float32 (Micikevicius et al., "Mixed Precision Training", 2018, arXiv 1710.03740, but with a
    scale for each image, since none may depend on its neighbours).
    """

    @tf.custom_gradient
    def scaled(images: tf.Tensor) -> tuple[tf.Tensor, Any]:
        # Persistent, because an attack may ask for several gradients of one pass.
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(images)
            logits = logits_of(images)

        def backward(upstream: tf.Tensor, variables: Any = ()) -> Any:
            # 64 is far from float16's smallest number and as far from its largest, 65,504.
            scale = 64 * tf.minimum(power_of_two(lengths(upstream, "linf")), 2.0**100)
            gradient = tape.gradient(
                logits, images, output_gradients=upstream * per_image(scale, upstream)
            )
            if gradient is not None:
                gradient /= per_image(scale, gradient)
            # No attack asks for the gradient with respect to variables.
            return (gradient, [None] * len(variables)) if variables else gradient

        return tf.identity(logits), backward

    return scaled

"""A model as a function from images to logits, for compiled functions to call."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from attacks.engine.errors import ModelError
from attacks.readings import Logits


class Network:
    """Images float32 [N, ...] to logits float32 [N, classes], in inference mode.

    Holds the model weakly, as compiled functions hold this.

    Attributes:
        batch_size: of a model that takes batches of one size only; `None` for any size.
    """

    def __init__(
        self,
        model_now: Callable,
        reading: Logits,
        image_shape: tuple[int, ...],
        batch_size: int | None,
    ):
        self.model_now = model_now
        self.reading = reading
        self.image_shape = image_shape
        self.batch_size = batch_size
        # As it is outside of compiled functions, which are traced without AutoGraph.
        self._autograph = tf.__internal__.autograph.control_status_ctx()

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        return self.reading.logits(self.outputs(images))

    def outputs(self, images: tf.Tensor) -> tf.Tensor:
        """What the model gives, float32 [N, outputs]."""
        size = self.batch_size
        if size is None:
            return self._called(images)
        count = tf.shape(images)[0]
        padding = [[0, -count % size]] + [[0, 0]] * len(self.image_shape)
        batches = tf.reshape(tf.pad(images, padding), [-1, size, *self.image_shape])
        spec = self._called(tf.zeros([size, *self.image_shape]))
        outputs = tf.map_fn(
            self._called, batches, fn_output_signature=tf.TensorSpec(spec.shape, tf.float32)
        )
        return tf.reshape(outputs, [-1, spec.shape[1]])[:count]

    def _called(self, images: tf.Tensor) -> tf.Tensor:
        model = self.model_now()
        if isinstance(model, keras.Model):
            outputs = model(images, training=False)
        elif tf.inside_function():
            outputs = tf.__internal__.autograph.tf_convert(_call, self._autograph)(model, images)
        else:
            outputs = model(images)
        if not tf.is_tensor(outputs):
            way_out = "attacks.black_box(function, classes) for a function of NumPy arrays"
            if isinstance(outputs, dict | list | tuple) and outputs:
                first = next(iter(outputs)) if isinstance(outputs, dict) else 0
                way_out = f"one of several: lambda images: model(images)[{first!r}]"
            raise ModelError(
                f"model gives a {type(outputs).__name__}; accepted: one tensor of logits "
                f"[N, classes] ({way_out})"
            )
        if outputs.shape.rank != 2 or not outputs.shape[1]:
            raise ModelError(
                f"model gives outputs of shape {outputs.shape}; accepted: logits [N, classes], or "
                "[N, 1] for two classes"
            )
        return tf.cast(outputs, tf.float32)


def _call(model: Callable, images: tf.Tensor) -> Any:
    """What AutoGraph converts: a callable may branch on tensors, the code of attacks does not."""
    return model(images)


def fixed_batch_size(model: Callable) -> int | None:
    """The number of images that a model takes, where it says so."""
    inputs = getattr(model, "inputs", None) if isinstance(model, keras.Model) else None
    specs = inputs or getattr(model, "input_signature", None) or []
    shape = getattr(specs[0], "shape", None) if len(specs) == 1 else None
    return shape[0] if shape is not None and len(shape) > 1 else None

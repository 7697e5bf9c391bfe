"""Models that are functions of NumPy arrays: `model.predict`, a remote service."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from attacks.engine.errors import ModelError
from models.ranges import check_whole


class BlackBox:
    """See `black_box`.

    Attributes:
        error: what the last call of the function failed with; `None` if it did not.
    """

    def __init__(self, function: Callable, classes: int):
        if not callable(function):
            raise ValueError(f"function is {function!r}; accepted: a function of images")
        check_whole(classes=classes)
        self.function = function
        self.classes = int(classes)
        self.error: Exception | None = None

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        outputs = tf.numpy_function(self._outputs, [images], tf.float32)
        return tf.ensure_shape(outputs, [None, self.classes])

    def _outputs(self, images: np.ndarray) -> np.ndarray:
        self.error = None
        try:
            outputs = np.asarray(self.function(images), np.float32)
            if outputs.shape != (len(images), self.classes):
                raise ModelError(
                    f"function gives outputs of shape {outputs.shape} for {len(images)} images; "
                    f"accepted: ({len(images)}, {self.classes})"
                )
        except Exception as error:  # TensorFlow would put its text around it
            self.error = error
            raise
        return outputs


def black_box(function: Callable, classes: int) -> BlackBox:
    """A plain function as a model for attacks that ask for logits only, `Square` and `PixelSwap`.

    TensorFlow does not look into the function, which is called anew for every query.

    Args:
        function: images float32 [N, ...] in [0, 1], a NumPy array, to logits [N, classes]. If it
            gives probabilities, attack `as_probabilities(black_box(function, classes))`.
        classes: how many outputs there are; 1 for one output z, which stands for two classes.

    Example:
        model = attacks.as_probabilities(attacks.black_box(network.predict, classes=10))
        attacks.Square(queries=1000)(model, images, labels, epsilon=8 / 255)

    Raises:
        ValueError: naming the argument, its value and what is accepted.
    """
    return BlackBox(function, classes)

"""What the trainings on adversarial examples have in common."""

from collections.abc import Callable

import keras
import tensorflow as tf

from distillation.arguments import OUTSIDE, check_network, check_unit_range
from distillation.network_trainer import NetworkTrainer


class ExampleTrainer(NetworkTrainer):
    """Trains `network` on examples of images in [0, 1]; `evaluate` refuses others as `fit` does."""

    def __init__(self, network: keras.Model, name: str | None = None):
        super().__init__(name=name)
        check_network("network", network)
        self.network = network
        self.built = network.built
        self._outside = _Outside()

    def fit(self, x=None, *args, **kwargs):
        _check_array(x)
        validation = kwargs.get("validation_data")
        if isinstance(validation, tuple | list):
            _check_array(validation[0])
        return super().fit(x, *args, **kwargs)

    def evaluate(self, x=None, *args, **kwargs):
        _check_array(x)
        return super().evaluate(x, *args, **kwargs)

    def make_test_function(self, force=False):
        if self.test_function is None or force:
            super().make_test_function(force=True)
            self.test_function = self.then_checked(self.test_function)

    def test_step(self, data):
        images, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        self.note_outside(images)
        return super().test_step((as_images(images), labels, sample_weight))

    def note_outside(self, images) -> None:
        """In a step that XLA compiles, which drops the assertion of `as_images`."""
        if self.jit_compile:
            self._outside.note(images)

    def then_checked(self, run: Callable) -> Callable:
        """`run`, followed by a look at what its steps have noted."""
        if not self.jit_compile:
            return run

        def run_then_check(iterator):
            logs = run(iterator)
            self._outside.check()
            return logs

        return run_then_check


def as_images(images) -> tf.Tensor:
    """float32, in [0, 1]: the projection would make white of every value above."""
    images = tf.cast(images, tf.float32)
    assertion = tf.debugging.assert_equal(_are_inside(images), True, OUTSIDE)
    # Otherwise a step might change weights before it fails.
    with tf.control_dependencies([assertion]):
        return tf.identity(images)


def _are_inside(images) -> tf.Tensor:
    """Whether all values are in [0, 1], which NaN is not."""
    return tf.reduce_all((images >= 0) & (images <= 1))


def _check_array(x) -> None:
    if hasattr(x, "__array__"):
        check_unit_range(x)


class _Outside:
    """Whether a compiled step has met images outside [0, 1]; XLA drops assertions."""

    def __init__(self):
        # A metric, because it is summed over replicas; in an object of our own, because Keras
        # would show and save it.
        self._batches = keras.metrics.Sum(name="batches_outside")

    def note(self, images) -> None:
        """In the step."""
        inside = _are_inside(tf.cast(images, tf.float32))
        self._batches.update_state(tf.where(inside, 0.0, 1.0))

    def check(self) -> None:
        """After the step.

        Raises:
            ValueError: it has.
        """
        if self._batches.result() > 0:
            self._batches.reset_state()
            raise ValueError(OUTSIDE)

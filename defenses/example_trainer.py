"""A model that trains another one on adversarial examples, and the checks of its images."""

from collections.abc import Callable

import keras
import tensorflow as tf

from data.unit_range import check_unit_range
from distillation.arguments import UNIT_RANGE, check_network
from distillation.network_trainer import NetworkTrainer

_OUTSIDE = f"images are outside [0, 1]; accepted: {UNIT_RANGE}"


class ExampleTrainer(NetworkTrainer):
    """Trains `network`; `fit` and `evaluate` refuse images outside [0, 1].

    Images are checked in three places: arrays before `fit` or `evaluate` uses them, batches of a
    data set by an assertion inside the step, and, where XLA compiles the step and drops assertions,
    by a metric that is read after it.

    Args:
        network: Keras model from images [N, ...] in [0, 1] to logits [N, classes].

    Raises:
        TypeError: `network` is no Keras model.
        ValueError: it ends in softmax or the like, or has one output.
    """

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
        """Records in a step that XLA compiles whether images are outside [0, 1]."""
        if self.jit_compile:
            self._outside.note(images)

    def then_checked(self, run: Callable) -> Callable:
        """`run`, followed by the check of what its steps have recorded."""
        if not self.jit_compile:
            return run

        def run_then_check(iterator):
            logs = run(iterator)
            self._outside.check()
            return logs

        return run_then_check


def as_images(images) -> tf.Tensor:
    """`images` as float32, asserted to be in [0, 1]; an attack would clip other values."""
    images = tf.cast(images, tf.float32)
    assertion = tf.debugging.assert_equal(_are_inside(images), True, _OUTSIDE)
    # Without it a step might change weights before it fails.
    with tf.control_dependencies([assertion]):
        return tf.identity(images)


def _are_inside(images) -> tf.Tensor:
    """Whether all values are in [0, 1]; NaN is not."""
    return tf.reduce_all((images >= 0) & (images <= 1))


def _check_array(x) -> None:
    if hasattr(x, "__array__"):
        check_unit_range("images", x, UNIT_RANGE)


class _Outside:
    """Whether a compiled step has met images outside [0, 1]."""

    def __init__(self):
        # A metric is summed over replicas. As an attribute of the model, Keras would show and save
        # it; here it does not.
        self._batches = keras.metrics.Sum(name="batches_outside")

    def note(self, images) -> None:
        """Called in the step."""
        inside = _are_inside(tf.cast(images, tf.float32))
        self._batches.update_state(tf.where(inside, 0.0, 1.0))

    def check(self) -> None:
        """Called after the step.

        Raises:
            ValueError: the step has met such images.
        """
        if self._batches.result() > 0:
            self._batches.reset_state()
            raise ValueError(_OUTSIDE)

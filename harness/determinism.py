"""Operations that give the same bits in every run, on request.

Without them a GPU may add numbers in another order each time. On CPUs runs repeat anyway: the same
machine, versions, seed and number of threads give the same bits. Another number of threads gives
others, with deterministic operations too.
"""

import tensorflow as tf
from tensorflow.python.framework.config import is_op_determinism_enabled


def make_deterministic() -> None:
    """Lets TensorFlow use deterministic operations only; to be called before anything is built.

    An operation that has no deterministic form then raises an error.
    """
    tf.config.experimental.enable_op_determinism()


def is_deterministic() -> bool:
    """Whether TensorFlow uses deterministic operations only; it has no public name for this."""
    return bool(is_op_determinism_enabled())

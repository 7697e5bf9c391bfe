"""Training on all GPUs of this machine, on request."""

from functools import cache

import tensorflow as tf


@cache  # the reductions of two would be taken for each other's
def mirrored() -> tf.distribute.MirroredStrategy:
    """A replica of the network on each GPU, or on each logical CPU where there is no GPU.

    Every batch is divided among them, and their gradients are added up.

    Raises:
        ValueError: there is one device only.
    """
    there = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    devices = [each.name for each in there]
    if len(devices) < 2:
        raise ValueError(
            f"mirrored is True with one device ({devices[0]}); accepted: with two GPUs or more in "
            "this machine"
        )
    return tf.distribute.MirroredStrategy(devices)

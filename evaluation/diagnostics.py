"""What may make an outcome misleading: gradients that fail, rounding, pixels out of range."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from attacks import Attack
from attacks.engine.geometry import flat
from attacks.engine.gradients import raw_loss_gradient
from attacks.engine.losses import BY_NAME as LOSSES
from attacks.engine.task import Task


class Gradients(NamedTuple):
    """What was seen of the gradient of a loss at each of N images.

    Attributes:
        zero: whether it is exactly zero everywhere, bool [N].
        not_finite: whether some of it is not finite, bool [N].
        l1, l2: its norms, float64 [N].
    """

    zero: np.ndarray
    not_finite: np.ndarray
    l1: np.ndarray
    l2: np.ndarray


def clean_gradients(task: Task, attack: Attack) -> Gradients | None:
    """Looks at the gradient that an attack climbs, at the images before the attack.

    Args:
        task: the model that the attack sees, the images, and what it attacks them for.

    Returns:
        `None` where the attack climbs no loss.
    """
    if attack.climbs is None:
        return None
    check = _compiled_check(task, attack.climbs)
    checked = [
        check(batch.images, batch.goal.classes, batch.goal.sign, attack.temperature)
        for batch in task.batches()
    ]
    return Gradients(*map(np.concatenate, zip(*checked)))


def _compiled_check(task: Task, loss: str) -> Callable:
    def make(logits_of: Callable) -> Callable:
        def check(
            images: tf.Tensor, classes: tf.Tensor, sign: tf.Tensor, temperature: tf.Tensor
        ) -> tuple[tf.Tensor, ...]:
            gradient, _ = raw_loss_gradient(
                logits_of, images, classes, sign, temperature, LOSSES[loss]
            )
            values = flat(gradient)
            zero = tf.reduce_all(tf.equal(values, 0), axis=1)
            # In 32 bits the squares of large and of small gradients are infinite and zero.
            exact = tf.cast(values, tf.float64)
            norms = (tf.norm(exact, order, axis=1) for order in (1, 2))
            return zero, ~tf.reduce_all(tf.math.is_finite(values), axis=1), *norms

        return check

    scalar = tf.TensorSpec([], tf.float32)
    return task.classifier.compiled(
        f"check of gradients {loss}",
        make,
        [task.classifier.batch_spec, tf.TensorSpec([None], tf.int64), scalar, scalar],
    )


def rounded_logits(task: Task, images: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """The logits of images as they would be stored in a picture: in 8 bits, within [0, 1].

    Args:
        task: whose model gives them.
        images: float32 [N, ...].
        logits: of `images`, float32 [N, classes]; they are those asked for where rounding changes
            nothing, as where a patch is pasted on pictures.
    """
    rounded = _grey_levels(images) / np.float32(255)
    return logits if np.array_equal(images, rounded) else task.logits(rounded)


def rounds_away(images: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """Which images are their originals once both are stored in 8 bits, bool [N]."""
    same = _grey_levels(images) == _grey_levels(originals)
    return same.reshape(len(images), -1).all(axis=1)


def leaves_range(images: np.ndarray) -> np.ndarray:
    """Which images have values outside [0, 1], bool [N]."""
    values = images.reshape(len(images), -1)
    return (values.min(axis=1) < 0) | (values.max(axis=1) > 1)


def _grey_levels(images: np.ndarray) -> np.ndarray:
    """The values 0 to 255 of 8-bit pictures, float32."""
    return np.round(np.clip(images, 0, 1) * 255)

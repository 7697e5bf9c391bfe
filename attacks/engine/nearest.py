"""Searches of a fixed number of steps, each of which keeps the nearest success so far.

No step is looked at from outside of compiled functions, so that a GPU never waits.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from attacks.engine.geometry import choose
from attacks.engine.losses import margin
from attacks.engine.task import Batch, Crafted, Search, Task


class Nearest(NamedTuple):
    """The successful iterates that are nearest to their originals, one per image.

    Attributes:
        images: float32 [N, ...]; the originals where there is none.
        distances: float32 [N]; infinite where there is none.
    """

    images: tf.Tensor
    distances: tf.Tensor

    def or_nearer(self, success: tf.Tensor, images: tf.Tensor, distances: tf.Tensor) -> "Nearest":
        """With iterates in their place that are successful (bool [N]) and nearer."""
        nearer = success & (distances < self.distances)
        return Nearest(
            choose(nearer, images, self.images), tf.where(nearer, distances, self.distances)
        )


class Goals(NamedTuple):
    """What stays the same in all steps: the originals, and the classes to leave or to reach."""

    originals: tf.Tensor
    classes: tf.Tensor


class InBall(NamedTuple):
    """What a step within a ball around each original changes, one entry per image.

    Attributes:
        images: the iterates, float32 [N, ...].
        epsilons: the radii of their balls, float32 [N].
        nearest: the successful iterates of smallest distance.
    """

    images: tf.Tensor
    epsilons: tf.Tensor
    nearest: Nearest

    @classmethod
    def at_start(cls, originals: tf.Tensor, epsilon: float) -> "InBall":
        epsilons = tf.fill([len(originals)], tf.constant(epsilon, tf.float32))
        return cls(originals, epsilons, nothing_found(originals))


class BallSettings(NamedTuple):
    """What is the same for all images of such a step; `gamma` is by what part radii change."""

    sign: float
    step_size: float
    gamma: float


def compiled_in_ball(task: Task, name: str, make: Callable) -> Callable:
    """The step (InBall, Goals, BallSettings) to InBall that `make` gives: one trace per model."""
    images, numbers, nearest, goals = specs(task)
    settings = BallSettings(*[tf.TensorSpec([], tf.float32)] * len(BallSettings._fields))
    signature = [InBall(images, numbers, nearest), goals, settings]
    return task.classifier.compiled(name, make, signature)


def is_past(logits: tf.Tensor, classes: tf.Tensor, sign: tf.Tensor) -> tf.Tensor:
    """Success, bool [N], by more than the rounding by which another forward pass may differ."""
    return margin(logits, classes, sign) > 1e-6 * tf.reduce_max(tf.abs(logits), axis=1)


def nearest_in_steps(
    task: Task,
    step: Callable[[Any, Goals, Any], Any],
    start: Callable[[tf.Tensor], Any],
    settings: Callable[[Batch], Iterable[Any]],
) -> Search:
    """What looks for the nearest adversarial images of a batch; reached goals are not attacked.

    Args:
        step: compiled; gives the state after a step, which takes one gradient per image.
        start: the state at the originals, float32 [N, ...]: a named tuple with a `nearest`.
        settings: those of each step, in turn.
    """

    def run(batch: Batch) -> Crafted:
        images, gradients = batch.images.copy(), np.zeros(len(batch), np.int64)
        logits = task.classifier.logits(batch.images).numpy()
        rows = np.flatnonzero(~batch.goal.reached(logits))
        if len(rows):
            attacked = batch.take(rows)
            goals = Goals(tf.constant(attacked.images), tf.constant(attacked.goal.classes))
            state = start(goals.originals)
            for of_step in settings(attacked):
                state = step(state, goals, of_step)
                gradients[rows] += 1
            images[rows] = state.nearest.images.numpy()
        return Crafted(images, gradients, np.ones(len(batch), np.int64))

    return run


def nothing_found(originals: tf.Tensor) -> Nearest:
    """What is nearest before the first step."""
    return Nearest(originals, tf.fill([len(originals)], np.inf))


def specs(task: Task) -> tuple[tf.TensorSpec, tf.TensorSpec, Nearest, Goals]:
    """Signatures: of images, of a number per image, of what is nearest, and of goals."""
    images, numbers = task.classifier.batch_spec, tf.TensorSpec([None], tf.float32)
    classes = tf.TensorSpec([None], tf.int64)
    return images, numbers, Nearest(images, numbers), Goals(images, classes)


def cosine(share: float) -> float:
    """Falls from 1 to 0 along half a period, as `share` rises from 0 to 1."""
    return (1 + np.cos(np.pi * share)) / 2

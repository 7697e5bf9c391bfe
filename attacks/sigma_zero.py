"""The sigma-zero attack in L0."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

from attacks.engine.adam import Pace, adam
from attacks.engine.attack import Evaluations
from attacks.engine.geometry import lengths, per_image
from attacks.engine.gradients import LogitsOf, loss_gradient
from attacks.engine.losses import margin
from attacks.engine.minimum_norm import MinimumNormAttack
from attacks.engine.nearest import (
    Goals,
    Nearest,
    cosine,
    is_past,
    nearest_in_steps,
    nothing_found,
    specs,
)
from attacks.engine.task import Batch, Search, Task
from models.ranges import check_number, check_whole


@dataclass(frozen=True)
class SigmaZero(MinimumNormAttack):
    """Few changed values, by a smooth stand-in for their number (sigma-zero, L0).

    Adam minimises the missing margin plus the mean over all values of d^2 / (d^2 + sigma), d being
    how far a value has moved. After each step, what has moved by less than a threshold goes back.
    The threshold rises after an iterate that reached the goal and falls after one that did not. The
    successful iterate in which the fewest values differ is returned.

    Differs from the authors' code in that a targeted goal is accepted.

    Attributes:
        steps: gradients per image. The first one is that of the original.
        step_size: Adam's learning rate at first; a tenth of it at the end.
        sigma: the smaller, the nearer the stand-in is to the number.
        threshold: that of the first step.
        threshold_rate: by how much it changes in a step, times the learning rate.
        batch_size: images per gradient.
        fold: search in `attacks.folded(model)`, which is faster; the model itself judges what
            is found.

    References:
        Cinà, Villani, Pintor, Schönherr, Biggio and Pelillo, "Sigma-zero: Gradient-based
            Optimization of l0-norm Adversarial Examples", ICLR 2025,
            https://arxiv.org/abs/2402.01879, algorithm 1
    """

    steps: int = 300
    step_size: float = 1.0
    sigma: float = 1e-3
    threshold: float = 0.3
    threshold_rate: float = 0.01
    batch_size: int = 128
    fold: bool = False

    norm = "l0"

    def __post_init__(self) -> None:
        check_whole(steps=self.steps, batch_size=self.batch_size)
        check_number(above=0, step_size=self.step_size, sigma=self.sigma)
        check_number(above=0, threshold_rate=self.threshold_rate)
        check_number(least=0, most=1, threshold=self.threshold)

    def search(self, task: Task) -> Search:
        def start(originals: tf.Tensor) -> _State:
            zeros = tf.zeros_like(originals)
            thresholds = tf.fill([len(originals)], tf.constant(self.threshold, tf.float32))
            return _State(originals, zeros, zeros, thresholds, nothing_found(originals))

        def settings(batch: Batch) -> Iterator[_Settings]:
            for done in range(self.steps):
                rate = self.step_size * (0.1 + 0.9 * cosine(done / self.steps))
                yield _Settings(
                    sign=batch.goal.sign,
                    sigma=self.sigma,
                    threshold_change=self.threshold_rate * rate,
                    pace=Pace.of_step(done + 1, rate),
                )

        return nearest_in_steps(task, _compiled_step(task), start, settings)

    def most_of_run(self, classes: int, image_shape: tuple[int, ...]) -> Evaluations:
        return Evaluations(gradients=self.steps, forwards=1)


class _State(NamedTuple):
    """What a step changes, one entry per image.

    Attributes:
        images: the iterates.
        mean, square: Adam's first and second moments.
        thresholds: what has moved by less goes back.
        nearest: the successful iterates in which the fewest values differ.
    """

    images: tf.Tensor
    mean: tf.Tensor
    square: tf.Tensor
    thresholds: tf.Tensor
    nearest: Nearest


class _Settings(NamedTuple):
    """What is the same for all images of a step."""

    sign: float
    sigma: float
    threshold_change: float
    pace: Pace


def _compiled_step(task: Task) -> Callable:
    """One step, for any setting: one trace per model."""

    def missing(logits: tf.Tensor, classes: tf.Tensor, sign: tf.Tensor) -> tf.Tensor:
        return tf.minimum(margin(logits, classes, sign), 0.0)

    def make(logits_of: LogitsOf) -> Callable:
        def step(state: _State, goals: Goals, settings: _Settings) -> _State:
            images, moved = state.images, state.images - goals.originals
            gradient, logits = loss_gradient(
                logits_of, images, goals.classes, settings.sign, 1.0, missing
            )
            success = is_past(logits, goals.classes, settings.sign)
            count = lengths(moved, "l0")

            slope = 2 * settings.sigma * moved / tf.square(tf.square(moved) + settings.sigma)
            gradient -= slope / images.shape[1:].num_elements()
            steepest = tf.maximum(lengths(gradient, "linf"), 1e-12)
            gradient /= per_image(steepest, gradient)
            move, mean, square = adam(state.mean, state.square, gradient, settings.pace)
            after = tf.clip_by_value(images + move, 0.0, 1.0)

            change = tf.where(success, settings.threshold_change, -settings.threshold_change)
            thresholds = tf.clip_by_value(state.thresholds + change, 0.0, 1.0)
            stays = tf.abs(after - goals.originals) >= per_image(thresholds, after)
            return _State(
                images=tf.where(stays, after, goals.originals),
                mean=mean,
                square=square,
                thresholds=thresholds,
                nearest=state.nearest.or_nearer(success, images, count),
            )

        return step

    images, numbers, nearest, goals = specs(task)
    scalar = tf.TensorSpec([], tf.float32)
    settings = _Settings(scalar, scalar, scalar, Pace(scalar, scalar, scalar))
    state = _State(images, images, images, numbers, nearest)
    return task.classifier.compiled("sigma-zero", make, [state, goals, settings])

"""The fast minimum-norm attack."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import tensorflow as tf

from attacks.engine.attack import Evaluations
from attacks.engine.geometry import dual_lengths, lengths
from attacks.engine.gradients import LogitsOf, loss_gradient
from attacks.engine.losses import margin
from attacks.engine.minimum_norm import MinimumNormAttack
from attacks.engine.nearest import (
    BallSettings,
    Goals,
    InBall,
    compiled_in_ball,
    cosine,
    is_past,
    nearest_in_steps,
)
from attacks.engine.norms import NORMS, check_norm, diameter
from attacks.engine.projections import within
from attacks.engine.steps import linear_step
from attacks.engine.task import Batch, Search, Task
from models.ranges import check_number, check_whole

#: How far a value has to be from the end of its range to count in full: one grey level.
_FULL_ROOM = 1 / 255


@dataclass(frozen=True)
class FMN(MinimumNormAttack):
    """Gradient steps in a ball whose radius follows the boundary (the fast minimum-norm attack).

    Each step climbs the margin and is projected on a ball around the original. Until an image
    first reaches the goal, its ball reaches a little beyond the boundary of the linearised model.
    After that the radius falls below that of the nearest success with every success, and rises a
    little otherwise. Steps and changes of the radius become smaller along half a cosine. The
    nearest successful iterate is returned.

    Differs from the authors' code in two points, without which images stay short of the boundary.
    The first balls reach beyond it by gamma: on the boundary itself, which a linear model is at
    after one step, nothing would move. And a value that has less than a grey level to go, up to the
    end of its range, counts for less as a way to the boundary.

    Attributes:
        steps: gradients per image. The first one is that of the original.
        norm: "linf", "l2", "l1" or "l0" (the number of values that differ).
        step_size: the L2 length of the first step; the last one has a hundredth of it.
        gamma: by what part the radius changes first; a hundredth of it at the end.
        batch_size: images per gradient.
        fold: search in `attacks.folded(model)`, which is faster; the model itself judges what
            is found.

    References:
        Pintor, Roli, Brendel and Biggio, "Fast Minimum-norm Adversarial Attacks through Adaptive
            Norm Constraints", NeurIPS 2021, https://arxiv.org/abs/2102.12827, algorithm 1
    """

    steps: int = 300
    norm: str = "l2"
    step_size: float = 1.0
    gamma: float = 0.05
    batch_size: int = 128
    fold: bool = False

    def __post_init__(self) -> None:
        check_norm(self.norm, NORMS)
        check_whole(steps=self.steps, batch_size=self.batch_size)
        check_number(above=0, step_size=self.step_size)
        check_number(above=0, below=1, gamma=self.gamma)

    def search(self, task: Task) -> Search:
        def start(originals: tf.Tensor) -> InBall:
            return InBall.at_start(originals, 1.0 if self.norm == "l0" else 0.0)

        def settings(batch: Batch) -> Iterator[BallSettings]:
            for done in range(self.steps):
                share = 0.01 + 0.99 * cosine(done / self.steps)
                yield BallSettings(batch.goal.sign, share * self.step_size, share * self.gamma)

        return nearest_in_steps(task, _compiled_step(task, self.norm), start, settings)

    def most_of_run(self, classes: int, image_shape: tuple[int, ...]) -> Evaluations:
        return Evaluations(gradients=self.steps, forwards=1)


def _compiled_step(task: Task, norm: str) -> Callable:
    """One step in a norm, for any other setting: one trace per model."""
    largest = diameter(norm, task.classifier.image_shape)

    def make(logits_of: LogitsOf) -> Callable:
        def step(state: InBall, goals: Goals, settings: BallSettings) -> InBall:
            images, perturbations = state.images, state.images - goals.originals
            gradient, logits = loss_gradient(
                logits_of, images, goals.classes, settings.sign, 1.0, margin
            )
            room = tf.where(gradient > 0, 1 - images, images)
            gradient *= tf.minimum(room / _FULL_ROOM, 1.0)
            success = is_past(logits, goals.classes, settings.sign)
            distances = lengths(perturbations, norm)
            if norm == "l0":
                epsilons = _count(state, success, settings.gamma)
            else:
                gaps = tf.abs(margin(logits, goals.classes, settings.sign))
                to_boundary = gaps / tf.maximum(dual_lengths(gradient, norm), 1e-12)
                ahead = (1 + settings.gamma) * (distances + to_boundary)
                epsilons = _radius(state, success, ahead, settings.gamma)
            epsilons = tf.clip_by_value(epsilons, 0.0, largest)
            moved = perturbations + linear_step(gradient, settings.step_size, "l2")
            moved = goals.originals + within(moved, epsilons, norm)
            return InBall(
                images=tf.clip_by_value(moved, 0.0, 1.0),
                epsilons=epsilons,
                nearest=state.nearest.or_nearer(success, images, distances),
            )

        return step

    return compiled_in_ball(task, f"fmn {norm}", make)


def _radius(state: InBall, success: tf.Tensor, ahead: tf.Tensor, gamma: tf.Tensor) -> tf.Tensor:
    """The next radii [N]; `ahead` are those of an image that has not reached the goal."""
    smaller = tf.minimum((1 - gamma) * state.epsilons, state.nearest.distances)
    found = tf.math.is_finite(state.nearest.distances)
    return tf.where(success, smaller, tf.where(found, (1 + gamma) * state.epsilons, ahead))


def _count(state: InBall, success: tf.Tensor, gamma: tf.Tensor) -> tf.Tensor:
    """The next numbers [N] of values that may differ: another one at every step."""
    fewer = tf.minimum(state.epsilons - 1, tf.floor((1 - gamma) * state.epsilons))
    more = tf.maximum(state.epsilons + 1, tf.floor((1 + gamma) * state.epsilons))
    return tf.where(success, tf.minimum(fewer, state.nearest.distances), more)

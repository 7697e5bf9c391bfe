"""Decoupled direction and norm."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import tensorflow as tf

from attacks.engine.attack import Evaluations
from attacks.engine.geometry import lengths, per_image
from attacks.engine.gradients import LogitsOf, loss_gradient
from attacks.engine.losses import cross_entropy, margin
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
from attacks.engine.norms import diameter
from attacks.engine.steps import linear_step
from attacks.engine.task import Batch, Search, Task
from models.ranges import check_number, check_whole

_LOSSES = {"cross-entropy": cross_entropy, "margin": margin}


@dataclass(frozen=True)
class DDN(MinimumNormAttack):
    """Gradient steps on a sphere that shrinks at success and grows otherwise (L2).

    The gradient gives the direction alone. The length of the perturbation is that of the sphere,
    which is multiplied by 1 - gamma after an iterate that reached the goal and by 1 + gamma after
    one that did not. The nearest successful iterate is returned.

    Differs from the authors' code in that iterates are not rounded to grey levels.

    Attributes:
        steps: gradients per image. The first one is that of the original.
        initial_epsilon: the radius of the first sphere.
        gamma: by what part the radius changes.
        loss: what is climbed: "cross-entropy" as in the paper, or "margin", whose gradient does not
            vanish where the model is sure.
        batch_size: images per gradient.
        fold: search in `attacks.folded(model)`, which is faster; the model itself judges what
            is found.

    References:
        Rony, Hafemann, Oliveira, Ben Ayed, Sabourin and Granger, "Decoupling Direction and Norm
            for Efficient Gradient-Based L2 Adversarial Attacks and Defenses", CVPR 2019,
            https://arxiv.org/abs/1811.09600, algorithm 1
    """

    steps: int = 300
    initial_epsilon: float = 1.0
    gamma: float = 0.05
    loss: str = "cross-entropy"
    batch_size: int = 128
    fold: bool = False

    norm = "l2"

    def __post_init__(self) -> None:
        check_whole(steps=self.steps, batch_size=self.batch_size)
        check_number(above=0, initial_epsilon=self.initial_epsilon)
        check_number(above=0, below=1, gamma=self.gamma)
        if self.loss not in _LOSSES:
            raise ValueError(f"loss is {self.loss!r}; accepted: {', '.join(map(repr, _LOSSES))}")

    def search(self, task: Task) -> Search:
        def start(originals: tf.Tensor) -> InBall:
            return InBall.at_start(originals, self.initial_epsilon)

        def settings(batch: Batch) -> Iterator[BallSettings]:
            for done in range(self.steps):
                length = 0.01 + 0.99 * cosine(done / self.steps)
                yield BallSettings(batch.goal.sign, step_size=length, gamma=self.gamma)

        return nearest_in_steps(task, _compiled_step(task, self.loss), start, settings)

    def most_of_run(self, classes: int, image_shape: tuple[int, ...]) -> Evaluations:
        return Evaluations(gradients=self.steps, forwards=1)


def _compiled_step(task: Task, loss: str) -> Callable:
    """One step, for any setting but the loss: one trace per model."""
    largest = diameter("l2", task.classifier.image_shape)

    def make(logits_of: LogitsOf) -> Callable:
        def step(state: InBall, goals: Goals, settings: BallSettings) -> InBall:
            images, perturbations = state.images, state.images - goals.originals
            gradient, logits = loss_gradient(
                logits_of, images, goals.classes, settings.sign, 1.0, _LOSSES[loss]
            )
            success = is_past(logits, goals.classes, settings.sign)
            distances = lengths(perturbations, "l2")
            factor = tf.where(success, 1 - settings.gamma, 1 + settings.gamma)
            epsilons = tf.minimum(factor * state.epsilons, largest)
            moved = perturbations + linear_step(gradient, settings.step_size, "l2")
            scale = tf.math.divide_no_nan(epsilons, lengths(moved, "l2"))
            moved = goals.originals + per_image(scale, moved) * moved
            return InBall(
                images=tf.clip_by_value(moved, 0.0, 1.0),
                epsilons=epsilons,
                nearest=state.nearest.or_nearer(success, images, distances),
            )

        return step

    return compiled_in_ball(task, f"ddn {loss}", make)

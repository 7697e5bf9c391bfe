"""The fast gradient sign method."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from attacks.engine.attack import Evaluations
from attacks.engine.budget import BudgetAttack
from attacks.engine.gradients import LogitsOf, loss_gradient
from attacks.engine.losses import BY_NAME
from attacks.engine.norms import check_norm
from attacks.engine.steps import linear_step
from attacks.engine.task import Batch, Crafted, Progress, Run, Task
from attacks.engine.thresholds import Thresholds, thresholds_of_sweeps
from models.ranges import check_number, check_whole


@dataclass(frozen=True)
class FGSM(BudgetAttack):
    """One step of length epsilon along the gradient of the cross-entropy (a budget attack).

    L2 and L1 as in CleverHans, whose linear step this is: the direction of unit norm that raises
    the linearised loss most. A sweep takes one gradient for all epsilons.

    Attributes:
        norm: "linf", "l2" or "l1".
        clip: whether adversarial images are clipped to [0, 1].
        temperature: what the logits are divided by before the loss.
        batch_size: images per gradient.

    References:
        Goodfellow, Shlens and Szegedy, "Explaining and Harnessing Adversarial Examples", ICLR 2015,
            https://arxiv.org/abs/1412.6572
    """

    norm: str = "linf"
    clip: bool = True
    temperature: float = 1.0
    batch_size: int = 128

    climbs = "cross-entropy"

    def __post_init__(self) -> None:
        check_norm(self.norm)
        check_number(above=0, temperature=self.temperature)
        check_whole(batch_size=self.batch_size)

    def run_within(self, task: Task) -> Run:
        direction_of = _compiled_direction(task, self.norm, self.climbs)

        def run(batch: Batch, epsilons: np.ndarray) -> Crafted:
            epsilons = epsilons.astype(np.float32).reshape(-1, *[1] * (batch.images.ndim - 1))
            images = np.empty_like(batch.images)
            self._move(batch.images, self._direction(direction_of, batch), epsilons, images)
            return _crafted(images)

        return run

    def most_of_run(self, classes: int, image_shape: tuple[int, ...]) -> Evaluations:
        return Evaluations(gradients=1, forwards=0)

    def most_evaluations(
        self, epsilons: int, classes: int, image_shape: tuple[int, ...]
    ) -> Evaluations:
        """See `Attack.most_evaluations`: one gradient serves all epsilons."""
        return Evaluations(gradients=1, forwards=epsilons)

    def crafted_within(
        self, task: Task, epsilons: list[float], progress: Progress | None = None
    ) -> list[Crafted]:
        """One gradient for all epsilons; the images of all are one array, which saves a copy."""
        direction_of = _compiled_direction(task, self.norm, self.climbs)
        images = np.empty([len(epsilons), *task.images.shape], np.float32)
        done = 0
        for batch in task.batches():
            direction = self._direction(direction_of, batch)
            rows = slice(done, done + len(batch))
            for epsilon, moved in zip(epsilons, images):
                self._move(batch.images, direction, np.float32(epsilon), moved[rows])
            done += len(batch)
            if progress:
                progress(done, len(task.images))
        return [_crafted(moved) for moved in images]

    def thresholds(
        self,
        task: Task,
        epsilons: np.ndarray,
        broken: np.ndarray,
        progress: Progress | None = None,
    ) -> Thresholds:
        """See `Attack.thresholds`: one gradient serves all epsilons."""
        swept = thresholds_of_sweeps(
            task, lambda part: self.sweep_task(part, list(epsilons)), progress
        )
        return replace(swept, gradient_evaluations=np.ones(len(broken), np.int64))

    def _direction(self, direction_of: Callable, batch: Batch) -> np.ndarray:
        """The perturbation of unit length that raises the loss most, float32 [N, ...]."""
        goal = batch.goal
        return direction_of(batch.images, goal.classes, goal.sign, self.temperature).numpy()

    def _move(
        self,
        images: np.ndarray,
        direction: np.ndarray,
        epsilons: np.ndarray | np.float32,
        moved: np.ndarray,
    ) -> None:
        """Writes images + epsilons x direction into `moved`."""
        np.multiply(epsilons, direction, out=moved)
        moved += images
        if self.clip:
            np.clip(moved, 0, 1, out=moved)


def _crafted(images: np.ndarray) -> Crafted:
    """`images` [N, ...], which took one gradient each."""
    ones = np.ones(len(images), np.int64)
    return Crafted(images, gradient_evaluations=ones, forward_evaluations=0 * ones)


def _compiled_direction(task: Task, norm: str, loss: str) -> Callable:
    """The steepest direction for any temperature: one trace per model, norm and loss."""

    def make(logits_of: LogitsOf) -> Callable:
        def direction(
            images: tf.Tensor, classes: tf.Tensor, sign: tf.Tensor, temperature: tf.Tensor
        ) -> tf.Tensor:
            gradient, _ = loss_gradient(
                logits_of, images, classes, sign, temperature, BY_NAME[loss]
            )
            return linear_step(gradient, 1.0, norm)

        return direction

    images, classes = task.classifier.batch_spec, tf.TensorSpec([None], tf.int64)
    scalar = tf.TensorSpec([], tf.float32)
    return task.classifier.compiled(f"fgsm {norm} {loss}", make, [images, classes, scalar, scalar])

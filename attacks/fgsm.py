"""The fast gradient sign method."""

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from attacks.engine.budget import BudgetAttack, Run
from attacks.engine.gradients import loss_gradient
from attacks.engine.losses import BY_NAME
from attacks.engine.norms import check_epsilons, check_norm
from attacks.engine.steps import linear_step
from attacks.engine.task import Batch, Crafted, Progress, Task, check_count, check_positive


@dataclass(frozen=True)
class FGSM(BudgetAttack):
    """One step of length epsilon along the gradient of the cross-entropy (a budget attack).

    Goodfellow, Shlens and Szegedy, "Explaining and Harnessing Adversarial Examples", 2015,
    arXiv 1412.6572. L2 and L1 as in CleverHans, whose linear step this is: the direction of
    unit norm that raises the linearised loss most. A sweep takes one gradient for all epsilons.

    Attributes:
        norm: "linf", "l2" or "l1".
        clip: whether adversarial images are clipped to [0, 1].
        temperature: what the logits are divided by before the loss.
        batch_size: images per gradient.
    """

    norm: str = "linf"
    clip: bool = True
    temperature: float = 1.0
    batch_size: int = 128

    climbs = "cross-entropy"

    def __post_init__(self):
        check_norm(self.norm)
        check_positive(temperature=self.temperature)
        check_count(batch_size=self.batch_size)

    def _run(self, task: Task) -> Run:
        direction_of = _compiled_direction(task, self.norm, self.climbs)

        def run(batch: Batch, epsilons: np.ndarray) -> Crafted:
            images = np.empty_like(batch.images)
            epsilons = epsilons.astype(np.float32).reshape(-1, *[1] * (images.ndim - 1))
            self._move(batch.images, self._direction(direction_of, batch), epsilons, images)
            return self._counted(images)

        return run

    def _crafted(self, task: Task, epsilons, progress: Progress | None):
        """One gradient for all epsilons; the images of all are one block of memory."""
        checked = check_epsilons(epsilons, self.norm, task.images.shape[1:])
        distinct = list(dict.fromkeys(checked))
        direction_of = _compiled_direction(task, self.norm, self.climbs)
        images = np.empty([len(distinct), *task.images.shape], np.float32)
        done = 0
        for batch in task.batches():
            direction = self._direction(direction_of, batch)
            rows = slice(done, done + len(batch))
            for epsilon, moved in zip(distinct, images):
                self._move(batch.images, direction, np.float32(epsilon), moved[rows])
            done += len(batch)
            if progress:
                progress(done, len(task.images))
        crafted = {
            epsilon: self._counted(moved) for epsilon, moved in zip(distinct, images, strict=True)
        }
        return [(epsilon, crafted[epsilon]) for epsilon in checked]

    def _direction(self, direction_of, batch: Batch) -> np.ndarray:
        return direction_of(
            batch.images, batch.goal.classes, batch.goal.sign, self.temperature
        ).numpy()

    def _move(self, images, direction, epsilons, moved: np.ndarray) -> None:
        """Writes images + epsilons x direction into `moved`, in pieces that stay in the cache."""
        rows = max(1, _PIECE // math.prod(images.shape[1:]))
        for start in range(0, len(images), rows):
            piece = slice(start, start + rows)
            out = moved[piece]
            np.multiply(direction[piece], epsilons if epsilons.ndim == 0 else epsilons[piece], out)
            np.add(images[piece], out, out)
            if self.clip:
                np.clip(out, 0, 1, out=out)

    @staticmethod
    def _counted(images: np.ndarray) -> Crafted:
        ones = np.ones(len(images), np.int64)
        return Crafted(images, ones, 0 * ones)


_PIECE = 2**16  # values


def _compiled_direction(task: Task, norm: str, loss: str):
    def make(logits_of):
        def direction(images, classes, sign, temperature):
            gradient, _ = loss_gradient(
                logits_of, images, classes, sign, temperature, BY_NAME[loss]
            )
            return linear_step(gradient, 1.0, norm)

        return direction

    scalar = tf.TensorSpec([], tf.float32)
    return task.classifier.compiled(
        f"fgsm {norm} {loss}",
        make,
        [task.classifier.batch_spec, tf.TensorSpec([None], tf.int64), scalar, scalar],
    )

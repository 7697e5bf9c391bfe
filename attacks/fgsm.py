"""The fast gradient sign method."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from cleverhans.tf2.utils import optimize_linear

from attacks.budget import BudgetAttack, Run
from attacks.engine import Batch, Crafted, Task, check_count, check_positive
from attacks.gradients import loss_gradient
from attacks.norms import ORDER, check_norm


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

    def __post_init__(self):
        check_norm(self.norm)
        check_positive(temperature=self.temperature)
        check_count(batch_size=self.batch_size)

    def _run(self, task: Task) -> Run:
        direction_of = _compiled_direction(task, self.norm)

        def run(batch: Batch, epsilons: np.ndarray) -> Crafted:
            direction = direction_of(
                batch.images, batch.goal.classes, batch.goal.sign, self.temperature
            ).numpy()
            direction *= epsilons.astype(np.float32).reshape(-1, *[1] * (direction.ndim - 1))
            return self._moved(batch, direction)

        return run

    def _batch_sweep(self, task: Task, run: Run, batch: Batch, epsilons) -> list[Crafted]:
        direction = _compiled_direction(task, self.norm)(
            batch.images, batch.goal.classes, batch.goal.sign, self.temperature
        ).numpy()
        return [self._moved(batch, np.float32(epsilon) * direction) for epsilon in epsilons]

    def _moved(self, batch: Batch, perturbations: np.ndarray) -> Crafted:
        """The images moved by `perturbations`, whose memory they take."""
        images = np.add(batch.images, perturbations, out=perturbations)
        if self.clip:
            np.clip(images, 0, 1, out=images)
        ones = np.ones(len(batch), np.int64)
        return Crafted(images, ones, 0 * ones)


def _compiled_direction(task: Task, norm: str):
    def make(logits_of):
        def direction(images, classes, sign, temperature):
            gradient, _ = loss_gradient(logits_of, images, classes, sign, temperature)
            return optimize_linear(gradient, 1.0, ORDER[norm])

        return direction

    scalar = tf.TensorSpec([], tf.float32)
    return task.classifier.compiled(
        f"fgsm {norm}",
        make,
        [task.classifier.batch_spec, tf.TensorSpec([None], tf.int64), scalar, scalar],
    )

"""The fast gradient sign method."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from cleverhans.tf2.utils import optimize_linear

from attacks.engine import Batch, Crafted, Progress, Task, budget_sweep, check_count, check_positive
from attacks.gradients import loss_gradient
from attacks.norms import ORDER, check_norm
from attacks.result import AttackResult


@dataclass(frozen=True)
class FGSM:
    """One step of length epsilon along the gradient of the cross-entropy (a budget attack).

    Goodfellow, Shlens and Szegedy, "Explaining and Harnessing Adversarial Examples", 2015,
    arXiv 1412.6572. L2 and L1 as in CleverHans, whose linear step this is: the direction of
    unit norm that raises the linearised loss most.

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

    def __call__(self, model, images, labels=None, *, epsilon: float, **options) -> AttackResult:
        """Attacks `images` within `epsilon`; see `sweep`."""
        return self.sweep(model, images, labels, epsilons=[epsilon], **options)[0]

    def sweep(
        self,
        model,
        images,
        labels=None,
        *,
        epsilons: Sequence[float],
        ids=None,
        progress: Progress | None = None,
    ) -> list[AttackResult]:
        """Attacks at every epsilon with one gradient for all of them.

        Args:
            model: a Keras model or callable that gives logits [N, classes].
            images: float [N, ...] in [0, 1].
            labels: true classes, int [N]; `None` for the model's predictions; or a goal.
            epsilons: distances in [0, 1] pixels.
            ids: accepted for symmetry; nothing here is random.
            progress: called with (images done, images in all).

        Raises:
            ValueError: naming the argument, its value and what is accepted.
        """
        task = Task(model, images, labels, ids, self.batch_size)
        direction_of = task.classifier.compiled(
            f"fgsm {self.norm}",
            lambda logits_of: _direction(logits_of, ORDER[self.norm]),
            [
                task.classifier.batch_spec,
                tf.TensorSpec([None], tf.int64),
                tf.TensorSpec([], tf.float32),
                tf.TensorSpec([], tf.float32),
            ],
        )

        def craft(batch: Batch, epsilons: list[float]) -> list[Crafted]:
            direction = direction_of(
                batch.images, batch.goal.classes, batch.goal.sign, self.temperature
            ).numpy()
            ones = np.ones(len(batch.images), np.int64)
            return [
                Crafted(self._moved(batch.images, direction, epsilon), ones, 0 * ones)
                for epsilon in epsilons
            ]

        return budget_sweep(task, epsilons, self.norm, craft, progress)

    def _moved(self, images: np.ndarray, direction: np.ndarray, epsilon: float) -> np.ndarray:
        moved = images + np.float32(epsilon) * direction
        return np.clip(moved, 0, 1) if self.clip else moved


def _direction(logits_of, order):
    def direction(images, classes, sign, temperature):
        gradient, _ = loss_gradient(logits_of, images, classes, sign, temperature)
        return optimize_linear(gradient, 1.0, order)

    return direction

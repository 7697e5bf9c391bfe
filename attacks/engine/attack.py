"""What all attacks have in common."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from attacks.engine.task import Progress, Task
from attacks.engine.thresholds import Thresholds, thresholds_of_sweeps
from attacks.readings import Model
from attacks.result import AttackResult


class Evaluations(NamedTuple):
    """How often one image passes a model: with a gradient (forwards and backwards), and without."""

    gradients: int
    forwards: int

    @property
    def passes(self) -> int:
        """What they take, in forward passes: with respect to images, a gradient is two of them."""
        return 2 * self.gradients + self.forwards

    def times(self, runs: int) -> "Evaluations":
        return Evaluations(runs * self.gradients, runs * self.forwards)

    def and_forwards(self, forwards: int) -> "Evaluations":
        return self._replace(forwards=self.forwards + forwards)


@runtime_checkable
class Attack(Protocol):
    """What a study, an evaluation or `robust_curve` asks of an attack.

    Those of this package subclass it, most by way of `BudgetAttack` or `MinimumNormAttack`. What
    is not a subclass has to define all of it.
    """

    @property
    def norm(self) -> str:
        """What epsilon is measured in: "linf", "l2", "l1", "l0"; "patch" for what has no bound."""
        raise NotImplementedError

    @property
    def batch_size(self) -> int:
        """Images per gradient, or per forward pass."""
        raise NotImplementedError

    @property
    def temperature(self) -> float:
        """What the logits are divided by before the loss; 1 where the attack has no such choice."""
        return 1.0

    @property
    def climbs(self) -> str | None:
        """The loss of `attacks.engine.losses` whose gradient is followed, by name.

        `None` for none, or more than one. Diagnostics look at the gradient of this loss.
        """
        return None

    def most_evaluations(
        self, epsilons: int, classes: int, image_shape: tuple[int, ...]
    ) -> Evaluations:
        """The most that a sweep over so many epsilons takes for one image.

        Images that leave early take less, and so does what epsilons share.
        """
        raise NotImplementedError

    def sweep_task(
        self, task: Task, epsilons: Sequence[float], progress: Progress | None = None
    ) -> list[AttackResult]:
        """`sweep` of what has been checked already.

        Args:
            task: a model, images, and what to attack them for.
            epsilons: as for `sweep`.
            progress: as for `sweep`.
        """
        raise NotImplementedError

    def sweep(
        self,
        model: Model,
        images: Any,
        labels: Any = None,
        *,
        epsilons: Sequence[float],
        ids: Any = None,
        progress: Progress | None = None,
        jit_compile: bool = False,
    ) -> list[AttackResult]:
        """Attacks at every epsilon; identical work is done once.

        Besides the images and the results, a batch at a time takes memory, and with a minimum-norm
        attack one more copy of the images.

        Args:
            model: a Keras model or callable that gives logits [N, classes], or either in
                `attacks.as_logits` or `attacks.as_probabilities`.
            images: float [N, ...] in [0, 1].
            labels: true classes, int [N] or [N, 1]; `None` for the model's predictions; or a goal.
            epsilons: distances in `norm` between images in [0, 1].
            ids: int [N], what random draws of an image are keyed by (default: its index).
            progress: called with (images done, images in all).
            jit_compile: compile with XLA.

        Returns:
            One result per epsilon, in the order given.

        Raises:
            ValueError: naming the argument, its value and what is accepted.
        """
        task = Task(model, images, labels, ids, self.batch_size, jit_compile)
        return self.sweep_task(task, epsilons, progress)

    def thresholds(
        self,
        task: Task,
        epsilons: np.ndarray,
        broken: np.ndarray,
        progress: Progress | None = None,
    ) -> Thresholds:
        """The smallest epsilon at which each image is broken, for `robust_curve`.

        Args:
            task: a model, images, and what to attack them for.
            epsilons: float [E], ascending and distinct, already checked.
            broken: bool [N], images that need no attack, whose entries are not used.
            progress: as for `sweep`.
        """
        return thresholds_of_sweeps(
            task, lambda part: self.sweep_task(part, list(epsilons)), progress
        )

"""Minimum-norm attacks: they look for the smallest perturbation that reaches the goal."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from attacks.engine.norms import check_epsilons
from attacks.engine.task import Batch, Crafted, Progress, Task
from attacks.result import AttackResult

#: Attacks a batch. Images on which nothing is found come back as they are.
Run = Callable[[Batch], Crafted]


class MinimumNormAttack:
    """What the minimum-norm attacks have in common; each is a frozen dataclass.

    Each defines `_run`. An image that reaches the goal without attack comes back unchanged, and
    so does one on which nothing is found; `AttackResult.success` tells them apart.
    """

    norm: str
    batch_size: int
    climbs: ClassVar[None] = None  # no loss that could vanish where the model is sure

    def __call__(
        self,
        model,
        images,
        labels=None,
        *,
        ids=None,
        progress: Progress | None = None,
        jit_compile: bool = False,
    ) -> AttackResult:
        """Looks for the smallest perturbation of every image.

        Args:
            model: a Keras model or callable that gives logits [N, classes].
            images: float [N, ...] in [0, 1].
            labels: true classes, int [N] or [N, 1]; `None` for the model's predictions; or a goal.
            ids: int [N], what random draws of an image are keyed by (default: its index).
            progress: called with (images done, images in all).
            jit_compile: compile with XLA.

        Raises:
            ValueError: naming the argument, its value and what is accepted.
        """
        task = Task(model, images, labels, ids, self.batch_size, jit_compile)
        return task.result(self._crafted(task, progress))

    def sweep(
        self,
        model,
        images,
        labels=None,
        *,
        epsilons: Sequence[float],
        ids=None,
        progress: Progress | None = None,
        jit_compile: bool = False,
    ) -> list[AttackResult]:
        """One run, seen at every epsilon: a perturbation counts where it is within epsilon.

        Args:
            epsilons: distances in `norm` between images in [0, 1]; `math.inf` for any.
            others: as for a call.

        Returns:
            One result per epsilon, in the order given. An image whose perturbation is longer
            than epsilon is the original.
        """
        task = Task(model, images, labels, ids, self.batch_size, jit_compile)
        epsilons = check_epsilons(epsilons, self.norm, task.images.shape[1:], unbounded=True)
        found = task.result(self._crafted(task, progress))
        clean = task.logits(task.images)
        results = []
        for epsilon in epsilons:
            within = found.distances[self.norm] <= epsilon * (1 + 1e-6)
            rows = within.reshape(-1, *[1] * (task.images.ndim - 1))
            results.append(
                replace(
                    found,
                    images=np.where(rows, found.images, task.images),
                    logits=np.where(within[:, None], found.logits, clean),
                    forward_evaluations=found.forward_evaluations + 1,
                    epsilon=epsilon,
                )
            )
        return results

    def _crafted(self, task: Task, progress: Progress | None) -> Crafted:
        run = self._run(task)
        parts = []
        done = 0
        for batch in task.batches():
            parts.append(run(batch))
            done += len(batch)
            if progress:
                progress(done, len(task.images))
        return Crafted.joined(parts) if parts else task.nothing()

    def _run(self, task: Task) -> Run:
        """The attack on a batch; checks what the attack asks of the model."""
        raise NotImplementedError

"""Minimum-norm attacks: they look for the smallest perturbation that reaches the goal."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from attacks.engine.attack import Attack, Evaluations
from attacks.engine.folding import Foldable
from attacks.engine.norms import ROUNDING, check_epsilons, distances
from attacks.engine.task import Batch, Crafted, Progress, Run, Search, Task
from attacks.engine.thresholds import Thresholds, thresholds_of_distances
from attacks.readings import Model
from attacks.result import AttackResult


class MinimumNormAttack(Foldable, Attack):
    """What the minimum-norm attacks have in common; each is a frozen dataclass.

    Each defines `search`. An image that reaches the goal without attack comes back unchanged, and
    so does one on which nothing is found; `AttackResult.success` tells them apart. They climb no
    loss that could vanish where the model is sure.

    With `fold`, an image that the folded model alone takes for adversarial comes back unchanged.
    """

    def search(self, task: Task) -> Search:
        """The attack on a batch; checks what the attack asks of the model."""
        raise NotImplementedError

    def most_of_run(self, classes: int, image_shape: tuple[int, ...]) -> Evaluations:
        """The most that the search takes for one image."""
        raise NotImplementedError

    def most_evaluations(
        self, epsilons: int, classes: int, image_shape: tuple[int, ...]
    ) -> Evaluations:
        """See `Attack.most_evaluations`: one search for all epsilons."""
        return self.most_of_run(classes, image_shape).and_forwards(2 + self.fold)

    def run_within(self, task: Task) -> Run:
        """The attack within an epsilon for each image; for attacks that can stop there to replace.

        An image whose perturbation is longer than its epsilon comes back as it is.
        """
        search = self._judged_search(task)

        def run(batch: Batch, epsilons: np.ndarray) -> Crafted:
            crafted = search(batch)
            reached = distances(crafted.images - batch.images)[self.norm]
            within = reached <= epsilons * (1 + ROUNDING)
            return replace(crafted, images=_where(within, crafted.images, batch.images))

        return run

    def __call__(
        self,
        model: Model,
        images: Any,
        labels: Any = None,
        *,
        ids: Any = None,
        progress: Progress | None = None,
        jit_compile: bool = False,
    ) -> AttackResult:
        """Looks for the smallest perturbation of every image.

        Args:
            model, images, labels, ids, progress, jit_compile: as for `sweep`.

        Raises:
            ValueError: naming the argument, its value and what is accepted.
        """
        task = Task(model, images, labels, ids, self.batch_size, jit_compile)
        return task.result(self.crafted(task, progress))

    def sweep_task(
        self, task: Task, epsilons: Sequence[float], progress: Progress | None = None
    ) -> list[AttackResult]:
        """One run, seen at every epsilon: a perturbation counts where it is within epsilon.

        Args:
            task: a model, images, and what to attack them for.
            epsilons: distances in `norm` between images in [0, 1]; `math.inf` for any.
            progress: called with (images done, images in all).

        Returns:
            One result per epsilon, in the order given. An image whose perturbation is longer
            than epsilon is the original.
        """
        checked = check_epsilons(epsilons, self.norm, task.images.shape[1:], unbounded=True)
        nearest = task.result(self.crafted(task, progress))
        clean = task.logits(task.images)
        results = []
        for epsilon in checked:
            within = nearest.distances[self.norm] <= epsilon * (1 + ROUNDING)
            results.append(
                replace(
                    nearest,
                    images=_where(within, nearest.images, task.images),
                    logits=np.where(within[:, None], nearest.logits, clean),
                    forward_evaluations=nearest.forward_evaluations + 1,
                    epsilon=epsilon,
                )
            )
        return results

    def crafted(self, task: Task, progress: Progress | None = None) -> Crafted:
        """The nearest adversarial images of all batches."""
        search = self._judged_search(task)
        crafted = task.nothing()
        done = 0
        for batch in task.batches():
            crafted.fill(done, task.one_once(f"from image {done}", search, batch))
            done += len(batch)
            if progress:
                progress(done, len(task.images))
        return crafted

    def _judged_search(self, task: Task) -> Search:
        """`search`; what was found in a folded model counts if the model itself says so."""
        search = self.search(self.searched(task))

        def run(batch: Batch) -> Crafted:
            crafted = search(batch)
            reached = batch.goal.reached(task.logits(crafted.images))
            return replace(
                crafted,
                images=_where(reached, crafted.images, batch.images),
                forward_evaluations=crafted.forward_evaluations + 1,
            )

        return run if self.fold else search

    def thresholds(
        self,
        task: Task,
        epsilons: np.ndarray,
        broken: np.ndarray,
        progress: Progress | None = None,
    ) -> Thresholds:
        """See `Attack.thresholds`: one run serves all epsilons."""
        return thresholds_of_distances(task, self.crafted(task, progress), self.norm, epsilons)


def _where(which: np.ndarray, images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """`images` [N, ...] where `which` (bool [N]), else `others`."""
    return np.where(which.reshape(-1, *[1] * (images.ndim - 1)), images, others)

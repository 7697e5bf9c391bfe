"""Attacks within a budget: they maximise a loss and stay within epsilon."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Self

import numpy as np

from attacks.engine.attack import Attack, Evaluations
from attacks.engine.journal import Journal
from attacks.engine.norms import check_epsilons
from attacks.engine.task import Batch, Crafted, Progress, Run, Task, note_part
from attacks.engine.thresholds import Thresholds, thresholds_by_descent
from attacks.readings import Model
from attacks.result import AttackResult

#: Batches that `BudgetAttack.craft` works on at once, at all epsilons.
_BATCHES = 16


class BudgetAttack(Attack):
    """What the budget attacks have in common; each is a frozen dataclass.

    They return what they crafted, whether or not it reaches the goal. Each defines `run_within`;
    one that shares work between epsilons also defines `sweep_batch`, or `crafted_within`.
    """

    def run_within(self, task: Task) -> Run:
        """The attack on a batch; checks what the attack asks of the model."""
        raise NotImplementedError

    def most_of_run(self, classes: int, image_shape: tuple[int, ...]) -> Evaluations:
        """The most that the attack within one epsilon takes for one image."""
        raise NotImplementedError

    def most_evaluations(
        self, epsilons: int, classes: int, image_shape: tuple[int, ...]
    ) -> Evaluations:
        """See `Attack.most_evaluations`; what is crafted is classified afresh."""
        return self.most_of_run(classes, image_shape).and_forwards(1).times(epsilons)

    def __call__(
        self,
        model: Model,
        images: Any,
        labels: Any = None,
        *,
        epsilon: float,
        **options: Any,
    ) -> AttackResult:
        """Attacks `images` within `epsilon`; see `sweep`."""
        return self.sweep(model, images, labels, epsilons=[epsilon], **options)[0]

    def sweep_task(
        self, task: Task, epsilons: Sequence[float], progress: Progress | None = None
    ) -> list[AttackResult]:
        """See `Attack.sweep_task`."""
        checked, distinct, index = self._distinct(task, epsilons)
        crafted = self.crafted_within(task, distinct, progress) if distinct else []
        results = [task.result(each) for each in crafted]
        return [
            replace(results[number], epsilon=epsilon)
            for epsilon, number in zip(checked, index, strict=True)
        ]

    def craft(
        self,
        model: Model,
        images: Any,
        labels: Any = None,
        *,
        epsilons: Sequence[float],
        ids: Any = None,
        progress: Progress | None = None,
        jit_compile: bool = False,
        journal: Journal | None = None,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """The adversarial images of a `sweep` alone, without classifying them.

        Args:
            model, images, labels, epsilons, ids, progress, jit_compile: as for `sweep`.
            journal: keeps what is crafted, so that the same call goes on after it was killed.
            out: where they are written, float32 [E, N, ...]; default: a new array. Besides it a
                few batches take memory, however many images there are.

        Returns:
            `out`, one row per epsilon.
        """
        task = Task(model, images, labels, ids, self.batch_size, jit_compile)
        _, distinct, index = self._distinct(task, epsilons)
        if out is None:
            out = np.empty([len(index), *task.images.shape], np.float32)
        done = 0
        for part in task.parts(_BATCHES) if distinct else ():
            part = part.with_journal(journal and journal.under(f"part from image {done}"))
            note = progress and partial(note_part, progress, done, len(task.images))
            crafted = self.crafted_within(part, distinct, note)
            rows = slice(done, done + len(part.images))
            for images_within, number in zip(out, index, strict=True):
                images_within[rows] = crafted[number].images
            done = rows.stop
        return out

    def crafted_within(
        self, task: Task, epsilons: list[float], progress: Progress | None = None
    ) -> list[Crafted]:
        """What is crafted at each of some ascending epsilons, which have been checked."""
        run = self.run_within(task)
        crafted = [task.nothing() for _ in epsilons]
        done = 0
        for batch in task.batches():
            key = f"from image {done}"
            parts = task.once(key, self.sweep_batch, task, run, batch, epsilons)
            for whole, part in zip(crafted, parts, strict=True):
                whole.fill(done, part)
            done += len(batch)
            if progress:
                progress(done, len(task.images))
        return crafted

    def sweep_batch(
        self, task: Task, run: Run, batch: Batch, epsilons: list[float]
    ) -> list[Crafted]:
        """One batch at ascending epsilons, for attacks that share work between them to replace."""
        return [run(batch, np.full(len(batch), epsilon)) for epsilon in epsilons]

    def reach(self, epsilon: float) -> float:
        """How far all steps together may lead, in the norm; less than epsilon for too few."""
        return epsilon

    def plateau(self, image_shape: tuple[int, ...]) -> float:
        """The epsilon above which all give the same images; infinity where there is none."""
        return math.inf

    def stopping(self) -> Self:
        """This attack as one that leaves an image at its first success, if it offers that."""
        if not hasattr(self, "stop_at_success"):
            return self
        return replace(self, stop_at_success=True)  # type: ignore[type-var]

    def thresholds(
        self,
        task: Task,
        epsilons: np.ndarray,
        broken: np.ndarray,
        progress: Progress | None = None,
    ) -> Thresholds:
        """See `Attack.thresholds`: a few runs of each image, of which one at most fails."""
        run = self.stopping().run_within(task)
        return thresholds_by_descent(task, run, self.norm, epsilons, broken, progress)

    def _distinct(
        self, task: Task, epsilons: Sequence[float]
    ) -> tuple[list[float], list[float], list[int]]:
        """Epsilons as they were given, those that differ in their images, and which is which.

        The second are ascending; the third says for each of the first its place among them.
        """
        image_shape = task.images.shape[1:]
        checked = check_epsilons(epsilons, self.norm, image_shape)
        ascending = sorted(set(checked))
        plateau = self.plateau(image_shape)
        distinct = [epsilon for epsilon in ascending if epsilon <= plateau]
        distinct += [epsilon for epsilon in ascending if epsilon > plateau][:1]
        index = [min(bisect_left(distinct, epsilon), len(distinct) - 1) for epsilon in checked]
        return checked, distinct, index

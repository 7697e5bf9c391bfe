"""Attacks within a budget: they maximise a loss and stay within epsilon."""

from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np
import tensorflow as tf

from attacks.engine.norms import check_epsilons
from attacks.engine.task import Batch, Crafted, Progress, Task
from attacks.result import AttackResult

#: Attacks a batch, each image within its own epsilon (float64 [N]).
Run = Callable[[Batch, np.ndarray], Crafted]


class BudgetAttack:
    """What the budget attacks have in common; each is a frozen dataclass and defines `_run`.

    They return what they crafted, whether or not it reaches the goal.

    Attributes:
        climbs: the loss of `attacks.engine.losses` whose gradient is followed, by name; `None` for
            none, or more than one.
    """

    norm: str
    batch_size: int
    climbs: ClassVar[str | None] = None

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
        jit_compile: bool = False,
    ) -> list[AttackResult]:
        """Attacks at every epsilon; identical work is done once.

        Args:
            model: a Keras model or callable that gives logits [N, classes].
            images: float [N, ...] in [0, 1].
            labels: true classes, int [N] or [N, 1]; `None` for the model's predictions; or a goal.
            epsilons: distances in [0, 1] pixels.
            ids: int [N], what random draws of an image are keyed by (default: its index).
            progress: called with (images done, images in all).
            jit_compile: compile with XLA.

        Returns:
            One result per epsilon, in the order given.

        Raises:
            ValueError: naming the argument, its value and what is accepted.
        """
        task = Task(model, images, labels, ids, self.batch_size, jit_compile)
        found: dict[int, AttackResult] = {}  # by what was crafted: a plateau is classified once
        results = []
        for epsilon, crafted in self._crafted(task, epsilons, progress):
            known = found.get(id(crafted))
            results.append(task.result(crafted, epsilon, known and known.logits))
            found[id(crafted)] = results[-1]
        return results

    def craft(
        self,
        model,
        images,
        labels=None,
        *,
        epsilons: Sequence[float],
        ids=None,
        progress: Progress | None = None,
        jit_compile: bool = False,
    ) -> list[np.ndarray]:
        """The adversarial images of a `sweep` alone, float32 [N, ...], without classifying them."""
        task = Task(model, images, labels, ids, self.batch_size, jit_compile)
        return [crafted.images for _, crafted in self._crafted(task, epsilons, progress)]

    def _crafted(self, task: Task, epsilons, progress) -> list[tuple[float, Crafted]]:
        checked = check_epsilons(epsilons, self.norm, task.images.shape[1:])
        ascending = sorted(set(checked))
        if not ascending:
            return []
        run = self._run(task)
        parts = []
        done = 0
        for batch in task.batches():
            parts.append(self._batch_sweep(task, run, batch, ascending))
            done += len(batch)
            if progress:
                progress(done, len(task.images))
        if not parts:
            return [(epsilon, task.nothing()) for epsilon in checked]
        crafted = dict(zip(ascending, _joined(parts), strict=True))
        return [(epsilon, crafted[epsilon]) for epsilon in checked]

    def _run(self, task: Task) -> Run:
        """The attack on a batch; checks what the attack asks of the model."""
        raise NotImplementedError

    def _batch_sweep(
        self, task: Task, run: Run, batch: Batch, epsilons: list[float]
    ) -> list[Crafted]:
        """One batch at ascending epsilons; for attacks that share work between them to replace.

        What is the same for two epsilons is the same object.
        """
        return [run(batch, np.full(len(batch), epsilon)) for epsilon in epsilons]


def _joined(parts: list[list[Crafted]]) -> list[Crafted]:
    """Joins batches (the outer list) epsilon by epsilon; equal objects stay equal."""
    joined: dict[tuple, Crafted] = {}
    for same_epsilon in zip(*parts, strict=True):
        key = tuple(map(id, same_epsilon))
        if key not in joined:
            joined[key] = Crafted.joined(same_epsilon)
    return [joined[tuple(map(id, same_epsilon))] for same_epsilon in zip(*parts, strict=True)]


def iterate(
    task: Task, batch: Batch, step, steps: int, *, state, fixed, settings, stop_at_success: bool
) -> Crafted:
    """Repeats step(*state, *fixed, *settings) -> (*state, logits) from the images in `state`.

    Args:
        state: tensors with an entry per image that change; the first is the images. The logits
            that a step returns are those of the images it was given.
        fixed: tensors with an entry per image that do not change.
        settings: scalars.
        stop_at_success: images leave at the first iterate that reaches the goal, so that the
            cost follows the hard ones.
    """
    images = None
    gradients = np.zeros(len(batch), np.int64)
    remaining = task.remaining(len(batch))
    for _ in range(steps):
        *following, logits = step(*state, *fixed, *settings)
        gradients[remaining.rows_going] += 1
        if stop_at_success:
            images = batch.images.copy() if images is None else images
            reached = batch.goal.take(remaining.rows).reached(logits.numpy())
            done = np.flatnonzero(reached & remaining.going)
            if len(done):
                images[remaining.rows[done]] = tf.gather(state[0], done).numpy()
                left = remaining.finish(done, *following, *fixed)
                if not remaining:
                    break
                following, fixed = left[: len(state)], left[len(state) :]
        state = following
    if images is None:
        images = state[0].numpy()
    elif remaining:
        images[remaining.rows_going] = tf.gather(state[0], np.flatnonzero(remaining.going)).numpy()
    return Crafted(images, gradients, np.zeros_like(gradients))

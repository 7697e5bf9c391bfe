"""Accuracy against epsilon at the least cost."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from attacks.engine.budget import BudgetAttack
from attacks.engine.minimum_norm import MinimumNormAttack
from attacks.engine.norms import check_epsilons, distances
from attacks.engine.task import Progress, Task
from attacks.fgsm import FGSM
from attacks.goals import Goal, Untargeted, are_finite


@dataclass(frozen=True, eq=False)
class RobustCurve:
    """At which epsilon each image is broken.

    Attributes:
        epsilons: float [E], in the order given.
        broken_at: float [N], the smallest of `epsilons` at which the goal is reached; infinity
            where it is at none.
        gradient_evaluations: int64 [N], of all runs on an image together.
        forward_evaluations: int64 [N].
        not_finite: bool [N], images on which the model gave a logit that is not finite, without
            attack or at the end of one. Untargeted, they count as broken: no class is right.
        spread: see `AttackResult`.
    """

    epsilons: np.ndarray
    broken_at: np.ndarray
    gradient_evaluations: np.ndarray
    forward_evaluations: np.ndarray
    not_finite: np.ndarray
    spread: float = 0.0

    @property
    def accuracy(self) -> np.ndarray:
        """float [E], the share of images that are not broken at each epsilon.

        Of an untargeted attack on true labels this is robust accuracy. NaN without images.
        """
        if not len(self.broken_at):
            return np.full(len(self.epsilons), np.nan)
        return (self.broken_at > self.epsilons[:, None]).mean(axis=1)


def robust_curve(
    model,
    images,
    labels,
    attack: BudgetAttack | MinimumNormAttack,
    epsilons: Sequence[float],
    *,
    ids=None,
    progress: Progress | None = None,
    jit_compile: bool = False,
) -> RobustCurve:
    """Accuracies at every epsilon, without work that cannot change them.

    An image is broken at an epsilon when some attempt found an adversarial image within it. It
    is attacked at the largest epsilon and left at its first success; what was found tells how
    near it is, and the next epsilon tried is the largest one below that. The first epsilon that
    it withstands ends it: it is taken to withstand the smaller ones. So each image costs one
    failure, which is what takes all steps, and a few successes, which are cheap; accuracies
    never rise with epsilon, and differ from those of `attack.sweep` where that relied on the
    last iterate, or on a smaller budget doing better than a larger. A minimum-norm attack is
    run once, FGSM takes one gradient.

    Args:
        model, images, labels, ids, progress, jit_compile: as for a call of the attack.
        attack: a budget or a minimum-norm attack.
        epsilons: distances in `attack.norm` between images in [0, 1].

    Raises:
        ValueError: naming the argument, its value and what is accepted.
    """
    task = Task(model, images, labels, ids, attack.batch_size, jit_compile)
    given = check_epsilons(epsilons, attack.norm, task.images.shape[1:])
    ascending = np.unique(np.array(given, np.float64))
    clean, not_finite = _broken(task.goal, task.logits(task.images))
    if isinstance(attack, MinimumNormAttack):
        search = _from_distances
    elif isinstance(attack, FGSM):  # its one gradient serves all epsilons
        search = _from_sweep
    else:
        search = _descent
    zero = np.zeros(len(clean), np.int64)
    index, gradients, forwards = zero, zero, zero
    if len(clean) and len(ascending):
        index, gradients, forwards = search(task, attack, ascending, clean, not_finite, progress)
    index[clean] = 0
    return RobustCurve(
        epsilons=np.array(given, np.float64),
        broken_at=np.append(ascending, np.inf)[index],
        gradient_evaluations=gradients,
        forward_evaluations=forwards + task.forward_evaluations + 1,
        not_finite=not_finite,
        spread=task.classifier.spread,
    )


def _broken(goal: Goal, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which images count as broken, and which have a logit that is not finite, bool [N] both."""
    not_finite = ~are_finite(logits)
    # No class is right there, but none is reached either.
    broken = not_finite if isinstance(goal, Untargeted) else False
    return goal.reached(logits) | broken, not_finite


def _descent(task: Task, attack, epsilons: np.ndarray, clean, not_finite, progress):
    """The index of the smallest epsilon at which each image is broken; len(epsilons) for none."""
    if "stop_at_success" in {field.name for field in fields(attack)}:
        attack = replace(attack, stop_at_success=True)
    count = len(task.images)
    gradients, forwards = np.zeros((2, count), np.int64)
    run = attack._run(task)
    broken = np.where(clean, 0, len(epsilons))
    least = int(epsilons[0] == 0)  # what is not broken without attack is not within 0 either
    left = np.flatnonzero(broken > least)
    while len(left):
        withstood = np.zeros(count, bool)
        for rows, batch in zip(_chunks(left, task.batch_size), task.batches(left)):
            found = run(batch, epsilons[broken[rows] - 1])
            gradients[rows] += found.gradient_evaluations
            forwards[rows] += found.forward_evaluations + 1
            logits = task.classifier.logits(found.images).numpy()
            success, not_finite_now = _broken(batch.goal, logits)
            not_finite[rows] |= not_finite_now
            reached = distances(found.images - batch.images)[attack.norm]
            within = np.searchsorted(epsilons * (1 + 1e-6), reached)
            nearest = np.minimum(broken[rows] - 1, within)
            broken[rows] = np.where(success, np.maximum(nearest, least), broken[rows])
            withstood[rows] = ~success
            if progress:
                waiting = (broken > least) & ~withstood
                progress(count - int(waiting[left].sum()), count)
        left = left[(broken[left] > least) & ~withstood[left]]
    return broken, gradients, forwards


def _chunks(rows: np.ndarray, size: int) -> list[np.ndarray]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _from_sweep(task: Task, attack, epsilons: np.ndarray, clean, not_finite, progress):
    results = [
        task.result(crafted) for _, crafted in attack._crafted(task, list(epsilons), progress)
    ]
    success, not_finites = np.array(
        [_broken(task.goal, result.logits) for result in results]
    ).swapaxes(0, 1)
    not_finite |= not_finites.any(axis=0)
    index = np.where(success.any(axis=0), success.argmax(axis=0), len(epsilons))
    ones = np.ones(len(task.images), np.int64)
    return index, ones, len(results) * ones


def _from_distances(task: Task, attack, epsilons: np.ndarray, clean, not_finite, progress):
    found = task.result(attack._crafted(task, progress))
    broken, not_finite_now = _broken(task.goal, found.logits)
    not_finite |= not_finite_now
    reached = np.where(broken, found.distances[attack.norm], np.inf)
    index = np.searchsorted(epsilons * (1 + 1e-6), reached)
    return index, found.gradient_evaluations, found.forward_evaluations

"""The smallest epsilon at which each image is broken: three ways to it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from attacks.engine.norms import ROUNDING, distances
from attacks.engine.task import Crafted, Progress, Run, Task
from attacks.goals import Goal, Untargeted, are_finite
from attacks.result import AttackResult


@dataclass(frozen=True, eq=False)
class Thresholds:
    """Where each of N images breaks, among E ascending epsilons.

    Attributes:
        index: int [N], which is the smallest epsilon that breaks the image; E for none.
        gradient_evaluations: int64 [N], of all runs on an image together.
        forward_evaluations: int64 [N].
        not_finite: bool [N], images on which the model gave a logit that is not finite at the
            end of a run.
    """

    index: np.ndarray
    gradient_evaluations: np.ndarray
    forward_evaluations: np.ndarray
    not_finite: np.ndarray


def is_broken(goal: Goal, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which images count as broken, and which have a logit that is not finite, bool [N] both.

    Where a logit is not finite no class is right, but none is reached either.
    """
    not_finite = ~are_finite(logits)
    broken = goal.reached(logits)
    return broken | not_finite if isinstance(goal, Untargeted) else broken, not_finite


def thresholds_by_descent(
    task: Task,
    run: Run,
    norm: str,
    epsilons: np.ndarray,
    broken: np.ndarray,
    progress: Progress | None,
) -> Thresholds:
    """Attacks each image at the largest epsilon, then below what was enough, until it withstands.

    Args:
        run: an attack on a batch, best one that leaves an image at its first success.
        epsilons: float [E], ascending.
        broken: bool [N], images that need no attack.
    """
    count = len(task.images)
    gradients, forwards = np.zeros((2, count), np.int64)
    not_finite = np.zeros(count, bool)
    index = np.where(broken, 0, len(epsilons))
    least = int(epsilons[0] == 0)  # what is not broken without attack is not within 0 either
    left = np.flatnonzero(index > least)
    while len(left):
        withstood = np.zeros(count, bool)
        for rows, batch in task.whole.pieces(left, task.batch_size):
            crafted = run(batch, epsilons[index[rows] - 1])
            gradients[rows] += crafted.gradient_evaluations
            forwards[rows] += crafted.forward_evaluations + 1
            logits = task.classifier.logits(crafted.images).numpy()
            success, breaks_down = is_broken(batch.goal, logits)
            not_finite[rows] |= breaks_down
            reached = distances(crafted.images - batch.images)[norm]
            nearest = np.minimum(index[rows] - 1, _first_within(epsilons, reached))
            index[rows] = np.where(success, np.maximum(nearest, least), index[rows])
            withstood[rows] = ~success
            if progress:
                waiting = (index > least) & ~withstood
                progress(count - int(waiting[left].sum()), count)
        left = left[(index[left] > least) & ~withstood[left]]
    return Thresholds(index, gradients, forwards, not_finite)


def thresholds_of_distances(
    task: Task, crafted: Crafted, norm: str, epsilons: np.ndarray
) -> Thresholds:
    """From one run of an attack that looks for the smallest perturbation."""
    result = task.result(crafted)
    broken, not_finite = is_broken(task.goal, result.logits)
    reached = np.where(broken, result.distances[norm], np.inf)
    return Thresholds(
        _first_within(epsilons, reached),
        crafted.gradient_evaluations,
        crafted.forward_evaluations + 1,
        not_finite,
    )


def thresholds_of_sweeps(
    task: Task, sweep: Callable[[Task], list[AttackResult]], progress: Progress | None
) -> Thresholds:
    """From a sweep of each batch, so that the images of a batch alone are held at all epsilons.

    Evaluations are added up, as if the results of a sweep shared no work.

    Args:
        sweep: gives one result for each epsilon, ascending.
    """
    done, seen = 0, []
    for part in task.parts():
        seen.append(_of_results(part, sweep(part)))
        done += len(part.images)
        if progress:
            progress(done, len(task.images))
    return Thresholds(*map(np.concatenate, zip(*seen)))


def _of_results(task: Task, results: list[AttackResult]) -> tuple[np.ndarray, ...]:
    """The fields of `Thresholds`."""
    success, not_finite = np.array(
        [is_broken(task.goal, result.logits) for result in results]
    ).swapaxes(0, 1)
    gradients = np.sum([result.gradient_evaluations for result in results], axis=0)
    forwards = np.sum([result.forward_evaluations for result in results], axis=0)
    return (
        np.where(success.any(axis=0), success.argmax(axis=0), len(results)),
        gradients,
        forwards - len(results) * task.forward_evaluations,
        not_finite.any(axis=0),
    )


def _first_within(epsilons: np.ndarray, reached: np.ndarray) -> np.ndarray:
    """The index of the smallest epsilon not below each distance; len(epsilons) for none."""
    return np.searchsorted(epsilons * (1 + ROUNDING), reached)

"""Accuracy against epsilon at the least cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attacks.engine.attack import Attack
from attacks.engine.norms import NORMS, check_epsilons, check_norm
from attacks.engine.task import Progress, Task
from attacks.engine.thresholds import Thresholds, is_broken
from attacks.readings import Model


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

        Under an untargeted attack on true labels this is robust accuracy. NaN without images.
        """
        if not len(self.broken_at):
            return np.full(len(self.epsilons), np.nan)
        return (self.broken_at > self.epsilons[:, None]).mean(axis=1)


def robust_curve(
    model: Model,
    images: Any,
    labels: Any,
    attack: Attack,
    epsilons: Sequence[float],
    *,
    ids: Any = None,
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

    Besides the images a batch at a time takes memory, and with a minimum-norm attack one copy of
    the images.

    Args:
        model, images, labels, ids, progress, jit_compile: as for a call of the attack.
        attack: a budget or a minimum-norm attack; another is swept over all epsilons.
        epsilons: distances in `attack.norm` between images in [0, 1].

    Raises:
        ValueError: naming the argument, its value and what is accepted.
    """
    check_norm(attack.norm, NORMS)
    task = Task(model, images, labels, ids, attack.batch_size, jit_compile)
    given = check_epsilons(epsilons, attack.norm, task.images.shape[1:])
    ascending = np.unique(np.array(given, np.float64))
    broken, not_finite = is_broken(task.goal, task.logits(task.images))
    zero = np.zeros(len(broken), np.int64)
    thresholds = Thresholds(zero, zero, zero, not_finite)
    if len(broken) and len(ascending):
        thresholds = attack.thresholds(task, ascending, broken, progress)
    return RobustCurve(
        epsilons=np.array(given, np.float64),
        broken_at=np.append(ascending, np.inf)[np.where(broken, 0, thresholds.index)],
        gradient_evaluations=thresholds.gradient_evaluations,
        forward_evaluations=thresholds.forward_evaluations + task.forward_evaluations + 1,
        not_finite=not_finite | thresholds.not_finite,
        spread=task.classifier.spread,
    )

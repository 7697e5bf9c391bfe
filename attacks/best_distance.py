"""The smallest perturbations that several attacks together find within a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from attacks.carlini_wagner import CarliniWagner
from attacks.ddn import DDN
from attacks.deepfool import DeepFool
from attacks.engine.minimum_norm import MinimumNormAttack
from attacks.engine.norms import NORMS, check_norm
from attacks.engine.task import Task
from attacks.fab import FAB
from attacks.fmn import FMN
from attacks.readings import Model
from attacks.sigma_zero import SigmaZero
from models.ranges import check_number

#: What is run in each norm, in turn, by how many steps each may take.
_ATTACKS: dict[str, tuple[Callable[[int], MinimumNormAttack], ...]] = {
    "linf": (
        lambda steps: DeepFool(steps, norm="linf"),
        lambda steps: FMN(steps, norm="linf"),
        lambda steps: FAB(steps // 4, norm="linf", targets=3),
    ),
    "l2": (
        DeepFool,
        lambda steps: DDN(steps, loss="margin"),
        FMN,
        DDN,
        lambda steps: FAB(steps // 4, norm="l2", targets=3),
        lambda steps: CarliniWagner(search_steps=6, steps=steps),
    ),
    "l1": (lambda steps: FMN(steps, norm="l1"),),
    "l0": (SigmaZero, lambda steps: FMN(steps, norm="l0")),
}
_FIRST_STEPS = 50


@dataclass(frozen=True)
class FinishedAttack:
    """One attack that was run.

    Attributes:
        attack: with its settings.
        seconds: that it took, compiling included.
        nearest: for how many images it found the perturbation that was the smallest by then.
    """

    attack: MinimumNormAttack
    seconds: float
    nearest: int


@dataclass(frozen=True, eq=False)
class BestDistance:
    """The smallest perturbations found.

    Attributes:
        norm: in which they are small.
        images: float32 [N, ...], the adversarial images; the original where none was found.
        distances: float64 [N]; 0 where the goal is reached without attack, infinite where no
            adversarial image was found.
        attacks: what was run, in turn.
    """

    norm: str
    images: np.ndarray
    distances: np.ndarray
    attacks: tuple[FinishedAttack, ...]

    @property
    def seconds(self) -> float:
        """Of all attacks together."""
        return sum(each.seconds for each in self.attacks)


def best_distance(
    model: Model,
    images: Any,
    labels: Any,
    norm: str = "l2",
    *,
    seconds: float,
    batch_size: int = 128,
    ids: Any = None,
    jit_compile: bool = False,
) -> BestDistance:
    """Runs minimum-norm attacks with ever more steps until the time is up.

    One attack after the other is run, from 50 steps, then all of them with twice as many, and so
    on. An attack begins only if there is time for it, judged by its last run; the first one always
    does, and ends. What is found depends on the speed of the machine.

    Args:
        model, images, labels, ids, jit_compile: as for an attack.
        norm: "linf", "l2", "l1" or "l0".
        seconds: the time there is.
        batch_size: images per gradient.

    Raises:
        ValueError: naming the argument, its value and what is accepted.

    References:
        Cinà, Rony, Pintor, Demetrio, Demontis, Biggio, Ben Ayed and Roli, "AttackBench: Evaluating
            Gradient-based Attacks for Adversarial Examples", AAAI 2025,
            https://arxiv.org/abs/2404.19460, which takes the best of many attacks for the optimum
    """
    check_norm(norm, NORMS)
    check_number(above=0, seconds=seconds)
    task = Task(model, images, labels, ids, batch_size, jit_compile)
    nearest, distances = task.images.copy(), np.full(len(task.images), np.inf)
    finished: list[FinishedAttack] = []
    paces: dict[int, float] = {}
    started = perf_counter()
    for place, steps, attack in _in_turn(norm):
        begun = perf_counter()
        if finished and begun - started + steps * paces.get(place, 0.0) > seconds:
            break
        result = task.result(attack.crafted(task))
        found = np.where(result.success, result.distances[norm], np.inf)
        better = found < distances
        nearest[better] = result.images[better]
        distances[better] = found[better]
        took = perf_counter() - begun
        paces[place] = took / steps
        finished.append(FinishedAttack(attack, took, int(better.sum())))
    return BestDistance(norm, nearest, distances, tuple(finished))


def _in_turn(norm: str) -> Iterator[tuple[int, int, MinimumNormAttack]]:
    """The attacks: the place of each in its round, its steps, and itself."""
    steps = _FIRST_STEPS
    while True:
        for place, make in enumerate(_ATTACKS[norm]):
            yield place, steps, make(steps)
        steps *= 2

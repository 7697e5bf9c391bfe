"""What of a plan has run, and how long the rest may take, judged by the stages that ran."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import prod
from statistics import median
from typing import TypeVar

from attacks import BudgetAttack
from harness.arms import Arm, PatchArm, Training
from harness.plan import Kind, Plan, Stage
from harness.runner import Runner
from harness.stored import trained_in

Of = TypeVar("Of", Training, Arm)

#: The options of attacks that their time is in proportion to.
_LOOPS = ("steps", "restarts", "search_steps", "queries", "max_swaps", "targets")


@dataclass(frozen=True)
class Expected:
    """One network or one arm of a plan.

    Attributes:
        name: of the network in words, or the key of the arm.
        has_run: whether its stage is there.
        seconds: that it took, or is expected to take; `None` where there is nothing to go by.
    """

    name: str
    has_run: bool
    seconds: float | None


@dataclass(frozen=True)
class Forecast:
    """What of a plan has run and how long the rest may take."""

    networks: tuple[Expected, ...]
    arms: tuple[Expected, ...]

    @property
    def left(self) -> list[Expected]:
        """What has not run."""
        return [each for each in (*self.networks, *self.arms) if not each.has_run]

    @property
    def seconds_left(self) -> float:
        """Of that for which there is something to go by."""
        return sum(each.seconds for each in self.left if each.seconds is not None)

    @property
    def unknown(self) -> int:
        """How many networks and arms that have not run there is nothing to go by for."""
        return sum(each.seconds is None for each in self.left)


def forecast(todo: Plan, runner: Runner) -> Forecast:
    """Looks at the store alone: no data set is read, and none is downloaded.

    A training is expected to take as long as that of the same network in the most similar way, in
    proportion to epochs and images; an arm as long as the same attack on the same network, or else
    another attack on it, in proportion to images, epsilons and steps.
    """
    runner.recall_data()
    trained = [
        training
        for training in filter(runner.knows_data, todo.trainings)
        if runner.has(Stage(Kind.TRAIN, training))
    ]
    ran = runner.finished([arm for arm in todo.arms if runner.knows_data(arm.training)])
    sizes = _Sizes(runner, trained)
    networks = _expected(
        todo.trainings,
        {each: runner.store.seconds(runner.training_path(each)) for each in trained},
        lambda training: training.title,
        _likes_of_training,
        sizes.training_work,
    )
    arms = _expected(
        todo.arms,
        {each: _seconds_of_arm(each, runner) for each in ran},
        lambda arm: arm.key,
        _likes_of_arm,
        sizes.attack_work,
    )
    return Forecast(networks, arms)


def _expected(
    stages: Sequence[Of],
    took: dict[Of, float | None],
    name: Callable[[Of], str],
    likes: Callable[[Of], Sequence[Hashable]],
    work: Callable[[Of], float | None],
) -> tuple[Expected, ...]:
    """What is expected of every stage.

    Args:
        took: the seconds of those that have run.
        likes: what a stage has in common with others, from most to least.
        work: what the seconds of stages that are alike are in proportion to.
    """
    paces: dict[Hashable, list[float]] = defaultdict(list)
    for stage, seconds in took.items():
        amount = work(stage)
        if seconds is not None and amount:
            for like in likes(stage):
                paces[like].append(seconds / amount)

    def guess(stage: Of) -> float | None:
        amount = work(stage)
        pace = next((paces[like] for like in likes(stage) if like in paces), None)
        return None if pace is None or amount is None else median(pace) * amount

    return tuple(
        Expected(name(each), each in took, took[each] if each in took else guess(each))
        for each in stages
    )


def _likes_of_training(training: Training) -> list[Hashable]:
    network = training.network, training.dataset, training.recipe.epochs > 0
    return [(*network, training.method, training.role), (*network, training.method), network]


def _likes_of_arm(arm: Arm) -> list[Hashable]:
    network = arm.training.network, arm.training.dataset
    return [(*network, type(arm.attack)), network]


def _seconds_of_arm(arm: Arm, runner: Runner) -> float | None:
    seconds = runner.store.seconds(runner.arm_path(arm))
    if seconds is None or not isinstance(arm, PatchArm):
        return seconds
    return seconds + (runner.store.seconds(runner.patch_path(arm)) or 0.0)


class _Sizes:
    """How much work stages are; how many images a data set has is known from its networks."""

    def __init__(self, runner: Runner, trained: Sequence[Training]):
        self._counts = {
            (each.dataset, each.split, each.images_per_class): trained_in(
                runner.training_path(each) / "training.json"
            )
            for each in trained
        }

    def training_work(self, training: Training) -> float | None:
        """Epochs times images."""
        images = training.images or self._count(training, "train_images")
        return images and max(1, training.recipe.epochs) * images

    def attack_work(self, arm: Arm) -> float | None:
        """Images times epsilons times steps."""
        images = arm.images or self._count(arm.training, "test_images")
        epsilons = len(arm.epsilons) if isinstance(arm.attack, BudgetAttack) else 1
        loops = (getattr(arm.attack, name, None) or 1 for name in _LOOPS)
        return images and images * epsilons * prod(loops)

    def _count(self, training: Training, which: str) -> int | None:
        """All images of a part of a data set; `None` if nothing is trained on it."""
        key = training.dataset, training.split, training.images_per_class
        return self._counts[key][which] if key in self._counts else None

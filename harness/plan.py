"""What running a profile takes: every stage once, in an order in which they can be done."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from harness.arms import Arm, PatchArm, Training
from harness.study import Profile, Study


class Kind(StrEnum):
    """What a stage does."""

    TRAIN = "train"
    PATCH = "patch"
    ATTACK = "attack"


@dataclass(frozen=True)
class Stage:
    """One step of a run whose result is kept.

    Attributes:
        of: the network that is trained, or the arm that is attacked or whose patch is made.
    """

    kind: Kind
    of: Training | Arm

    @property
    def title(self) -> str:
        """What people read."""
        if isinstance(self.of, Training):
            return f"{self.kind} {self.of.title}"
        view = "" if self.kind == Kind.PATCH else f", {self.of.view}"
        return f"{self.kind} {self.of.training.title}{view}, {self.of.attack_name}"

    @property
    def needs(self) -> tuple["Stage", ...]:
        """The stages whose results it starts from."""
        if isinstance(self.of, Training):
            return tuple(Stage(Kind.TRAIN, each) for each in self.of.sources.values())
        if self.kind == Kind.PATCH:
            return (Stage(Kind.TRAIN, self.of.training),)
        networks = tuple(Stage(Kind.TRAIN, each) for each in trainings_of(self.of))
        patch = (Stage(Kind.PATCH, self.of),) if isinstance(self.of, PatchArm) else ()
        return networks + patch


@dataclass(frozen=True)
class Plan:
    """The stages of a run.

    Attributes:
        trainings: those that the arms need, each after those it builds on.
        pattern: the names of arms that were asked for.
    """

    trainings: list[Training]
    arms: list[Arm]
    pattern: str

    @property
    def stages(self) -> list[Stage]:
        """All stages, each after those it needs; attacks on one network follow each other.

        Pre-trained networks come first, so that missing weights are found early.
        """
        trained = sorted(self.trainings, key=lambda training: training.recipe.epochs > 0)
        stages = [Stage(Kind.TRAIN, training) for training in trained]
        for arm in sorted(self.arms, key=lambda arm: self.trainings.index(arm.training)):
            if isinstance(arm, PatchArm):
                stages.append(Stage(Kind.PATCH, arm))
            stages.append(Stage(Kind.ATTACK, arm))
        return stages


def plan(study: Study, profile: Profile, pattern: str = "*") -> Plan:
    """What running `profile` takes, for the arms whose key matches `pattern` (shell style).

    Raises:
        ValueError: no arm matches.
    """
    every = study.arms(profile)
    arms = [arm for arm in every if fnmatchcase(arm.key, pattern)]
    if not arms:
        raise ValueError(
            f"arms is {pattern!r}, which matches none of {len(every)}; for example: "
            + ", ".join(repr(arm.key) for arm in every[:3])
        )
    return plan_of(arms, pattern)


def plan_of(arms: list[Arm], pattern: str) -> Plan:
    """The plan of some arms, with every training they need."""
    trainings = dict.fromkeys(needed for arm in arms for needed in trainings_of(arm))
    return Plan(list(trainings), arms, pattern)


def trainings_of(arm: Arm) -> Iterator[Training]:
    """Every training that an arm needs, each after those it builds on."""
    return _in_order(arm.networks)


def _in_order(trainings: Iterable[Training]) -> Iterator[Training]:
    for training in trainings:
        yield from _in_order(training.sources.values())
        yield training

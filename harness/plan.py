"""What running a profile takes: every stage once, in an order in which they can be done."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from harness.arms import Arm, Training
from harness.study import Profile, Study


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

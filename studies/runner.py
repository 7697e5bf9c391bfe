"""Runs the stages of a study: every training an arm needs, then its attack."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import keras

import data
from attacks import as_logits
from data import Dataset
from evaluation import Outcomes, evaluate
from models import with_softmax, with_temperature
from studies.store import Store
from studies.study import Arm, Profile, Study, Training, description
from studies.training import network_of, train


class Progress(Protocol):
    """Shows how far a run is."""

    def plan(self, stages: int) -> None:
        """How many stages there are."""

    def stage(self, title: str) -> AbstractContextManager[Callable[[float, str], None]]:
        """One stage; what it yields is called with the share done and a few words."""

    def found(self, title: str) -> None:
        """A stage that was there already."""


@dataclass(frozen=True)
class Plan:
    """The stages of a run, each once, in an order in which they can be done."""

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
    trainings: dict[Training, None] = {}
    for arm in arms:
        for needed in _in_order(arm.training):
            trainings.setdefault(needed)
    return Plan(list(trainings), arms, pattern)


def _in_order(training: Training) -> Iterator[Training]:
    for needed in training.needs:
        yield from _in_order(needed)
    yield training


class Runner:
    """Executes plans, keeping data sets and the last network in memory.

    Args:
        store: where finished stages are found and new ones written.
        data_dir: passed to `data.load`.
    """

    def __init__(self, store: Store, data_dir: Path | None = None):
        self.store = store
        self.data_dir = data_dir
        self._datasets: dict[tuple[str, str], Dataset] = {}
        self._network: tuple[Training, keras.Model] | None = None

    def run(self, todo: Plan, progress: Progress) -> None:
        """Does what is missing; a second call does nothing."""
        for training in todo.trainings:  # a missing data set is found before hours are spent
            self.dataset(training)
        progress.plan(len(todo.trainings) + len(todo.arms))
        for training in todo.trainings:
            self._train(training, progress)
        for arm in sorted(todo.arms, key=lambda arm: todo.trainings.index(arm.training)):
            self._attack(arm, progress)

    def dataset(self, training: Training) -> Dataset:
        key = (training.dataset, training.split)
        if key not in self._datasets:
            self._datasets[key] = data.load(*key, data_dir=self.data_dir)
        return self._datasets[key]

    def training_path(self, training: Training) -> Path:
        return self.store.path("train", self._description(training))

    def arm_path(self, arm: Arm) -> Path:
        return self.store.path("attack", self._arm_description(arm))

    def outcomes(self, arm: Arm) -> Outcomes:
        return Outcomes.load(self.arm_path(arm) / "outcomes.npz")

    def _train(self, training: Training, progress: Progress) -> None:
        what = self._description(training)
        if self.store.has("train", what):
            progress.found(f"train {training.title}")
            return
        sources = {
            role: self.training_path(needed) / "model.h5"
            for role, needed in (("warm_up", training.warm_up), ("teacher", training.teacher))
            if needed is not None
        }
        with (
            progress.stage(f"train {training.title}") as update,
            self.store.writing("train", what) as directory,
        ):
            train(training, self.dataset(training), directory, sources, update)
        keras.backend.clear_session()  # else every network trained so far stays in memory

    def _attack(self, arm: Arm, progress: Progress) -> None:
        what = self._arm_description(arm)
        title = f"attack {arm.training.title}, {arm.view}, {arm.attack_name}"
        if self.store.has("attack", what):
            progress.found(title)
            return
        dataset = self.dataset(arm.training)
        with (
            progress.stage(title) as update,
            self.store.writing("attack", what) as directory,
        ):
            model, attack = self._seen(arm)
            outcomes = evaluate(
                model,
                dataset.x_test[: arm.images],
                dataset.y_test[: arm.images],
                attack,
                arm.epsilons,
                own_labels=arm.own_labels,
                progress=lambda done, count: update(done / count, f"{done} of {count} images"),
            )
            outcomes.save(directory / "outcomes.npz")

    def _seen(self, arm: Arm):
        """The model and attack of an arm, from its view of the network."""
        if self._network is None or self._network[0] != arm.training:
            keras.backend.clear_session()
            self._network = (arm.training, network_of(self.training_path(arm.training)))
        network = self._network[1]
        temperature = arm.training.temperature
        if arm.view == "logits":
            return network, arm.attack
        if arm.view == "logits / T":
            return network, replace(arm.attack, temperature=temperature)
        if arm.view == "softmax":
            return as_logits(with_softmax(network)), arm.attack
        return as_logits(with_softmax(with_temperature(network, temperature))), arm.attack

    def _description(self, training: Training) -> dict:
        return {
            "training": description(training),
            "data": self.dataset(training).fingerprint,
            "versions": versions(),
        }

    def _arm_description(self, arm: Arm) -> dict:
        described = description(arm)
        # What an arm is called does not change what it computes.
        for name in ("case", "protocol", "variant", "attack_name"):
            del described[name]
        return {
            "arm": described,
            "data": self.dataset(arm.training).fingerprint,
            "versions": versions(),
        }


def versions() -> dict[str, str]:
    """Versions of the libraries that results depend on."""
    return {name: version(name) for name in ("tensorflow", "keras", "cleverhans", "numpy")}

"""Runs the stages of a study: every training an arm needs, then its attack."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import keras
import numpy as np

import data
from attacks import Patch, as_logits
from data import Dataset, DatasetNotFoundError, RandomErasing
from data.sources import DATA_DIR_VARIABLE
from defenses import defended
from distillation import procedure
from evaluation import Outcomes, evaluate
from harness import patch_plan as patches
from harness.patch_plan import PatchAtPlaces, PatchPlan
from harness.store import Store
from harness.study import VIEWS, Arm, Profile, Study, Training, description
from harness.training import network_of, train
from harness.units import BetweenStandardised, standardised_input
from models import with_softmax, with_temperature

#: Images of which an arm keeps what the attack made of them.
EXAMPLES = 8


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
    return plan_of(arms, pattern)


def plan_of(arms: list[Arm], pattern: str) -> Plan:
    """The plan of some arms, with every training they need."""
    trainings: dict[Training, None] = {}
    for arm in arms:
        for network in arm.needs:
            for needed in _in_order(network):
                trainings.setdefault(needed)
    return Plan(list(trainings), arms, pattern)


def _in_order(training: Training) -> Iterator[Training]:
    for needed in training.needs:
        yield from _in_order(needed)
    yield training


class Runner:
    """Executes plans, keeping the last data set and the last network in memory.

    Args:
        store: where finished stages are found and new ones written.
        data_dir: passed to `data.load`.
        weights: files of the ImageNet weights, by model; default: those of keras.applications.

    Raises:
        ValueError: a file of weights is not there.
    """

    def __init__(
        self,
        store: Store,
        data_dir: Path | None = None,
        weights: Mapping[str, Path] | None = None,
    ):
        self.store = store
        self.data_dir = data_dir
        self.weights = dict(weights or {})
        self._weight_sums = {model: _sum_of(model, path) for model, path in self.weights.items()}
        self._dataset: tuple[tuple, Dataset] | None = None
        self._fingerprints: dict[tuple, str] = {}
        self._network: tuple[Training, dict] | None = None  # by view and what is applied
        self._surrogate: tuple[Training, keras.Model] | None = None

    @property
    def weight_files(self) -> dict[str, str]:
        """The name of each file of weights and what it holds, by model."""
        return {
            model: f"{Path(path).name}, SHA-256 {self._weight_sums[model]}"
            for model, path in sorted(self.weights.items())
        }

    def run(self, todo: Plan, progress: Progress) -> None:
        """Does what is missing; a second call does nothing."""
        for training in todo.trainings:  # a missing data set is found before hours are spent
            self._fingerprint(training)
        patched = sum(map(_is_patch, todo.arms))
        progress.plan(len(todo.trainings) + patched + len(todo.arms))
        # Pre-trained networks first, so that missing weights are found early, too.
        for training in sorted(todo.trainings, key=lambda each: each.recipe.epochs > 0):
            self._train(training, progress)
        for arm in sorted(todo.arms, key=lambda arm: todo.trainings.index(arm.training)):
            if _is_patch(arm):
                self._make_patch(arm, progress)
            self._attack(arm, progress)

    def dataset(self, training: Training) -> Dataset:
        """The data a training sees; only the last one is kept in memory."""
        key = _data_key(training)
        if self._dataset is None or self._dataset[0] != key:
            self._dataset = None
            name, split, images_per_class = key
            loaded = data.load(
                name, split, data_dir=self.data_dir, images_per_class=images_per_class
            )
            self._dataset = (key, loaded)
        return self._dataset[1]

    def training_path(self, training: Training) -> Path:
        return self.store.path("train", self._description(training))

    def arm_path(self, arm: Arm) -> Path:
        return self.store.path("attack", self._arm_description(arm))

    def finished(self, arms: Iterable[Arm]) -> list[Arm]:
        """Those of `arms` that are done; no data set is downloaded to find out."""
        return [arm for arm in arms if self._is_local(arm.training) and self._is_done(arm)]

    def _is_local(self, training: Training) -> bool:
        named = self.data_dir is not None or DATA_DIR_VARIABLE in os.environ
        known = _data_key(training) in self._fingerprints
        return known or named or training.dataset == "digits"

    def _is_done(self, arm: Arm) -> bool:
        try:
            return self.arm_path(arm).is_dir() and all(
                self.training_path(training).is_dir()
                for network in arm.needs
                for training in _in_order(network)
            )
        except DatasetNotFoundError:
            return False

    def patch(self, arm: Arm) -> Patch:
        return patches.load(self.store.path("patch", self._patch_description(arm)) / "patch.npz")

    def outcomes(self, arm: Arm) -> Outcomes:
        return Outcomes.load(self.arm_path(arm) / "outcomes.npz")

    def _train(self, training: Training, progress: Progress) -> None:
        what = self._description(training)
        if self.store.has("train", what):
            progress.found(f"train {training.title}")
            return
        sources = {
            name: self.training_path(needed) / "model.h5"
            for name, needed in training.sources.items()
        }
        with (
            progress.stage(f"train {training.title}") as update,
            self.store.writing("train", what) as directory,
        ):
            train(
                training,
                self.dataset(training),
                directory,
                sources,
                update,
                self._weights(training),
            )
        keras.backend.clear_session()  # else every network trained so far stays in memory

    def _attack(self, arm: Arm, progress: Progress) -> None:
        what = self._arm_description(arm)
        title = f"attack {arm.training.title}, {arm.view}, {arm.attack_name}"
        if self.store.has("attack", what):
            progress.found(title)
            return
        with (
            progress.stage(title) as update,
            self.store.writing("attack", what) as directory,
        ):

            def show(done: int, count: int) -> None:
                update(done / count, f"{done} of {count} images")

            outcomes = (self._place_patch if _is_patch(arm) else self._evaluate)(arm, show)
            outcomes.save(directory / "outcomes.npz")

    def _evaluate(self, arm: Arm, progress) -> Outcomes:
        dataset = self.dataset(arm.training)
        model, attack = self._seen(arm)
        return evaluate(
            model,
            dataset.x_test[: arm.images],
            dataset.y_test[: arm.images],
            attack,
            arm.epsilons,
            own_labels=arm.own_labels,
            surrogate=self._crafted_on(arm),
            examples=_examples(arm, dataset),
            similarity=arm.similarity,
            progress=progress,
        )

    def _make_patch(self, arm: Arm, progress: Progress) -> None:
        what, plan = self._patch_description(arm), arm.attack
        title = f"patch {arm.training.title}, {arm.attack_name}"
        if self.store.has("patch", what):
            progress.found(title)
            return
        dataset = self.dataset(arm.training)
        with (
            progress.stage(title) as update,
            self.store.writing("patch", what) as directory,
        ):
            model, _ = self._seen(arm)
            patch = plan.make(model, dataset.x_test, dataset.y_test[: arm.images], update)
            patches.save(directory / "patch.npz", patch)

    def _place_patch(self, arm: Arm, progress) -> Outcomes:
        """The outcomes of the images that the patch was not made from."""
        dataset, plan = self.dataset(arm.training), arm.attack
        _, rows = plan.rows(dataset.y_test[: arm.images])
        return evaluate(
            self._seen(arm)[0],
            dataset.x_test[rows],
            dataset.y_test[rows],
            PatchAtPlaces(self.patch(arm), rows, plan.batch_size),
            arm.epsilons,
            targets=np.full(len(rows), plan.target),
            progress=progress,
        )

    def _seen(self, arm: Arm):
        """The model and attack of an arm, from its view of the network and what is applied."""
        if arm.view not in VIEWS:
            raise ValueError(f"view is {arm.view!r}; accepted: {', '.join(VIEWS)}")
        if self._network is None or self._network[0] != arm.training:
            keras.backend.clear_session()
            network = network_of(self.training_path(arm.training))
            self._network = (arm.training, {("logits", ()): network})
        attack, temperature = arm.attack, arm.training.temperature
        if arm.view == "logits / T":
            attack = replace(attack, temperature=temperature)
        seen = self._network[1]  # kept, because a new model would be compiled anew
        key = (arm.view.removesuffix(" / T"), arm.applied)
        if key not in seen:
            seen[key] = _through(arm, defended(seen["logits", ()], arm.applied))
        if arm.units == "standardised":
            if (*key, arm.units) not in seen:
                seen[*key, arm.units] = standardised_input(seen[key])
            attack = BetweenStandardised(attack, seen[*key, arm.units])
        return seen[key], attack

    def _crafted_on(self, arm: Arm) -> keras.Model | None:
        """The plain network that a transferred attack sees; the last one is kept, as compiled."""
        if arm.crafted_on is None:
            return None
        if arm.crafted_on == arm.training:
            return self._network[1]["logits", ()]
        if self._surrogate is None or self._surrogate[0] != arm.crafted_on:
            loaded = network_of(self.training_path(arm.crafted_on))
            self._surrogate = (arm.crafted_on, loaded)
        return self._surrogate[1]

    def _weights(self, training: Training) -> Path | None:
        network = training.network
        return self.weights.get(network.model) if network.weights == "imagenet" else None

    def _description(self, training: Training) -> dict:
        return {
            "training": description(training),
            "procedure": _procedure(training),
            "erasing": _erasing() if training.erasing else None,
            "weights": self._weights(training) and self._weight_sums[training.network.model],
            "data": self._fingerprint(training),
            "versions": versions(),
        }

    def _arm_description(self, arm: Arm) -> dict:
        described = description(arm)
        # What an arm is called does not change what it computes.
        for name in ("case", "protocol", "variant", "attack_name"):
            del described[name]
        # A network that was trained again may differ in its last bits: its weights count.
        networks = [self.training_path(training) / "model.h5" for training in arm.needs]
        return {
            "arm": described,
            "networks": [
                sha256(network.read_bytes()).hexdigest() if network.exists() else None
                for network in networks
            ],
            "data": self._fingerprint(arm.training),
            "versions": versions(),
        }

    def _patch_description(self, arm: Arm) -> dict:
        """Of an arm, what determines its patch."""
        whole, plan = self._arm_description(arm), arm.attack
        kept = {name: whole["arm"][name] for name in ("training", "view", "applied", "images")}
        kept["patch"] = {
            name: description(getattr(plan, name)) for name in ("method", "target", "fitted_on")
        }
        return whole | {"arm": kept}

    def _fingerprint(self, training: Training) -> str:
        key = _data_key(training)
        if key not in self._fingerprints:
            self._fingerprints[key] = self.dataset(training).fingerprint
        return self._fingerprints[key]


def _is_patch(arm: Arm) -> bool:
    return isinstance(arm.attack, PatchPlan)


def _through(arm: Arm, network: keras.Model):
    """The output that an arm attacks; that of "logits / T" is the logits."""
    if arm.view.startswith("logits"):
        return network
    if arm.view == "softmax at T":
        network = with_temperature(network, arm.training.temperature)
    return as_logits(with_softmax(network))


def _data_key(training: Training) -> tuple[str, str, int | None]:
    return training.dataset, training.split, training.images_per_class


def _examples(arm: Arm, dataset: Dataset) -> int | list[int]:
    """The images whose adversarial versions are kept: the first ones, then that of a strip."""
    if arm.pictured is not None:
        return list(arm.pictured.images)
    if arm.strip_of is None:
        return EXAMPLES
    of_class = np.flatnonzero(dataset.y_test[: arm.images] == arm.strip_of)
    if not len(of_class):
        raise ValueError(
            f"strip_of is {arm.strip_of} in {arm.key!r}; accepted: a class of the images attacked"
        )
    return [*range(min(EXAMPLES, len(dataset.y_test[: arm.images]))), int(of_class[0])]


def _sum_of(model: str, path: Path) -> str:
    if not Path(path).is_file():
        raise ValueError(f"weights of {model}: {path} is not there; accepted: a file")
    return sha256(Path(path).read_bytes()).hexdigest()


def _procedure(training: Training) -> dict | None:
    """What the procedure of a training says, which its name alone does not pin down."""
    if training.procedure is None:
        return None
    return asdict(procedure(training.procedure, training.temperature, training.alpha))


def _erasing() -> dict:
    """What random erasing does, apart from its seed."""
    layer = RandomErasing()
    return {name: getattr(layer, name) for name in ("probability", "area", "aspect")}


def versions() -> dict[str, str]:
    """Versions of the libraries that results depend on."""
    return {name: version(name) for name in ("tensorflow", "keras", "cleverhans", "numpy")}

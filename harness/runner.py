"""Runs the stages of a study: every training an arm needs, then its attack."""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from hashlib import sha256
from pathlib import Path
from time import sleep
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

import data
from attacks import Journal, Patch, random_targets
from attacks.patch import PatchAtPlaces
from data import Dataset, DatasetNotFoundError
from data.sources import DATA_DIR_VARIABLE
from evaluation import Outcomes, evaluate, typical
from evaluation.evaluate import Choice
from harness import digests, replicas
from harness.arms import Arm, PatchArm, Training
from harness.plan import Kind, Plan, Stage
from harness.precision import check_precision
from harness.store import RESUME, Store
from harness.tensorboard import check_installed, curves
from harness.training import train
from harness.views import Views
from models import weights_sum

#: Images of which an arm keeps what the attack made of them.
EXAMPLES = 8

_WAIT_SECONDS = 2.0

#: Called with the share of a stage that is done and a few words.
Update = Callable[[float, str], None]


class Progress(Protocol):
    """Shows how far a run is."""

    def plan(self, stages: int) -> None:
        """How many stages there are."""

    def stage(self, title: str) -> AbstractContextManager[Update]:
        """One stage; what it yields is called with the share done and a few words."""

    def found(self, title: str) -> None:
        """A stage that was there already."""

    def remark(self, sentence: str) -> None:
        """What is good to know meanwhile."""


class Runner:
    """Executes plans, keeping the last data set and the last network in memory.

    Args:
        store: where finished stages are found and new ones written.
        data_dir: passed to `data.load`.
        weights: files of the ImageNet weights, by model; default: those of keras.applications.
        tensorboard: a folder for the curves of the trainings that are run; default: none.
        mirrored: whether networks are trained on all GPUs at once, see `harness.replicas`.
        precision: what networks are trained in, see `harness.precision`.

    Raises:
        ValueError: a file of weights is not there, TensorBoard is not installed, there is one
            device only to mirror on, or the precision is unknown.
    """

    def __init__(
        self,
        store: Store,
        data_dir: Path | None = None,
        weights: Mapping[str, Path] | None = None,
        tensorboard: Path | None = None,
        mirrored: bool = False,
        precision: str = "float32",
    ):
        check_precision(precision)
        self.store = store
        self.data_dir = data_dir
        self.weights = dict(weights or {})
        if tensorboard is not None:
            check_installed(tensorboard)
        self.tensorboard = tensorboard
        self.precision = precision
        self._strategy = replicas.mirrored() if mirrored else tf.distribute.get_strategy()
        self._file_sums = {model: _sum_of(model, path) for model, path in self.weights.items()}
        self._fingerprints: dict[tuple, str] = {}
        self._weights_sums: dict[Path, str] = {}
        self._dataset: tuple[tuple, Dataset] | None = None
        self._views: Views | None = None
        self._surrogate: Views | None = None

    @property
    def weight_files(self) -> dict[str, str]:
        """The name of each file of weights and what it holds, by model."""
        return {
            model: f"{Path(path).name}, SHA-256 {self._file_sums[model]}"
            for model, path in sorted(self.weights.items())
        }

    def run(self, todo: Plan, progress: Progress) -> None:
        """Does what is missing; a second call does nothing."""
        self.find_data(todo)
        progress.plan(len(todo.stages))
        self.complete(todo.stages, progress)

    def complete(self, left: list[Stage], progress: Progress) -> None:
        """Does stages that are missing; those that another process works on come last, and are
        waited for.
        """
        waiting = False
        while left:
            others = [stage for stage in left if not self.perform(stage, progress)]
            if len(others) == len(left):
                if not waiting:
                    progress.remark("Another run works on what is left; waiting for it.")
                waiting = True
                sleep(_WAIT_SECONDS)
            left = others

    def find_data(self, todo: Plan) -> None:
        """Raises DatasetNotFoundError for a missing data set, before hours are spent."""
        for training in todo.trainings:
            self.fingerprint(training)

    def perform(self, stage: Stage, progress: Progress) -> bool:
        """Does one stage, unless it is there; `False` where that has to wait for another process.

        A damaged stage is set aside and made again.
        """
        if not all(self.has(each) for each in stage.needs):
            return False
        if self.has(stage):
            progress.found(stage.title)
            return True
        path, make = self.stage_path(stage), self._makers[stage.kind]
        with self.store.locked(path.name) as alone:
            if not alone:
                return False
            if self.has(stage):  # since it was asked for
                progress.found(stage.title)
                return True
            if path.is_dir():
                damage = self.store.damage(path)
                aside = self.store.set_aside(path)
                progress.remark(
                    f"{path.name} is damaged: {damage}. It is kept as {aside.name} and made again."
                )
            with (
                progress.stage(stage.title) as update,
                self.store.writing(path, self._description(stage)) as directory,
            ):
                make(stage.of, directory, update)
        return True

    def has(self, stage: Stage) -> bool:
        """Whether a stage is finished and undamaged, and what it needs is too."""
        return all(self.has(each) for each in stage.needs) and self.store.has(
            self.stage_path(stage)
        )

    def is_known_and_there(self, stage: Stage) -> bool:
        """See `has`; a data set that is not known is not asked for."""
        training = stage.of if isinstance(stage.of, Training) else stage.of.training
        return self.knows_data(training) and self.has(stage)

    def stage_path(self, stage: Stage) -> Path:
        """Where a stage is kept; what it needs has to be there."""
        return self.store.path(stage.kind, self._description(stage))

    def dataset(self, training: Training) -> Dataset:
        """The data a training sees; only the last one is kept in memory."""
        key = _data_key(training)
        if self._dataset is None or self._dataset[0] != key:
            self._dataset = None
            loaded = data.load(
                training.dataset,
                training.split,
                data_dir=self.data_dir,
                images_per_class=training.images_per_class,
            )
            self._dataset = (key, loaded)
        return self._dataset[1]

    def fingerprint(self, training: Training) -> str:
        """Of the data a training sees."""
        key = _data_key(training)
        if key not in self._fingerprints:
            self._fingerprints[key] = self.dataset(training).fingerprint
        return self._fingerprints[key]

    def recall_data(self) -> None:
        """Takes the data of the latest stages for those of this run, so that none are read."""
        self._fingerprints |= self.store.data_of_trainings()

    def knows_data(self, training: Training) -> bool:
        """Whether the fingerprint of its data is known without reading them."""
        return _data_key(training) in self._fingerprints

    def training_path(self, training: Training) -> Path:
        return self.stage_path(Stage(Kind.TRAIN, training))

    def arm_path(self, arm: Arm) -> Path:
        return self.stage_path(Stage(Kind.ATTACK, arm))

    def patch_path(self, arm: PatchArm) -> Path:
        return self.stage_path(Stage(Kind.PATCH, arm))

    def finished(self, arms: Iterable[Arm]) -> list[Arm]:
        """Those of `arms` that are done; data that nothing was trained on are not looked for."""
        seen = self.store.data_of_trainings()
        tried = [arm for arm in arms if _data_key(arm.training) in seen]
        return [arm for arm in tried if self._is_local(arm.training) and self._is_done(arm)]

    def patch(self, arm: PatchArm) -> Patch:
        return Patch.load(self.patch_path(arm) / "patch.npz")

    def outcomes(self, arm: Arm) -> Outcomes:
        return Outcomes.load(self.arm_path(arm) / "outcomes.npz")

    def network_sum(self, training: Training) -> str | None:
        """Of the weights of a training; `None` before it is done."""
        path = self.training_path(training) / "model.h5"
        if path not in self._weights_sums and path.exists():
            self._weights_sums[path] = weights_sum(path)
        return self._weights_sums.get(path)

    def _is_local(self, training: Training) -> bool:
        named = self.data_dir is not None or DATA_DIR_VARIABLE in os.environ
        return self.knows_data(training) or named or training.dataset == "digits"

    def _is_done(self, arm: Arm) -> bool:
        try:
            return self.has(Stage(Kind.ATTACK, arm))
        except DatasetNotFoundError:
            return False

    def _train(self, training: Training, directory: Path, update: Update) -> None:
        dataset = self.dataset(training)
        paths = {
            name: self.training_path(source) / "model.h5"
            for name, source in training.sources.items()
        }
        weights, callbacks = self._pretrained(training), self._callbacks(training)
        how = callbacks, self._strategy, self.precision
        train(training, dataset, directory, paths, update, weights, *how)
        keras.backend.clear_session()  # else every network trained so far stays in memory

    def _callbacks(self, training: Training) -> list[keras.callbacks.Callback]:
        if self.tensorboard is None:
            return []
        stage = self.training_path(training).name
        return [curves(self.tensorboard / f"{training.title}, {stage}")]

    def _make_patch(self, arm: PatchArm, directory: Path, update: Update) -> None:
        dataset, (model, plan) = self.dataset(arm.training), self._seen(arm)
        images, labels = dataset.x_test, dataset.y_test[: arm.images]
        patch = plan.make(model, images, labels, update, Journal(directory / RESUME))
        patch.save(directory / "patch.npz")

    def _attack(self, arm: Arm, directory: Path, update: Update) -> None:
        def show(done: int, count: int) -> None:
            update(done / count, f"{done} of {count} images")

        self._evaluated(arm, Journal(directory / RESUME), show).save(directory / "outcomes.npz")

    def _evaluated(
        self, arm: Arm, journal: Journal, progress: Callable[[int, int], None]
    ) -> Outcomes:
        dataset = self.dataset(arm.training)
        model, attack = self._seen(arm)
        rows: Any = slice(arm.images)
        options: dict[str, Any] = {"examples": _examples(arm, dataset)}
        if isinstance(arm, PatchArm):  # on images that the patch was not made from
            _, rows = attack.rows(dataset.y_test[: arm.images])
            options["targets"] = np.full(len(rows), attack.target)
            attack = PatchAtPlaces(self.patch(arm), rows, attack.batch_size)
        elif arm.random_targets:
            options["targets"] = random_targets(dataset.y_test[rows], dataset.num_classes)
        return evaluate(
            model,
            dataset.x_test[rows],
            dataset.y_test[rows],
            attack,
            arm.epsilons,
            predicted_labels=arm.predicted_labels,
            surrogate=self._surrogate_of(arm),
            similarity=arm.similarity,
            journal=journal,
            progress=progress,
            **options,
        )

    def _seen(self, arm: Arm) -> tuple[Any, Any]:
        """See `Views.seen`."""
        last, self._views = self._views, None  # which a damaged file leaves half loaded
        self._views = self._viewed(arm.training, last)
        return self._views.seen(arm)

    def _surrogate_of(self, arm: Arm) -> keras.Model | None:
        """The plain network that a transferred attack sees."""
        if arm.crafted_on is None:
            return None
        if self._views is not None and self._views.training == arm.crafted_on:
            return self._views.network
        last, self._surrogate = self._surrogate, None
        self._surrogate = self._viewed(arm.crafted_on, last)
        return self._surrogate.network

    def _viewed(self, training: Training, last: Views | None) -> Views:
        """A network, in the model of the `last` one where they differ in their weights alone."""
        checkpoint = self.training_path(training) / "model.h5"
        if last is None or not last.takes(training):
            keras.backend.clear_session()
            return Views(training, checkpoint)
        if last.training != training:
            last.load(training, checkpoint)
        return last

    def _pretrained(self, training: Training) -> Path | None:
        network = training.network
        return self.weights.get(network.model) if network.weights == "imagenet" else None

    @property
    def _makers(self) -> dict[Kind, Callable[..., None]]:
        """What makes the stages of each kind, called with (of, directory, update)."""
        return {Kind.TRAIN: self._train, Kind.PATCH: self._make_patch, Kind.ATTACK: self._attack}

    def _description(self, stage: Stage) -> dict:
        """What determines the result of a stage."""
        describe: dict[Kind, Callable[[Any], dict]] = {
            Kind.TRAIN: self._of_training,
            Kind.PATCH: self._of_patch,
            Kind.ATTACK: self._of_arm,
        }
        return describe[stage.kind](stage.of)

    def _of_training(self, training: Training) -> dict:
        pretrained = self._pretrained(training)
        file_sum = self._file_sums[training.network.model] if pretrained else None
        how = self._strategy.num_replicas_in_sync, self.precision
        return digests.of_training(training, self.fingerprint(training), file_sum, *how)

    def _of_arm(self, arm: Arm) -> dict:
        sums = [self.network_sum(training) for training in arm.networks]
        return digests.of_arm(arm, self.fingerprint(arm.training), sums)

    def _of_patch(self, arm: PatchArm) -> dict:
        return digests.of_patch(
            arm, self.fingerprint(arm.training), [self.network_sum(arm.training)]
        )


def _data_key(training: Training) -> tuple[str, str, int | None]:
    return training.dataset, training.split, training.images_per_class


def _examples(arm: Arm, dataset: Dataset) -> int | list[int] | Choice:
    """The images whose adversarial versions are kept, that of a strip last.

    Of a patch the first ones; of other attacks those that they turned, unless the arm says which.
    """
    if arm.pictured is not None:
        return list(arm.pictured.images)
    if isinstance(arm, PatchArm):
        return EXAMPLES
    if arm.strip_of is None:
        return partial(typical, count=EXAMPLES)
    of_class = np.flatnonzero(dataset.y_test[: arm.images] == arm.strip_of)
    if not len(of_class):
        raise ValueError(
            f"strip_of is {arm.strip_of} in {arm.key!r}; accepted: a class of the images attacked"
        )

    def choose(outcomes: Outcomes) -> list[int]:
        right = of_class[outcomes.clean_correct[of_class]]
        return [*typical(outcomes, EXAMPLES), *(right if len(right) else of_class)[:1]]

    return choose


def _sum_of(model: str, path: Path) -> str:
    if not Path(path).is_file():
        raise ValueError(f"weights of {model}: {path} is not there; accepted: a file")
    return sha256(Path(path).read_bytes()).hexdigest()

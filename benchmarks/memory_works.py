"""The works whose peak memory is measured, and what is promised of each.

Attacks are given few steps, as their peak does not depend on the number: two of them show it.
"""

import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache, partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

import data
import models
from attacks import APGD, FAB, FGSM, PGD, Attack, AutoAttack, CarliniWagner, DeepFool, Square
from attacks import robust_curve as curve_of
from benchmarks.training_works import TEMPERATURE, compiled, plain
from data import training_batches
from defenses import static_set
from distillation import Distiller
from evaluation import evaluate
from harness.arms import MAIN, Arm, Case, Network, Protocol, Role, Training, View
from harness.plan import Kind, Stage
from harness.recipe import Recipe
from harness.runner import Runner
from harness.store import Store
from harness.trained_defenses import StaticSet

BATCH = 128
#: More than are prepared while one of them is trained on, and as many as are crafted at once.
_FEW_BATCHES = 16
EPSILONS = tuple(np.linspace(0.01, 0.2, 8).tolist())
MIB = 2**20
#: What `evaluate` may take besides its arguments and the passes of a batch, and what a journal
#: holds before it writes.
EVALUATION, JOURNAL = 512 * MIB, 256 * MIB


@dataclass(frozen=True)
class Work:
    """Something that is done with N images.

    Attributes:
        run: does it with the first n images.
        images: N.
        inputs: bytes of what it is given, which is in memory before it begins.
        outputs: bytes of what it returns for N images.
        besides: bytes that it may take besides its outputs and what a few images take.
        few: how many images show what is needed for any number of them; 0 for a work that is not
            done in batches.
    """

    run: Callable[[int], object]
    images: int
    inputs: int
    outputs: int = 0
    besides: int = 0
    few: int = BATCH


@dataclass(frozen=True)
class Row:
    """A work by its name; `make` makes what it is given."""

    name: str
    make: Callable[[], Work]


@dataclass(frozen=True)
class Victims:
    """A network, with random images and the classes it gives them."""

    model: keras.Model
    images: np.ndarray
    labels: np.ndarray

    @classmethod
    def make(cls, model: keras.Model, count: int) -> "Victims":
        images = np.random.default_rng(0).random((count, *model.input_shape[1:]), np.float32)
        size = max(1, 2 * MIB // images[0].nbytes)  # little, as what this takes is not measured
        parts = [model(images[start : start + size]) for start in range(0, count, size)]
        return cls(model, images, np.concatenate(parts).argmax(axis=1))


def small(classes: int = 10) -> keras.Model:
    """One convolution on 32x32x3: what grows with the images is seen, and it is quick."""
    keras.utils.set_random_seed(0)
    convolution = layers.Conv2D(8, 3, strides=2, activation="relu")
    return keras.Sequential(
        [keras.Input((32, 32, 3)), convolution, layers.Flatten(), layers.Dense(classes)]
    )


def quarter_vgg(seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return models.build("vgg16", 10, upsampling=1, width=0.25)


def mobilenet() -> keras.Model:
    """MobileNetV2 with random weights, for 1,000 classes of 224x224 images."""
    keras.utils.set_random_seed(0)
    return models.build("mobilenet_v2", 1000, input_shape=(224, 224, 3))


def evaluated(
    attack: Attack,
    epsilons: Sequence[float] = EPSILONS,
    build: Callable[[], keras.Model] = small,
    images: int = 10_000,
    **options: Any,
) -> Work:
    on = Victims.make(build(), images)

    def run(count: int) -> object:
        return evaluate(on.model, on.images[:count], on.labels[:count], attack, epsilons, **options)

    return Work(run, images, on.images.nbytes, besides=EVALUATION, few=attack.batch_size)


def swept(attack: Attack, copies: int = 0, images: int = 10_000) -> Work:
    """`copies` of the images are held by an attack that looks for the smallest perturbation."""
    on = Victims.make(small(), images)

    def run(count: int) -> object:
        return attack.sweep(on.model, on.images[:count], on.labels[:count], epsilons=EPSILONS)

    size = on.images.nbytes
    return Work(run, images, size, outputs=len(EPSILONS) * size, besides=copies * size)


def robust_curve(attack: Attack, copies: int = 0, images: int = 10_000) -> Work:
    """For `copies` see `swept`."""
    on = Victims.make(small(), images)

    def run(count: int) -> object:
        return curve_of(on.model, on.images[:count], on.labels[:count], attack, EPSILONS)

    return Work(run, images, on.images.nbytes, besides=copies * on.images.nbytes)


def crafted_set(images: int = 10_000) -> Work:
    on, epsilons = Victims.make(small(), images), EPSILONS[:3]

    def run(count: int) -> object:
        return static_set(on.model, on.images[:count], on.labels[:count], PGD(steps=2), epsilons)

    return Work(
        run,
        images,
        on.images.nbytes,
        outputs=(1 + len(epsilons)) * on.images.nbytes,
        few=_FEW_BATCHES * BATCH,
    )


def fitted(make: Callable[[], keras.Model], images: int = 50_000, steps: int = 4) -> Work:
    """A few steps of `fit` on batches that are drawn from all the images."""
    trainer = make()
    drawn = np.random.default_rng(0)
    x = drawn.random((images, 32, 32, 3), np.float32)
    y = np.eye(10, dtype=np.float32)[drawn.integers(10, size=images)]

    def run(count: int) -> object:
        batches = training_batches(x[:count], y[:count], BATCH)
        return trainer.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)

    return Work(run, images, x.nbytes + y.nbytes, few=_FEW_BATCHES * BATCH)


def distiller() -> keras.Model:
    trainer = Distiller(quarter_vgg(), quarter_vgg(seed=1))
    trainer.compile(
        keras.optimizers.Adam(),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        student_loss_fn=keras.losses.CategoricalCrossentropy(from_logits=True),
        distillation_loss_fn=keras.losses.KLDivergence(),
        temperature=TEMPERATURE,
    )
    return trainer


#: Training and test images of the data sets that are loaded, and the shape of an image.
_COUNTS = {"cifar10": (50_000, 10_000, (32, 32, 3)), "mnist": (60_000, 10_000, (28, 28))}


@cache
def _folder(name: str) -> tempfile.TemporaryDirectory:
    """With random images in the place of a data set; removed when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="benchmark-memory-")
    *counts, shape = _COUNTS[name]
    drawn, arrays = np.random.default_rng(0), {}
    for part, count in zip(("train", "test"), counts):
        arrays[f"x_{part}"] = drawn.integers(256, size=(count, *shape), dtype=np.uint8)
        arrays[f"y_{part}"] = np.arange(count) % 10
    np.savez(Path(folder.name) / f"{name}.npz", **arrays)  # type: ignore[arg-type]
    return folder


def loaded(name: str, split: str, images: int) -> Work:
    """The bytes of the file are held as they are read, and once more in their new order."""
    folder = Path(_folder(name).name)
    train, test, shape = _COUNTS[name]
    stored = (train + test) * math.prod(shape)

    def run(_: int) -> object:
        return data.load(name, split, data_dir=folder)

    floats = 4 * images * 32 * 32 * 3
    return Work(run, images, inputs=0, outputs=floats, besides=2 * stored, few=0)


class _Silent:
    """Shows no progress."""

    def plan(self, stages: int) -> None:
        pass

    @contextmanager
    def stage(self, title: str) -> Iterator[Callable[[float, str], None]]:
        yield lambda share, text: None

    def found(self, title: str) -> None:
        pass

    def remark(self, sentence: str) -> None:
        pass


def _stages(epochs: int) -> tuple[Runner, Training, int]:
    """A runner with its data in memory, a training of a narrow network, and their bytes."""
    folder = Path(_folder("cifar10").name)
    training = Training(
        network=Network("vgg16", upsampling=1, width=1 / 16),
        dataset="cifar10",
        split="held-out",
        role=Role.UNDEFENDED,
        recipe=Recipe("Adam", 1e-3, BATCH, epochs),
    )
    runner = Runner(Store(folder / "runs"), folder)
    held = runner.dataset(training)
    images = held.x_train, held.x_validation, held.x_test
    return runner, training, sum(each.nbytes for each in images)


def training_stage(images: int = 20_000) -> Work:
    runner, training, inputs = _stages(epochs=1)

    def run(count: int) -> object:
        return runner.perform(Stage(Kind.TRAIN, replace(training, images=count)), _Silent())

    return Work(run, images, inputs, few=_FEW_BATCHES * BATCH)


def static_set_stage(images: int = 10_000) -> Work:
    """The set is what takes memory besides: the images, and their examples at each epsilon."""
    runner, attacked, inputs = _stages(epochs=0)
    runner.perform(Stage(Kind.TRAIN, attacked), _Silent())
    _, training, _ = _stages(epochs=1)
    defense = StaticSet(FGSM(), EPSILONS[:3])
    training = replace(training, defense=defense, crafted_on=attacked, erasing=False)
    size = 4 * images * math.prod(runner.dataset(attacked).image_shape)

    def run(count: int) -> object:
        return runner.perform(Stage(Kind.TRAIN, replace(training, images=count)), _Silent())

    besides = (1 + len(defense.epsilons)) * size
    return Work(run, images, inputs, besides=besides, few=_FEW_BATCHES * BATCH)


def attack_stage(attack: Attack, images: int = 10_000) -> Work:
    runner, training, inputs = _stages(epochs=0)
    runner.perform(Stage(Kind.TRAIN, training), _Silent())
    arm = Arm(
        Case("vgg16", "cifar10"),
        Protocol.CORRECTED,
        MAIN,
        training,
        View.LOGITS,
        type(attack).__name__,
        attack,
        EPSILONS,
    )

    def run(count: int) -> object:
        return runner.perform(Stage(Kind.ATTACK, replace(arm, images=count)), _Silent())

    return Work(run, images, inputs, besides=EVALUATION + JOURNAL)


def _attacked(name: str, attack: Attack, **options: Any) -> Row:
    return Row(f"evaluate, {name}", partial(evaluated, attack, **options))


_THOUSAND: dict[str, Any] = {"build": partial(small, 1000)}
_LARGE: dict[str, Any] = {"build": mobilenet, "images": 96}
ROWS = (
    _attacked("FGSM", FGSM()),
    _attacked("FGSM, twice the images", FGSM(), images=20_000),
    _attacked("FGSM, 1 epsilon, 40,000 images", FGSM(), epsilons=[0.1], images=40_000),
    _attacked("FGSM, 1,000 classes", FGSM(), **_THOUSAND),
    _attacked("FGSM, with structural similarity", FGSM(), similarity=True),
    _attacked("PGD, 2 steps", PGD(steps=2)),
    _attacked("PGD, 6 steps", PGD(steps=6)),
    _attacked("APGD", APGD(steps=3)),
    _attacked("Square", Square(queries=6)),
    _attacked("DeepFool, 2 steps", DeepFool(steps=2)),
    _attacked("DeepFool, 6 steps", DeepFool(steps=6)),
    _attacked("CW", CarliniWagner(search_steps=2, steps=4)),
    _attacked("FAB", FAB(steps=2)),
    _attacked("FAB, 1,000 classes, 9 targets", FAB(steps=1, targets=9), images=4000, **_THOUSAND),
    _attacked("FAB, 1,000 classes, all", FAB(steps=1, candidates=None), images=256, **_THOUSAND),
    _attacked("AutoAttack", AutoAttack(steps=2, targets=2, queries=6)),
    _attacked("MobileNetV2 at 224x224, FGSM", FGSM(batch_size=16), **_LARGE),
    _attacked("MobileNetV2 at 224x224, PGD", PGD(steps=2, batch_size=16), epsilons=[0.1], **_LARGE),
    Row("sweep, FGSM", partial(swept, FGSM())),
    Row("sweep, PGD", partial(swept, PGD(steps=2))),
    Row("sweep, DeepFool", partial(swept, DeepFool(steps=2), copies=1)),
    Row("robust curve, FGSM", partial(robust_curve, FGSM())),
    Row("robust curve, PGD", partial(robust_curve, PGD(steps=2))),
    Row("robust curve, DeepFool", partial(robust_curve, DeepFool(steps=2), copies=1)),
    Row("static set, PGD, 3 epsilons", crafted_set),
    Row("load CIFAR-10", partial(loaded, "cifar10", "held-out", 60_000)),
    Row("load MNIST as colour squares", partial(loaded, "mnist", "random-64-16-20", 60_000)),
    Row("fit, VGG of a quarter width", partial(fitted, lambda: compiled(plain(quarter_vgg())))),
    Row("fit, Distiller of two such VGGs", partial(fitted, distiller)),
    Row("stage: training", training_stage),
    Row("stage: training on a static set, 3 epsilons", static_set_stage),
    Row("stage: attack, FGSM", partial(attack_stage, FGSM())),
    Row("stage: attack, PGD", partial(attack_stage, PGD(steps=2))),
)


def selected(pattern: str) -> list[Row]:
    """The rows whose names match `pattern`.

    Raises:
        ValueError: there are none.
    """
    rows = [row for row in ROWS if fnmatchcase(row.name, pattern)]
    if not rows:
        names = "; ".join(row.name for row in ROWS)
        raise ValueError(f"--only is {pattern!r}; accepted: a pattern that matches one of {names}")
    return rows

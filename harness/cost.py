"""What a run takes, counted before anything starts: operations, memory, disk."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from time import perf_counter
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

import data
from attacks import PGD
from attacks.adversarial_patch import AdversarialPatch
from attacks.engine.attack import Evaluations
from data.loading import Sizes
from harness.arms import Arm, Network, PatchArm, Training
from harness.machine import machine
from harness.patch_plan import PatchPlan
from harness.plan import Kind, Stage
from harness.trained_defenses import StaticSet, TrainedDefense

#: A gradient with respect to images takes a pass forwards and one backwards of the same size;
#: one with respect to weights takes another backwards.
_OF_TRAINING = 3
_FLOAT = 4  # bytes
#: What TensorFlow itself and the compiled functions take.
_PROGRAM_BYTES = 800 * 2**20
#: What `evaluation.evaluate` takes at most, and what a journal of it holds before it writes.
_EVALUATION_BYTES, _JOURNAL_BYTES = 2**29, 2**28
_VALIDATION_BATCH = 256
#: Per image and epsilon, what the outcomes keep.
_OUTCOME_BYTES = 70
_SLOTS = {"SGD": 1, "Adam": 2}


class Shape(NamedTuple):
    """What one network takes.

    Attributes:
        operations: floating-point operations of one image on its way forwards.
        parameters: weights.
        activations: numbers that the layers give for one image.
    """

    operations: int
    parameters: int
    activations: int


@dataclass(frozen=True)
class Cost:
    """What one stage takes at most.

    Attributes:
        stage: of a plan.
        operations: floating-point operations.
        memory: bytes.
        disk: bytes that stay.
        disk_meanwhile: bytes besides, which an interrupted stage would go on from.
    """

    stage: Stage
    operations: float
    memory: float
    disk: float
    disk_meanwhile: float = 0.0


def shape_of(network: keras.Model) -> Shape:
    """Counts a network's operations from the shapes of its layers.

    A product and a sum are two operations, in convolutions and Dense layers; every other layer
    counts as one operation for each number that it gives.
    """
    operations = activations = 0
    for layer in _leaves(network):
        given = _values(layer.output)
        activations += given
        kernels = [each for each in layer.weights if "kernel" in each.name and each.ndim > 1]
        operations += sum(_products(layer, tuple(each.shape)) for each in kernels) or given
    return Shape(operations, network.count_params(), activations)


def _leaves(network: keras.Model) -> Iterator[keras.Layer]:
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _leaves(layer)
        else:
            yield layer


def _values(output: object) -> int:
    """Numbers of one image in what a layer gives."""
    return sum(math.prod(each.shape[1:]) for each in keras.tree.flatten(output))


def _products(layer: keras.Layer, kernel: tuple[int, ...]) -> int:
    """Operations of one kernel: as often as there are places, all of its numbers."""
    places = math.prod(layer.output.shape[1:-1])
    return 2 * math.prod(kernel) * places


def _shape(network: Network, sizes: Sizes) -> Shape:
    return _shape_built(
        replace(network, weights=None, train_batch_norm=True), sizes.classes, sizes.image_shape
    )


@cache
def _shape_built(network: Network, classes: int, image_shape: tuple[int, int, int]) -> Shape:
    shape = shape_of(network.build(classes, image_shape, 0.0))
    keras.backend.clear_session()
    return shape


def cost_of(stage: Stage) -> Cost:
    """What a stage takes; networks are built without weights, and no data are read."""
    if isinstance(stage.of, Training):
        return _of_training(stage, stage.of)
    if isinstance(stage.of, PatchArm) and stage.kind == Kind.PATCH:
        return _of_patch(stage, stage.of)
    return _of_attack(stage, stage.of)


def _sizes(training: Training) -> Sizes:
    return data.sizes(training.dataset, training.split, training.images_per_class)


def _images_bytes(training: Training) -> int:
    """Of a data set in memory."""
    sizes = _sizes(training)
    images = sizes.train + sizes.validation + sizes.test
    return sizes.value_bytes * math.prod(sizes.image_shape) * images


def _of_training(stage: Stage, training: Training) -> Cost:
    sizes, recipe = _sizes(training), training.recipe
    shape = _shape(training.network, sizes)
    defense = training.defense or TrainedDefense()
    images = min(training.images or sizes.train, sizes.train)
    crafted, copies = 0.0, 1
    if isinstance(defense, StaticSet) and training.crafted_on is not None:
        copies = 1 + len(defense.epsilons)
        most = defense.attack.most_evaluations(copies - 1, sizes.classes, sizes.image_shape)
        crafted = images * most.passes * _shape(training.crafted_on.network, sizes).operations
    passes = _OF_TRAINING + defense.most_evaluations(sizes.classes, sizes.image_shape).passes
    step = passes * shape.operations
    if training.teacher is not None:
        step += _shape(training.teacher.network, sizes).operations
    validated = min(training.validation_images or sizes.validation, sizes.validation)
    epoch = copies * images * step + validated * shape.operations
    judged = (copies * images + sizes.validation + sizes.test) * shape.operations
    weights = _FLOAT * shape.parameters
    slots = 2 + _SLOTS[recipe.optimizer] + recipe.amsgrad
    activations = _FLOAT * shape.activations * max(2 * recipe.batch_size, _VALIDATION_BATCH)
    data_bytes = _images_bytes(training)
    data_bytes += (copies - 1) * images * _FLOAT * math.prod(sizes.image_shape)
    return Cost(
        stage,
        recipe.epochs * epoch + crafted + judged,
        _PROGRAM_BYTES + data_bytes + slots * weights + activations,
        weights,
        2 * (slots - 1) * weights,  # two states, without the gradients
    )


def _attacked(arm: Arm) -> int:
    """Images under attack, at most."""
    test = _sizes(arm.training).test
    return min(arm.images or test, test)


def _memory_of_attack(arm: Arm, gradients: bool) -> float:
    sizes = _sizes(arm.training)
    shapes = [_shape(each.network, sizes) for each in arm.networks]
    kept = 2 if gradients else 1
    batch = getattr(arm.attack, "batch_size", 128)
    activations = max(shape.activations for shape in shapes) * batch * kept
    weights = sum(shape.parameters for shape in shapes)
    return _PROGRAM_BYTES + _images_bytes(arm.training) + _FLOAT * (weights + activations)


def _of_attack(stage: Stage, arm: Arm) -> Cost:
    sizes, images = _sizes(arm.training), _attacked(arm)
    judged = _shape(arm.training.network, sizes)
    seen = _shape(arm.networks[-1].network, sizes)
    epsilons, image = len(arm.epsilons), _FLOAT * math.prod(sizes.image_shape)
    most = Evaluations(gradients=0, forwards=epsilons)
    if not isinstance(arm.attack, PatchPlan):
        most = arm.attack.most_evaluations(epsilons, sizes.classes, sizes.image_shape)
    # Besides, `evaluate` classifies every image and what is made of it, rounded too, and takes
    # the gradients at the clean images.
    operations = images * (
        most.passes * seen.operations + (2 * epsilons + 3 + 2) * judged.operations
    )
    crafted = min(images * epsilons * image, _EVALUATION_BYTES)
    memory = _memory_of_attack(arm, most.gradients > 0) + _EVALUATION_BYTES + _JOURNAL_BYTES
    return Cost(stage, operations, memory, images * epsilons * _OUTCOME_BYTES, crafted)


def _of_patch(stage: Stage, arm: PatchArm) -> Cost:
    sizes, method = _sizes(arm.training), arm.attack.method
    operations = 0.0
    if isinstance(method, AdversarialPatch):
        passes = Evaluations(method.epochs * arm.attack.fitted_on, 0).passes
        operations = passes * _shape(arm.training.network, sizes).operations
    patch = _FLOAT * math.prod(method.sides) * sizes.image_shape[2]
    return Cost(stage, operations, _memory_of_attack(arm, gradients=True), 4 * patch)


class Pace(NamedTuple):
    """How fast one kind of work goes.

    Attributes:
        start: seconds until the first step is done, compiled functions included.
        operations: floating-point operations a second after that.
    """

    start: float
    operations: float


@dataclass(frozen=True)
class Rate:
    """What this machine sustains.

    Attributes:
        training, attacking: measured on a network whose operations are counted in the same way.
        described: in words.
        on_gpu: whether a GPU was measured.
    """

    training: Pace
    attacking: Pace
    described: str
    on_gpu: bool

    def seconds(self, cost: Cost) -> float:
        """What a stage takes here."""
        pace = self.training if cost.stage.kind == Kind.TRAIN else self.attacking
        return pace.start + cost.operations / pace.operations


def measured_rate(seconds: float = 2.0) -> Rate:
    """Trains and attacks NTU's VGG variant on random images, for a few seconds each."""
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    width, batch = (1.0, 128) if on_gpu else (0.25, 64)
    network = Network("vgg16", upsampling=1, width=width).build(10, (32, 32, 3), 0.0)
    operations = batch * shape_of(network).operations
    images = np.random.default_rng(0).random((batch, 32, 32, 3), np.float32)
    labels = np.arange(batch) % 10
    network.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    attack = PGD(steps=5, batch_size=batch)
    passes = attack.most_evaluations(1, 10, (32, 32, 3)).passes
    training = _pace(
        lambda: network.train_on_batch(images, labels), _OF_TRAINING * operations, seconds
    )
    attacking = _pace(
        lambda: attack(network, images, labels, epsilon=0.01), passes * operations, seconds
    )
    return Rate(
        training,
        attacking,
        f"{training.operations / 1e12:.2g} TFLOP/s in training and "
        f"{attacking.operations / 1e12:.2g} under attack, after {training.start:.0f} and "
        f"{attacking.start:.0f} s of compiling, measured just now on {machine()} with NTU's VGG "
        f"variant at width {width:g}",
        on_gpu,
    )


def _pace(work: Callable[[], Any], operations: float, seconds: float) -> Pace:
    started = perf_counter()
    work()
    start = perf_counter() - started
    started, count = perf_counter(), 0
    while count < 2 or perf_counter() - started < seconds:
        work()
        count += 1
    return Pace(start, count * operations / (perf_counter() - started))

"""The works of the benchmark of training, and the networks and images they train on.

A work is an epoch of `fit`, and perhaps something that is made once before the first epoch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

import keras
import numpy as np
import tensorflow as tf

import data
import models
from attacks import FGSM, DeepFool, MomentumIterative
from data import RandomErasing, training_batches
from data.pipeline import steps_per_epoch
from defenses import AdversarialTrainer, RandomAttackTrainer, TradesTrainer, static_set
from distillation import Distiller, SoftenedCategoricalCrossentropy

BATCH = 128
EPSILON, STEPS, STATIC_EPSILONS = 0.1, 5, (0.05, 0.1, 0.2)
TEMPERATURE = 10.0


@dataclass(frozen=True, eq=False)
class Setting:
    """A network to build, with images float32 [N, ...] and one-hot labels [N, 10]."""

    network: str
    images: np.ndarray
    labels: np.ndarray

    def build(self, seed: int = 0) -> keras.Model:
        keras.utils.set_random_seed(seed)
        return models.build(self.network, 10, input_shape=self.images.shape[1:])


def setting(network: str, count: int) -> Setting:
    """The digits, repeated up to `count`; in grey and of 28x28 for RIT's network."""
    digits = data.load("digits")
    chosen = np.arange(count) % len(digits.x_train)
    images = digits.x_train[chosen]
    if network == "rit_cnn":
        images = np.ascontiguousarray(images[:, 2:-2, 2:-2, :1])
    labels = keras.utils.to_categorical(digits.y_train[chosen], 10).astype(np.float32)
    return Setting(network, images, labels)


@dataclass(frozen=True)
class Work:
    """Something to be timed.

    Attributes:
        epoch: trains for one epoch.
        images: how many images an epoch trains on.
        once: makes what all epochs use; `None` where nothing is made.
    """

    epoch: Callable[[], object]
    images: int
    once: Callable[[], object] | None = None


def compiled(trainer: keras.Model, loss=None) -> keras.Model:
    """The trainer, compiled as the studies compile it."""
    trainer.compile(
        keras.optimizers.Adam(),
        loss or keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    return trainer


def plain(network: keras.Model) -> keras.Model:
    return keras.Model(network.inputs, network.outputs)


def epoch_of(trainer: keras.Model, images, labels, erasing=None) -> Work:
    """An epoch of `fit` on the batches that the studies train on."""

    def epoch():
        trainer.fit(
            training_batches(images, labels, BATCH, erasing=erasing),
            steps_per_epoch=steps_per_epoch(len(images), BATCH),
            shuffle=False,
            verbose=0,
        )

    return Work(epoch, len(images))


def bare_step(on: Setting) -> Work:
    """The compiled training step alone, on batches that lie ready."""
    network, optimizer = on.build(), keras.optimizers.Adam()
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    optimizer.build(network.trainable_variables)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, *each.shape[1:]], tf.float32) for each in (on.images, on.labels)
        ]
    )
    def step(images, labels):
        with tf.GradientTape() as tape:
            value = loss(labels, network(images, training=True))
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(value, variables), variables))
        return value

    batches = [
        (tf.constant(on.images[start : start + BATCH]), tf.constant(on.labels[start:][:BATCH]))
        for start in range(0, len(on.images), BATCH)
    ]

    def epoch():
        for batch in batches:
            value = step(*batch)
        value.numpy()  # waits for accelerators

    return Work(epoch, len(on.images))


def plain_fit(on: Setting) -> Work:
    return epoch_of(compiled(plain(on.build())), on.images, on.labels)


def random_erasing(on: Setting) -> Work:
    return epoch_of(compiled(plain(on.build())), on.images, on.labels, RandomErasing())


def distiller(on: Setting) -> Work:
    trainer = Distiller(on.build(), on.build(seed=1))
    trainer.compile(
        keras.optimizers.Adam(),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        student_loss_fn=keras.losses.CategoricalCrossentropy(from_logits=True),
        distillation_loss_fn=keras.losses.KLDivergence(),
        temperature=TEMPERATURE,
    )
    return epoch_of(trainer, on.images, on.labels)


def soft_labels(on: Setting) -> Work:
    """The teacher runs once, which serves trainings without augmentation, on soft labels alone."""
    teacher = models.with_softmax(models.with_temperature(on.build(seed=1), TEMPERATURE))
    labels = np.empty_like(on.labels)

    def once():
        labels[:] = teacher.predict(on.images, batch_size=BATCH, verbose=0)

    trainer = compiled(plain(on.build()), SoftenedCategoricalCrossentropy(TEMPERATURE))
    return Work(epoch_of(trainer, on.images, labels).epoch, len(on.images), once)


def fgsm_set(on: Setting) -> Work:
    attacked, classes = on.build(), on.labels.argmax(axis=1)
    trainer = compiled(plain(on.build()))
    joined = np.empty(
        [(1 + len(STATIC_EPSILONS)) * len(on.images), *on.images.shape[1:]], np.float32
    )
    labels = np.tile(on.labels, (1 + len(STATIC_EPSILONS), 1))

    def once():
        joined[:], _ = static_set(attacked, on.images, classes, FGSM(), STATIC_EPSILONS)

    return Work(epoch_of(trainer, joined, labels).epoch, len(joined), once)


def pgd_training(on: Setting) -> Work:
    return epoch_of(compiled(AdversarialTrainer(on.build(), EPSILON, STEPS)), on.images, on.labels)


def trades(on: Setting) -> Work:
    return epoch_of(compiled(TradesTrainer(on.build(), EPSILON, STEPS)), on.images, on.labels)


def random_attacks(on: Setting) -> Work:
    attacks = [(MomentumIterative(steps=10), EPSILON), (DeepFool(steps=10), None)]
    return epoch_of(compiled(RandomAttackTrainer(on.build(), attacks)), on.images, on.labels)


@dataclass(frozen=True)
class Row:
    """One work on one network, which takes turns with plain `fit`.

    Attributes:
        goal: the least share of the time of `fit` that the bare step takes.
    """

    work: str
    network: str
    make: Callable[[Setting], Work]
    images: int = 4096
    goal: float | None = None

    @property
    def name(self) -> str:
        return f"{self.network}, {self.work}"


#: Names, what makes them, and images of an epoch.
_WORKS = (
    ("random erasing", random_erasing, 4096),
    ("Distiller, teacher in the loop", distiller, 4096),
    ("soft labels made once", soft_labels, 4096),
    (f"static FGSM set, {len(STATIC_EPSILONS)} epsilons", fgsm_set, 2048),
    (f"AdversarialTrainer, PGD-{STEPS}", pgd_training, 2048),
    (f"TradesTrainer, {STEPS} steps", trades, 2048),
    ("RandomAttackTrainer, momentum-10 or DeepFool-10", random_attacks, 1024),
)
BARE = "bare step"
ROWS = tuple(
    row
    for network in ("wpi_cnn", "rit_cnn")
    for row in (
        # Long, as the start of a `fit` (0.05 s) is not in every epoch of a training.
        Row(BARE, network, bare_step, images=8192, goal=0.9),
        *(Row(work, network, make, images) for work, make, images in _WORKS),
    )
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

"""Trains one network of a study, with progress, the chosen epoch kept, and resumption."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

import models
from attacks import Journal
from data import Dataset, RandomErasing, training_batches
from data.pipeline import steps_per_epoch
from distillation import LossTermMonitor, compile_trainer, procedure
from distillation.network_trainer import build_optimizer
from harness.arms import Training
from harness.precision import fitted_in, of_layers
from harness.recipe import Recipe
from harness.resumption import Logs, Resumption
from harness.store import RESUME
from harness.trained_defenses import TrainedDefense

Progress = Callable[[float, str], None]  # share done, what it looks like so far

#: Images whose accuracy is measured at once: those of ImageNet are kept as bytes, one at a time.
_AT_ONCE = 2000


def train(
    training: Training,
    dataset: Dataset,
    directory: Path,
    sources: dict[str, Path],
    progress: Progress,
    weights: Path | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    strategy: tf.distribute.Strategy | None = None,
    precision: str = "float32",
) -> None:
    """Writes `model.h5` (of the epoch that the recipe keeps), `history.csv` and `training.json`
    into `directory`.

    An interrupted training that left its state in `directory` goes on from there, see
    `resumption`, and ends with the same weights and the same history.

    Args:
        sources: checkpoints of the trainings in `training.sources`, by the names there.
        weights: a file of pre-trained weights, in place of those that the network names.
        callbacks: told of every epoch besides, with all that is logged of it.
        strategy: among which devices each batch is divided; default: one.
        precision: what the network computes in while it is trained, see `harness.precision`.

    Raises:
        ValueError: a loss is not finite any more; what was written before stays.
    """
    keras.utils.set_random_seed(training.seed)
    named = training.network if weights is None else replace(training.network, weights=str(weights))
    shape, decay = dataset.image_shape, training.recipe.weight_decay
    with (strategy or tf.distribute.get_strategy()).scope():
        build = partial(named.build, dataset.num_classes, shape, decay)
        network = build()
        fitted = fitted_in(precision, network, build) if training.recipe.epochs else network
        loaded = {name: models.load_checkpoint(path) for name, path in sources.items()}
    for each in (network, fitted):
        training.recipe.set_momentum(each)
    if "warm_up" in loaded:
        fitted.set_weights(loaded["warm_up"].get_weights())
    if training.recipe.epochs:
        networks = fitted, network
        history = _fit(training, *networks, loaded, dataset, directory, progress, callbacks)
        _check_finite(training, history)
        models.load_weights(network, directory / "model.h5")
        epoch, _ = models.kept_epoch(history, training.recipe.keep)
    else:
        models.save(network, directory / "model.h5", overwrite=True)
        history, epoch = pd.DataFrame(columns=["epoch", "val_accuracy", "seconds"]), None
        progress(1.0, "used as it is")
    history.to_csv(directory / "history.csv", index=False)
    (directory / "training.json").write_text(
        json.dumps(
            {
                "best_epoch": 0 if epoch is None else epoch + 1,
                "epochs": len(history),
                "seconds": float(history["seconds"].sum()),
                "parameters": network.count_params(),
                **_clean_accuracies(training, network, dataset),
            },
            indent=1,
        )
    )


def _fit(
    training: Training,
    network: keras.Model,
    written: keras.Model,
    loaded: dict[str, keras.Model],
    dataset: Dataset,
    directory: Path,
    progress: Progress,
    callbacks: Sequence[keras.callbacks.Callback],
) -> pd.DataFrame:
    """Trains `network` and writes it, as `written`, to `model.h5`; returns one row per epoch."""
    recipe, defense = training.recipe, training.defense or TrainedDefense()
    kept, resume = directory / "model.h5", directory / RESUME
    examples = dataset.x_train[: training.images], dataset.y_train[: training.images]
    x_train, y_train = defense.training_set(
        loaded.get("crafted_on"), examples, _crafting(progress), Journal(resume)
    )
    labels = keras.utils.to_categorical(y_train, dataset.num_classes)
    steps = steps_per_epoch(len(x_train), recipe.batch_size)
    with network.distribute_strategy.scope(), of_layers(network.dtype_policy.name):
        trainer = _trainer(training, defense, network, steps, loaded.get("teacher"))
        build_optimizer(trainer)
    erasing = RandomErasing() if training.erasing else None
    validation_data = _validation_data(training, dataset)
    while True:
        resumption = Resumption(resume, kept, recipe.keep, loaded.values())
        epoch, batch = resumption.position
        if epoch >= recipe.epochs:
            break
        if batch:  # the variables of the metrics, which are made by a first batch, are set as well
            trainer.test_on_batch(*(part[:1] for part in validation_data))
        trainer.fit(
            training_batches(
                x_train, labels, recipe.batch_size, training.seed, erasing, epoch, batch
            ),
            initial_epoch=epoch,
            # What is left of an epoch that was interrupted is trained by itself.
            epochs=epoch + 1 if batch else recipe.epochs,
            steps_per_epoch=steps - batch,
            validation_data=validation_data,
            validation_batch_size=256,
            callbacks=[
                _ShowProgress(progress, recipe.epochs, steps, resumption),
                LossTermMonitor(x_train[: recipe.batch_size], labels[: recipe.batch_size]),
                _best_checkpoint(kept, recipe.keep, resumption.history, network, written),
                keras.callbacks.TerminateOnNaN(),
                *([ReduceOnPlateau(recipe, resumption.history)] if recipe.patience else []),
                resumption,
                *callbacks,
            ],
            shuffle=False,  # the batches are shuffled already
            verbose=0,
        )
        if resumption.diverged:
            return resumption.history
    _check_intact(resumption, training, kept, resume)
    return resumption.history


def _validation_data(training: Training, dataset: Dataset) -> tuple[Any, np.ndarray]:
    part = slice(training.validation_images)
    labels = keras.utils.to_categorical(dataset.y_validation[part], dataset.num_classes)
    return dataset.x_validation[part], labels


def _best_checkpoint(
    kept: Path, keep: str, history: pd.DataFrame, network: keras.Model, written: keras.Model
) -> keras.callbacks.Callback:
    """Writes the network of the best epoch, which may be one of those that are finished."""
    best = None if history.empty else models.kept_epoch(history, keep)[1]
    return models.best_checkpoint(kept, best, network, keep, written_as=written)


def _check_intact(resumption: Resumption, training: Training, kept: Path, resume: Path) -> None:
    if not resumption.is_intact:
        shutil.rmtree(resume)
        raise ValueError(
            f"{kept} was damaged while {training.title} was trained; accepted: the same command "
            "once more, which trains it anew"
        )


def _check_finite(training: Training, history: pd.DataFrame) -> None:
    losses = history[["loss", "val_loss"]].iloc[-1]
    if not np.isfinite(losses).all():
        raise ValueError(
            f"{training.title} diverged: in epoch {len(history)} its loss is {losses['loss']:g}, "
            f"in validation {losses['val_loss']:g}; accepted: a recipe whose loss stays finite, "
            f"for example a learning_rate below {training.recipe.learning_rate:g}"
        )


def _crafting(progress: Progress) -> Callable[[int, int], None]:
    """The progress of a training set that is crafted."""
    return lambda done, count: progress(0.0, f"training set: {done} of {count} images")


def _clean_accuracies(training: Training, network: keras.Model, dataset: Dataset) -> dict:
    """Accuracy on the clean images trained on, on all validation and on all test images."""
    report = {}
    for part, images, labels in (
        ("train", dataset.x_train[: training.images], dataset.y_train[: training.images]),
        ("validation", dataset.x_validation, dataset.y_validation),
        ("test", dataset.x_test, dataset.y_test),
    ):
        correct = [
            network.predict(images[start : start + _AT_ONCE], batch_size=256, verbose=0).argmax(1)
            == labels[start : start + _AT_ONCE]
            for start in range(0, len(labels), _AT_ONCE)
        ]
        report[f"{part}_accuracy"] = float(np.concatenate(correct).mean()) if correct else None
        report[f"{part}_images"] = len(labels)
    return report


def _trainer(
    training: Training,
    defense: TrainedDefense,
    network: keras.Model,
    steps: int,
    teacher: keras.Model | None,
) -> keras.Model:
    optimizer = defense.optimizer(training.recipe, steps, training.seed)
    if training.procedure is None:
        trainer = defense.trainer(network, training.seed)
        trainer.compile(
            optimizer=optimizer,
            loss=keras.losses.CategoricalCrossentropy(from_logits=True),
            metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        )
        return trainer
    how = procedure(training.procedure, training.temperature, training.alpha)
    return compile_trainer(how, training.role, network, optimizer, teacher)


class ReduceOnPlateau(keras.callbacks.ReduceLROnPlateau):
    """The plateau scheduler of a recipe, which knows the epochs of an interrupted training.

    PyTorch's patience: the rate falls after one epoch more than it, counted anew each time.

    Args:
        done: the history so far, with the column "val_loss".
    """

    def __init__(self, recipe: Recipe, done: pd.DataFrame):
        super().__init__(
            monitor="val_loss",
            mode="min",
            factor=recipe.plateau_factor,
            patience=recipe.patience + 1,
            min_delta=1e-4,
        )
        self._rate = recipe.learning_rate
        self._losses = list(done["val_loss"])

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        self.model.optimizer.learning_rate.assign(self._rate)
        for epoch, loss in enumerate(self._losses):
            self.on_epoch_end(epoch, {"val_loss": loss})


class _ShowProgress(keras.callbacks.Callback):
    """Also adds the seconds of each epoch, validation included, to its logs."""

    def __init__(self, progress: Progress, epochs: int, steps: int, resumption: Resumption):
        super().__init__()
        self._progress, self._epochs, self._steps = progress, epochs, steps
        self._epoch, self._text, self._started = 0, "", 0.0
        self._before = {resumption.position.epoch: (resumption.position.batch, resumption.elapsed)}

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        self._epoch, self._started = epoch, perf_counter()

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        before, _ = self._before.get(self._epoch, (0, 0.0))
        share = (self._epoch + (before + batch + 1) / self._steps) / self._epochs
        self._progress(share, f"epoch {self._epoch + 1}/{self._epochs}{self._text}")

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self._text = f", validation {logs['val_accuracy']:.1%}"
        _, before = self._before.get(epoch, (0, 0.0))
        logs["seconds"] = before + perf_counter() - self._started

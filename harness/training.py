"""Trains one network of a study, with progress, the chosen epoch kept, and resumption."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import keras
import numpy as np
import pandas as pd

import models
from data import Dataset, RandomErasing, training_batches
from data.pipeline import steps_per_epoch
from distillation import LossTermMonitor, compile_trainer, procedure
from distillation.network_trainer import build_optimizer
from harness.arms import Training
from harness.recipe import Recipe
from harness.trained_defenses import TrainedDefense

Progress = Callable[[float, str], None]  # share done, what it looks like so far
Logs = dict[str, float]  # what Keras hands to callbacks

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
) -> None:
    """Writes `model.h5` (of the epoch that the recipe keeps), `history.csv` and `training.json`
    into `directory`.

    An interrupted training that left its state in `directory` goes on from its last whole
    epoch and sees the batches it would have seen.

    Args:
        sources: checkpoints of the trainings in `training.sources`, by the names there.
        weights: a file of pre-trained weights, in place of those that the network names.
        callbacks: told of every epoch besides, with all that is logged of it.
    """
    keras.utils.set_random_seed(training.seed)
    named = training.network if weights is None else replace(training.network, weights=str(weights))
    network = named.build(dataset.num_classes, dataset.image_shape, training.recipe.weight_decay)
    loaded = {name: models.load_checkpoint(path) for name, path in sources.items()}
    if "warm_up" in loaded:
        network.set_weights(loaded["warm_up"].get_weights())
    if training.recipe.epochs:
        history = _fit(training, network, loaded, dataset, directory, progress, callbacks)
        if not np.isfinite(history["loss"].iloc[-1]):
            shutil.rmtree(directory / "resume")  # nothing there to go on from
            raise ValueError(
                f"{training.title} diverged: its loss is {history['loss'].iloc[-1]} in epoch "
                f"{len(history)}; accepted: a recipe whose loss stays finite, for example a "
                f"learning_rate below {training.recipe.learning_rate:g}"
            )
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
    loaded: dict[str, keras.Model],
    dataset: Dataset,
    directory: Path,
    progress: Progress,
    callbacks: Sequence[keras.callbacks.Callback],
) -> pd.DataFrame:
    """Trains `network` and writes `model.h5`; returns one row per epoch."""
    recipe, defense = training.recipe, training.defense or TrainedDefense()
    examples = dataset.x_train[: training.images], dataset.y_train[: training.images]
    x_train, y_train = defense.training_set(loaded.get("crafted_on"), examples, _crafting(progress))
    labels = keras.utils.to_categorical(y_train, dataset.num_classes)
    steps = steps_per_epoch(len(x_train), recipe.batch_size)
    optimizer = defense.optimizer(recipe, steps, training.seed)
    trainer = _trainer(training, defense, network, optimizer, loaded.get("teacher"))
    build_optimizer(trainer)
    resume = directory / "resume"
    resume.mkdir(exist_ok=True)
    log = resume / "history.csv"
    done = _finished_epochs(log)
    _, best_so_far = models.kept_epoch(done, recipe.keep) if len(done) else (None, None)
    logger = keras.callbacks.CSVLogger(str(log), append=True)
    erasing = RandomErasing() if training.erasing else None
    batches = training_batches(
        x_train, labels, recipe.batch_size, training.seed, erasing, initial_epoch=len(done)
    )
    validation = slice(training.validation_images)
    y_validation = keras.utils.to_categorical(dataset.y_validation[validation], dataset.num_classes)
    try:
        trainer.fit(
            batches,
            epochs=recipe.epochs,
            initial_epoch=len(done),
            steps_per_epoch=steps,
            validation_data=(dataset.x_validation[validation], y_validation),
            validation_batch_size=256,
            callbacks=[
                _ShowProgress(progress, recipe.epochs, steps),
                LossTermMonitor(x_train[: recipe.batch_size], labels[: recipe.batch_size]),
                models.best_checkpoint(
                    directory / "model.h5",
                    initial_value_threshold=best_so_far,
                    model=network,
                    keep=recipe.keep,
                ),
                keras.callbacks.TerminateOnNaN(),
                *([ReduceOnPlateau(recipe, done)] if recipe.patience else []),
                # Twice, so that an interrupt while one is written leaves the other.
                keras.callbacks.BackupAndRestore(resume / "state", double_checkpoint=True),
                logger,
                *callbacks,
            ],
            shuffle=False,  # the batches are shuffled already
            verbose=0,
        )
    finally:  # Keras leaves the file open when it is interrupted
        if logger.csv_file:
            logger.csv_file.close()
    return _finished_epochs(log)


def _crafting(progress: Progress) -> Callable[[int, int], None]:
    """The progress of a training set that is crafted."""
    return lambda done, count: progress(0.0, f"training set: {done} of {count} images")


def network_of(directory: Path) -> keras.Model:
    """The network of a finished training; it gives logits."""
    return models.load_checkpoint(directory / "model.h5")


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
    optimizer: keras.optimizers.Optimizer,
    teacher: keras.Model | None,
) -> keras.Model:
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


def _finished_epochs(log: Path) -> pd.DataFrame:
    if not log.exists() or not log.stat().st_size:
        return pd.DataFrame({"val_accuracy": []})
    return pd.read_csv(log)


class ReduceOnPlateau(keras.callbacks.ReduceLROnPlateau):
    """The plateau scheduler of a recipe, which knows the epochs of an interrupted training.

    PyTorch's patience: the rate falls after one epoch more than it, counted anew each time.

    Args:
        done: the history so far, with the column "val_loss" if there is any epoch in it.
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
        self._losses = [] if done.empty else list(done["val_loss"])

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        self.model.optimizer.learning_rate.assign(self._rate)
        for epoch, loss in enumerate(self._losses):
            self.on_epoch_end(epoch, {"val_loss": loss})


class _ShowProgress(keras.callbacks.Callback):
    """Also adds the seconds of each epoch, validation included, to its logs."""

    def __init__(self, progress: Progress, epochs: int, steps: int):
        super().__init__()
        self._progress, self._epochs, self._steps = progress, epochs, steps
        self._epoch, self._text, self._started = 0, "", 0.0

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        self._epoch, self._started = epoch, perf_counter()

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        share = (self._epoch + (batch + 1) / self._steps) / self._epochs
        self._progress(share, f"epoch {self._epoch + 1}/{self._epochs}{self._text}")

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self._text = f", validation {logs['val_accuracy']:.1%}"
        logs["seconds"] = perf_counter() - self._started

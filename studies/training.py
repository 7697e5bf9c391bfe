"""Trains one network of a study, with progress, the best epoch kept, and resumption."""

import json
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import keras
import pandas as pd

import models
from data import Dataset, RandomErasing, training_batches
from data.pipeline import steps_per_epoch
from distillation import LossTermMonitor, compile_trainer, procedure
from studies.study import Recipe, Training

Progress = Callable[[float, str], None]  # share done, what it looks like so far


def train(
    training: Training,
    dataset: Dataset,
    directory: Path,
    sources: dict[str, Path],
    progress: Progress,
) -> None:
    """Writes `model.h5` (the epoch with the best validation accuracy), `history.csv` and
    `training.json` into `directory`.

    An interrupted training that left its state in `directory` goes on from its last whole
    epoch and sees the batches it would have seen.

    Args:
        sources: checkpoints of the trainings in `training.needs`, by role.
    """
    recipe = training.recipe
    x_train, y_train = dataset.x_train[: training.images], dataset.y_train[: training.images]
    labels = keras.utils.to_categorical(y_train, dataset.num_classes)
    steps = steps_per_epoch(len(x_train), recipe.batch_size)

    keras.utils.set_random_seed(training.seed)
    network = training.network.build(dataset.num_classes, dataset.image_shape, recipe.weight_decay)
    if "warm_up" in sources:
        network.set_weights(models.load_checkpoint(sources["warm_up"]).get_weights())
    teacher = models.load_checkpoint(sources["teacher"]) if "teacher" in sources else None
    trainer = _trainer(training, network, recipe.build_optimizer(steps), teacher)

    resume = directory / "resume"
    resume.mkdir(exist_ok=True)
    log = resume / "history.csv"
    done = _finished_epochs(log)
    logger = keras.callbacks.CSVLogger(str(log), append=True)
    try:
        trainer.fit(
            training_batches(
                x_train,
                labels,
                recipe.batch_size,
                seed=training.seed,
                erasing=RandomErasing() if training.erasing else None,
                initial_epoch=len(done),
            ),
            epochs=recipe.epochs,
            initial_epoch=len(done),
            steps_per_epoch=steps,
            validation_data=(
                dataset.x_validation[: training.validation_images],
                keras.utils.to_categorical(
                    dataset.y_validation[: training.validation_images], dataset.num_classes
                ),
            ),
            validation_batch_size=256,
            callbacks=[
                LossTermMonitor(x_train[: recipe.batch_size], labels[: recipe.batch_size]),
                _EpochSeconds(),
                models.best_checkpoint(
                    directory / "model.h5",
                    model=network,
                    initial_value_threshold=max(done["val_accuracy"], default=None),
                ),
                keras.callbacks.TerminateOnNaN(),
                *([ReduceOnPlateau(recipe, done)] if recipe.patience else []),
                _ShowProgress(progress, recipe.epochs, steps),
                keras.callbacks.BackupAndRestore(resume / "state"),
                logger,
            ],
            shuffle=False,  # the batches are shuffled already
            verbose=0,
        )
    finally:  # Keras leaves the file open when it is interrupted
        if logger.csv_file:
            logger.csv_file.close()
    history = _finished_epochs(log)
    history.to_csv(directory / "history.csv", index=False)
    best = int(history["val_accuracy"].argmax())
    models.load_weights(network, directory / "model.h5")
    (directory / "training.json").write_text(
        json.dumps(
            {
                "best_epoch": best + 1,
                "epochs": len(history),
                "seconds": float(history["seconds"].sum()),
                "parameters": network.count_params(),
                **_clean_accuracies(trainer, training, dataset),
            },
            indent=1,
        )
    )


def network_of(directory: Path) -> keras.Model:
    """The network of a finished training; it gives logits."""
    return models.load_checkpoint(directory / "model.h5")


def _clean_accuracies(trainer: keras.Model, training: Training, dataset: Dataset) -> dict:
    """Accuracy on the images trained on, on all validation and on all test images."""
    report = {}
    for part, images, labels in (
        ("train", dataset.x_train[: training.images], dataset.y_train[: training.images]),
        ("validation", dataset.x_validation, dataset.y_validation),
        ("test", dataset.x_test, dataset.y_test),
    ):
        one_hot = keras.utils.to_categorical(labels, dataset.num_classes)
        logs = trainer.evaluate(images, one_hot, batch_size=256, verbose=0, return_dict=True)
        report[f"{part}_accuracy"] = float(logs["accuracy"])
        report[f"{part}_images"] = len(labels)
    return report


def _trainer(training: Training, network, optimizer, teacher) -> keras.Model:
    if training.procedure is None:
        trainer = keras.Model(network.inputs, network.outputs)
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

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.model.optimizer.learning_rate.assign(self._rate)
        for epoch, loss in enumerate(self._losses):
            self.on_epoch_end(epoch, {"val_loss": loss})


class _EpochSeconds(keras.callbacks.Callback):
    """Adds the seconds of each epoch, validation included, to its logs."""

    def on_epoch_begin(self, epoch, logs=None):
        self._started = perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        logs["seconds"] = perf_counter() - self._started


class _ShowProgress(keras.callbacks.Callback):
    def __init__(self, progress: Progress, epochs: int, steps: int):
        super().__init__()
        self._progress, self._epochs, self._steps = progress, epochs, steps
        self._epoch, self._text = 0, ""

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        share = (self._epoch + (batch + 1) / self._steps) / self._epochs
        self._progress(share, f"epoch {self._epoch + 1}/{self._epochs}{self._text}")

    def on_epoch_end(self, epoch, logs=None):
        self._text = f", validation {logs['val_accuracy']:.1%}"

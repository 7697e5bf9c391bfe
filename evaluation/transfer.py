"""How adversarial images that were made on one model do on others."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attacks import Attack
from attacks.engine.task import Progress, Task
from attacks.goals import predicted
from attacks.readings import Model
from evaluation.estimates import Estimate


@dataclass(frozen=True, eq=False)
class TransferMatrix:
    """What each of M models makes of N images that were crafted on each of them.

    Two entries are of the same images and can be compared in pairs:
    `Estimate.paired(matrix.correct[0, 1], matrix.correct[1, 1])`.

    Attributes:
        names: of the M models.
        clean_correct: bool [M, N], the images that each model gets right without attack.
        correct: bool [M, M, N]; at [i, j] the images crafted on model i that model j gets right,
            with and without the attack. The diagonal is the white-box attack.
    """

    names: tuple[str, ...]
    clean_correct: np.ndarray
    correct: np.ndarray

    @property
    def clean_accuracies(self) -> list[Estimate]:
        """One for each model, with Wilson's interval."""
        return [Estimate.accuracy(correct) for correct in self.clean_correct]

    @property
    def accuracies(self) -> list[list[Estimate]]:
        """At [i][j] that of model j on the images crafted on model i, with Wilson's interval."""
        return [[Estimate.accuracy(correct) for correct in row] for row in self.correct]

    def table(self) -> pd.DataFrame:
        """A row for each model without attack (`crafted_on` is empty), and for each pair."""
        accuracies = {"": self.clean_accuracies, **dict(zip(self.names, self.accuracies))}
        return pd.DataFrame(
            {
                "crafted_on": crafted_on,
                "model": name,
                "images": accuracy.images,
                "accuracy": accuracy.value,
                "ci_low": accuracy.low,
                "ci_high": accuracy.high,
            }
            for crafted_on, of_models in accuracies.items()
            for name, accuracy in zip(self.names, of_models, strict=True)
        )


def transfer_matrix(
    models: Mapping[str, Model],
    images: np.ndarray,
    labels: np.ndarray,
    attack: Attack,
    epsilon: float,
    *,
    progress: Progress | None = None,
) -> TransferMatrix:
    """Crafts the images on every model, once, and classifies them by every model.

    Args:
        models: by name, as for `evaluate`; all take the same images and have the same classes.
        images: float [N, ...] in [0, 1].
        labels: int [N] or [N, 1], the true classes.
        attack: moves the images away from their labels.
        epsilon: a distance in [0, 1] pixels; for a minimum-norm attack infinity as well.
        progress: called with (images done, images in all), which are N for each model.

    Raises:
        ValueError: naming the argument, its value and what is accepted.
    """
    if not models:
        raise ValueError(f"models is {models}; accepted: one model or more, by name")
    if not len(images):
        raise ValueError("images is empty; accepted: one image or more")
    tasks = _tasks(models, images, labels, attack.batch_size)
    clean = np.array([_right(task, task.images) for task in tasks])
    correct = []
    for number, task in enumerate(tasks):
        note = None if progress is None else _note(progress, number, len(tasks))
        (result,) = attack.sweep_task(task, [epsilon], note)
        correct.append([_right(judge, result.images) for judge in tasks])
    return TransferMatrix(tuple(models), clean, np.array(correct) & clean)


def _tasks(
    models: Mapping[str, Model], images: np.ndarray, labels: np.ndarray, batch_size: int
) -> list[Task]:
    """The same request to every model; images and labels are checked once."""
    first, *others = models.values()
    task = Task(first, images, np.asarray(labels), None, batch_size)
    return [task, *(task.of_model(other) for other in others)]


def _right(task: Task, images: np.ndarray) -> np.ndarray:
    """Whether the model of `task` gives the images [N, ...] their true classes, bool [N]."""
    return predicted(task.logits(images)) == task.goal.classes


def _note(progress: Progress, number: int, models: int) -> Progress:
    """The progress of the attack on one model, as part of that on all."""

    def note(done: int, count: int) -> None:
        progress(number * count + done, models * count)

    return note

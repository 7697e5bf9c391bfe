"""What the attacks share: checked input, batches, random starts, collected results."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from attacks.classifier import AsLogits, Classifier
from attacks.goals import Goal, Untargeted, as_goal
from attacks.norms import check_epsilon
from attacks.result import AttackResult

Progress = Callable[[int, int], None]  # images done, images in all


@dataclass(frozen=True)
class Batch:
    """Some of the images under attack, with their goal and their positions (`ids`)."""

    images: np.ndarray
    goal: Goal
    ids: np.ndarray


@dataclass(frozen=True)
class Crafted:
    """Adversarial images of one batch at one epsilon, with the gradients each image took."""

    images: np.ndarray
    gradient_evaluations: np.ndarray
    forward_evaluations: np.ndarray


class Task:
    """A checked request: a model, images, a goal for each image.

    Args:
        labels: true classes, int [N]; `None` for the model's own predictions; or a goal.
        ids: int [N], what random draws of an image are keyed by (default: its index).

    Raises:
        ValueError: naming the argument that is wrong, its value, and what is accepted.
    """

    def __init__(self, model: Callable | AsLogits, images, labels, ids=None, batch_size=128):
        self.images = _check_images(images)
        self.batch_size = _check_batch_size(batch_size)
        self.classifier = Classifier(model, self.images.shape[1:])
        self.classifier.check_probe(self.images)
        self.forward_evaluations = 0
        if labels is None:
            labels = Untargeted(self.logits(self.images).argmax(axis=1))
            self.forward_evaluations = 1
        self.goal = _check_goal(as_goal(labels), len(self.images), self.classifier.num_classes)
        self.ids = _check_ids(ids, len(self.images))

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Logits [N, classes], computed batch by batch."""
        parts = [
            self.classifier.logits(images[start : start + self.batch_size]).numpy()
            for start in range(0, len(images), self.batch_size)
        ]
        return np.concatenate(parts or [np.zeros([0, self.classifier.num_classes], np.float32)])

    def batches(self) -> Iterator[Batch]:
        for start in range(0, len(self.images), self.batch_size):
            part = slice(start, start + self.batch_size)
            yield Batch(self.images[part], self.goal.take(part), self.ids[part])

    def result(self, crafted: Sequence[Crafted], epsilon: float | None) -> AttackResult:
        """Joins the batches of one epsilon and classifies them afresh."""

        def joined(name, empty):
            return np.concatenate([getattr(part, name) for part in crafted] or [empty])

        images = joined("images", self.images)
        logits = self.logits(images)
        none = np.zeros(0, np.int64)
        return AttackResult(
            images=images,
            originals=self.images,
            logits=logits,
            success=self.goal.reached(logits),
            gradient_evaluations=joined("gradient_evaluations", none),
            forward_evaluations=joined("forward_evaluations", none) + self.forward_evaluations + 1,
            epsilon=epsilon,
        )


def budget_sweep(
    task: Task,
    epsilons: Sequence[float],
    norm: str,
    craft: Callable[[Batch, list[float]], list[Crafted]],
    progress: Progress | None,
) -> list[AttackResult]:
    """One result per epsilon, in the order given.

    `craft` gets a batch and the distinct epsilons in ascending order, so that it can do once
    what they have in common.
    """
    if np.ndim(epsilons) != 1:
        raise ValueError(f"epsilons is {epsilons!r}; accepted: a sequence of numbers")
    checked = [check_epsilon(e, norm, task.images.shape[1:]) for e in epsilons]
    ascending = sorted(set(checked))
    crafted: dict[float, list[Crafted]] = {epsilon: [] for epsilon in ascending}
    done = 0
    for batch in task.batches() if ascending else ():
        for epsilon, part in zip(ascending, craft(batch, ascending), strict=True):
            crafted[epsilon].append(part)
        done += len(batch.images)
        if progress:
            progress(done, len(task.images))
    results = {epsilon: task.result(crafted[epsilon], epsilon) for epsilon in ascending}
    return [results[epsilon] for epsilon in checked]


def ball_noise(ids: np.ndarray, shape: tuple[int, ...], norm: str, key: Sequence[int]):
    """Uniform draws from the unit ball, float32 [N, *shape], one stream for each image.

    An image's draw depends on its id and on `key` alone, never on the batch it is in.
    L2: a Gaussian direction at radius u^(1/d) (Calafiore et al. 1998).
    """
    dimension = math.prod(shape)
    noise = np.empty([len(ids), dimension], np.float32)
    for row, identity in enumerate(ids):
        generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([*key, identity])))
        if norm == "linf":
            noise[row] = generator.uniform(-1.0, 1.0, dimension)
        else:
            direction = generator.standard_normal(dimension)
            radius = generator.uniform() ** (1.0 / dimension)
            noise[row] = radius * direction / np.linalg.norm(direction)
    return noise.reshape(len(ids), *shape)


def check_positive(**values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value!r}; accepted: a finite number above 0")


def check_count(**values: int) -> None:
    for name, value in values.items():
        if not (isinstance(value, int | np.integer) and value >= 1):
            raise ValueError(f"{name} is {value!r}; accepted: a whole number, 1 or more")


def _check_batch_size(batch_size: int) -> int:
    check_count(batch_size=batch_size)
    return int(batch_size)


def _check_images(images) -> np.ndarray:
    array = np.asarray(images)
    if array.ndim < 2 or not np.issubdtype(array.dtype, np.floating):
        raise ValueError(
            f"images have shape {array.shape} and type {array.dtype}; "
            "accepted: floats in [0, 1] of shape [N, ...]"
        )
    array = np.ascontiguousarray(array, np.float32)
    if array.size:
        low, high = array.min(), array.max()
        if not (low >= 0 and high <= 1):  # also true for NaN
            raise ValueError(
                f"images have values from {low:g} to {high:g}; accepted: finite values in [0, 1] "
                "(divide 0-255 grey levels by 255)"
            )
    return array


def _check_goal(goal: Goal, count: int, num_classes: int) -> Goal:
    name = "labels" if isinstance(goal, Untargeted) else "classes"
    if len(goal.classes) != count:
        raise ValueError(
            f"{name} has {len(goal.classes)} entries for {count} images; accepted: one per image"
        )
    wrong = goal.classes[(goal.classes < 0) | (goal.classes >= num_classes)]
    if len(wrong):
        raise ValueError(f"{name} has the value {wrong[0]}; accepted: 0 to {num_classes - 1}")
    return goal


def _check_ids(ids, count: int) -> np.ndarray:
    array = np.arange(count) if ids is None else np.asarray(ids)
    if array.shape != (count,) or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(
            f"ids has shape {array.shape} and type {array.dtype}; accepted: integers [{count}]"
        )
    if count and array.min() < 0:
        raise ValueError(f"ids has the value {array.min()}; accepted: 0 or more")
    return array.astype(np.int64)

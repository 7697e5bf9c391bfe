"""What the attacks share: checked input, batches, the images still worked on, random draws."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from attacks.engine.classifier import Classifier
from attacks.engine.errors import warn
from attacks.goals import Goal, Untargeted, as_goal
from attacks.readings import Reading
from attacks.result import AttackResult

Progress = Callable[[int, int], None]  # images done, images in all


@dataclass(frozen=True)
class Batch:
    """Some of the images under attack, with their goal and their positions (`ids`)."""

    images: np.ndarray
    goal: Goal
    ids: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows) -> "Batch":
        return Batch(self.images[rows], self.goal.take(rows), self.ids[rows])


@dataclass(frozen=True)
class Crafted:
    """Adversarial images of one batch, with the evaluations each image took."""

    images: np.ndarray
    gradient_evaluations: np.ndarray
    forward_evaluations: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence["Crafted"]) -> "Crafted":
        if len(parts) == 1:
            return parts[0]
        return cls(*(np.concatenate([getattr(p, name) for p in parts]) for name in _FIELDS))


_FIELDS = ("images", "gradient_evaluations", "forward_evaluations")


class Task:
    """A checked request: a model, images, a goal for each image.

    Args:
        labels: true classes, int [N] or [N, 1]; `None` for the model's own predictions; or a
            goal.
        ids: int [N], what random draws of an image are keyed by (default: its index).
        jit_compile: compile with XLA. Images that are done then stay in their batch, because
            XLA compiles anew for every size.

    Raises:
        ValueError: naming the argument that is wrong, its value, and what is accepted.
    """

    def __init__(
        self,
        model: Callable | Reading,
        images,
        labels,
        ids=None,
        batch_size: int = 128,
        jit_compile: bool = False,
    ):
        self.images = check_images(images)
        self.batch_size = _check_batch_size(batch_size)
        self.classifier = Classifier(model, self.images.shape[1:], jit_compile)
        self.classifier.check_probe(self.images, self.batch_size)
        self.forward_evaluations = 0
        if labels is None:
            labels = Untargeted(self.logits(self.images).argmax(axis=1))
            self.forward_evaluations = 1
        self.goal = _check_goal(as_goal(labels), len(self.images), self.classifier.num_classes)
        self.ids = check_ids(ids, len(self.images))

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Logits [N, classes], computed batch by batch."""
        parts = [
            self.classifier.logits(images[start : start + self.batch_size]).numpy()
            for start in range(0, len(images), self.batch_size)
        ]
        return np.concatenate(parts or [np.zeros([0, self.classifier.num_classes], np.float32)])

    def batches(self, rows: np.ndarray | None = None) -> Iterator[Batch]:
        """The images, or those of `rows`, in batches."""
        whole = Batch(self.images, self.goal, self.ids)
        count = len(self.images) if rows is None else len(rows)
        for start in range(0, count, self.batch_size):
            part = slice(start, start + self.batch_size)
            yield whole.take(part if rows is None else rows[part])

    def remaining(self, count: int) -> "Remaining":
        return Remaining(count, leave_at=0.0 if self.classifier.jit_compile else 0.8)

    def result(
        self, crafted: Crafted, epsilon: float | None = None, logits: np.ndarray | None = None
    ) -> AttackResult:
        """Classifies crafted images afresh, unless their `logits` are known."""
        return AttackResult(
            images=crafted.images,
            originals=self.images,
            goal=self.goal,
            logits=self.logits(crafted.images) if logits is None else logits,
            gradient_evaluations=crafted.gradient_evaluations,
            forward_evaluations=crafted.forward_evaluations + self.forward_evaluations + 1,
            epsilon=epsilon,
            spread=self.classifier.spread,
        )

    def nothing(self) -> Crafted:
        """The images as they are, at no cost."""
        zero = np.zeros(len(self.images), np.int64)
        return Crafted(self.images.copy(), zero, zero)


class Remaining:
    """The images of a batch that are not done, while their tensors hold a few more.

    Done images leave the tensors in groups, when less than `leave_at` of the rows are still
    going, since every new batch size costs the library's kernels their preparation.

    Attributes:
        rows: int [n], the positions in the batch of what the tensors hold.
        going: bool [n], which of them are not done.
    """

    def __init__(self, count: int, leave_at: float = 0.8):
        self.rows = np.arange(count)
        self.going = np.ones(count, bool)
        self._leave_at = leave_at

    def __bool__(self) -> bool:
        return bool(self.going.any())

    @property
    def rows_going(self) -> np.ndarray:
        return self.rows[self.going]

    def finish(self, done: np.ndarray, *tensors) -> list:
        """Marks rows as done (their indices, or bool [n]) and drops done rows if it pays.

        Returns the tensors, or arrays, with what is left of their n rows. Rows that stay
        although they are done have to be ignored (`going`).
        """
        self.going[done] = False
        if self.going.mean() > self._leave_at:
            return list(tensors)
        kept = np.flatnonzero(self.going)
        self.rows, self.going = self.rows[kept], np.ones(len(kept), bool)
        return [t[kept] if isinstance(t, np.ndarray) else tf.gather(t, kept) for t in tensors]


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


def check_seed(seed: int) -> None:
    if not (is_whole(seed) and seed >= 0):
        raise ValueError(f"seed is {seed!r}; accepted: a whole number, 0 or more")


def is_whole(value) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def check_count(**values: int) -> None:
    for name, value in values.items():
        if not (is_whole(value) and value >= 1):
            raise ValueError(f"{name} is {value!r}; accepted: a whole number, 1 or more")


def _check_batch_size(batch_size: int) -> int:
    check_count(batch_size=batch_size)
    return int(batch_size)


def check_images(images) -> np.ndarray:
    if isinstance(images, tf.data.Dataset):
        raise ValueError(
            "images is a tf.data.Dataset; accepted: floats in [0, 1] of shape [N, ...] (batch by "
            "batch: for images, labels in dataset: attack(model, images, labels, ...))"
        )
    array = np.asarray(images)
    if array.ndim < 2 or not np.issubdtype(array.dtype, np.floating):
        raise ValueError(
            f"images have shape {array.shape} and type {array.dtype}; accepted: floats in [0, 1] "
            "of shape [N, ...] (of 0-255 grey levels, images / 255; of one image, images[None])"
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


def warn_of_channels_first(image_shape: tuple[int, ...], attack: str) -> None:
    """Says that an attack takes the last axis for the channels, where the first looks like them."""
    if len(image_shape) == 3 and image_shape[0] in (1, 3) and image_shape[2] > 4:
        rows, columns, channels = image_shape
        warn(
            f"images have shape {image_shape}: {attack} takes them for {rows} rows and {columns} "
            f"columns of {channels} channels. For channels first, attack a model with "
            "keras.layers.Permute((3, 1, 2)) in front, and give it images with channels last"
        )


def check_ids(ids, count: int) -> np.ndarray:
    array = np.arange(count) if ids is None else np.asarray(ids)
    if array.shape != (count,) or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(
            f"ids has shape {array.shape} and type {array.dtype}; accepted: integers [{count}]"
        )
    if count and array.min() < 0:
        raise ValueError(f"ids has the value {array.min()}; accepted: 0 or more")
    return array.astype(np.int64)

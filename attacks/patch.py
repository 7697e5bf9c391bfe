"""Patches: a rectangle of pixels that is pasted on images, on each at a place of its own."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from attacks.engine.attack import Attack, Evaluations
from attacks.engine.checks import check_ids, check_images, check_unit_range
from attacks.engine.draws import stream
from attacks.engine.task import Crafted, Progress, Task
from attacks.goals import Targeted, Untargeted
from attacks.readings import Model
from attacks.result import AttackResult
from files import parsed_json, printable
from files.npz_files import read_arrays
from models.ranges import check_whole, is_whole


@dataclass(frozen=True, eq=False)
class Patch:
    """Pixels that cover a rectangle of an image.

    Attributes:
        pixels: float32 [h, w, C] in [0, 1]; a copy that cannot be written to.
        target: the class that the patch is to make a model see; `None` for none.
        name: for tables and figures.
        history: of a fitted patch, how the fit went, one number per epoch.

    Raises:
        ValueError: `pixels` or `target` are not of this kind.
    """

    pixels: np.ndarray = field(repr=False)
    target: int | None = None
    name: str = ""
    history: Mapping[str, Sequence[float]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pixels", _checked_pixels(self.pixels))
        if self.target is not None and not (is_whole(self.target) and self.target >= 0):
            raise ValueError(
                f"target is {self.target!r}; accepted: a class (a whole number, 0 or more) or None"
            )

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.pixels.shape[:2]

    def share(self, image_shape: tuple[int, ...]) -> float:
        """The share of an image [H, W, C] that the patch covers: h w / (H W)."""
        self._room(image_shape)
        return math.prod(self.size) / math.prod(image_shape[:2])

    def positions(self, ids: Any, image_shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
        """Where the patch begins on each image: row and column, int64 [N, 2].

        Uniform over all places at which it lies wholly inside. An image's place depends on the
        seed, its id and the two sizes alone: patches of one size are put at the same places.

        Args:
            ids: int [N], what the draws are keyed by.
            image_shape: [H, W, C].
        """
        room = self._room(image_shape)
        check_whole(least=0, seed=seed)
        ids = check_ids(ids, len(ids))
        drawn = [stream([seed], identity).integers(room) for identity in ids]
        return np.array(drawn, np.int64).reshape(-1, 2)

    def apply(
        self, images: Any, seed: int = 0, ids: Any = None, positions: Any = None
    ) -> np.ndarray:
        """The images with the patch on them, float32 [N, H, W, C].

        Args:
            images: float [N, H, W, C] in [0, 1].
            seed: of the places, with the ids.
            ids: int [N], what an image's place is keyed by (default: its index).
            positions: int [N, 2], rows and columns to begin at, instead of random ones.

        Raises:
            ValueError: the patch does not fit on the images, or an argument is not of its kind.
        """
        images = check_images(images)
        if positions is None:
            positions = self.positions(check_ids(ids, len(images)), images.shape[1:], seed)
        else:
            room = self._room(images.shape[1:])
            positions = _checked_positions(positions, len(images), room)
        return self._pasted(images, positions)

    def _pasted(self, images: np.ndarray, positions: np.ndarray) -> np.ndarray:
        pasted = images.copy()
        height, width = self.size
        rows = positions[:, :1] + np.arange(height)
        columns = positions[:, 1:] + np.arange(width)
        numbers = np.arange(len(pasted))[:, None, None]
        pasted[numbers, rows[:, :, None], columns[:, None, :]] = self.pixels
        return pasted

    def other_classes(self, labels: Any) -> np.ndarray:
        """Which images are not of the target class (bool [N]), by their labels.

        The others say nothing of the patch: the model may see the target without it.
        """
        labels = Untargeted(labels).labels
        return np.full(len(labels), True) if self.target is None else labels != self.target

    def goal(self, labels: Any) -> Targeted:
        """To make the model see the target; images whose label it is are refused."""
        if self.target is None:
            raise ValueError("patch has target None; accepted: a patch with a target class")
        return Targeted(np.full(np.shape(labels)[:1], self.target), labels)

    def attack(
        self,
        model: Model,
        images: Any,
        labels: Any = None,
        *,
        seeds: Sequence[int] = (0, 1, 2, 3),
        ids: Any = None,
        batch_size: int = 128,
        progress: Progress | None = None,
        jit_compile: bool = False,
    ) -> list[AttackResult]:
        """Classifies the images with the patch at random places, once for each seed.

        Args:
            model: a Keras model or callable that gives logits [N, classes].
            images: float [N, H, W, C] in [0, 1].
            labels: true classes, int [N]; `None` for the model's predictions; or a goal, as
                `patch.goal(labels)`.
            seeds: of the placements.
            ids: int [N], what an image's place is keyed by (default: its index).
            batch_size: images per forward pass.
            progress: called with (images done, images in all), counting each placement.
            jit_compile: compile with XLA.

        Returns:
            One result per seed. Each holds its images: where that is too much memory, ask for
            one seed at a time.

        Raises:
            ValueError: naming the argument, its value and what is accepted.
        """
        task = Task(model, images, labels, ids, batch_size, jit_compile)
        return self.attack_task(task, seeds, progress)

    def attack_task(
        self, task: Task, seeds: Sequence[int], progress: Progress | None = None
    ) -> list[AttackResult]:
        """`attack` of what has been checked already."""
        none = np.zeros(len(task.images), np.int64)
        results = []
        for seed in seeds:
            positions = self.positions(task.ids, task.images.shape[1:], seed)
            pasted = self._pasted(task.images, positions)
            results.append(task.result(Crafted(pasted, none, none)))
            if progress:
                progress(len(results) * len(pasted), len(seeds) * len(pasted))
        return results

    def save(self, path: Path) -> None:
        """Writes the patch to an .npz file."""
        history = json.dumps(dict(self.history))
        target = -1 if self.target is None else self.target
        np.savez_compressed(
            path, pixels=self.pixels, target=target, name=self.name, history=history
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads what `save` wrote.

        Raises:
            OSError: the file is not there.
            ValueError: it is damaged, larger than the memory at hand, or no such file.
        """
        stored, _ = read_arrays(path)
        try:
            target, history = int(stored["target"]), parsed_json(str(stored["history"]))
            name = printable(str(stored["name"]))
            return cls(stored["pixels"], None if target < 0 else target, name, history)
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"{path} holds no patch: {error}") from error

    def _room(self, image_shape: tuple[int, ...]) -> tuple[int, int]:
        """The rows and the columns that the patch can begin at."""
        room = room_for(self.size, image_shape)
        if image_shape[2] != self.pixels.shape[2]:
            raise ValueError(
                f"patch has {self.pixels.shape[2]} channels on images of {image_shape[2]}; "
                "accepted: the same number"
            )
        return room


@dataclass(frozen=True)
class PatchAttack(Attack):
    """A patch at one random place per image, in the form of the other attacks.

    So `evaluation` takes it, with infinity for its only epsilon: a patch has no bound in a norm.
    It is pasted on every image, whether or not the goal is reached without.

    Attributes:
        patch: a `Patch`.
        seed: of the places, with the ids of the images.
        batch_size: images per forward pass.
    """

    patch: Patch
    seed: int = 0
    batch_size: int = 128

    norm = "patch"

    def __post_init__(self) -> None:
        check_whole(least=0, seed=self.seed)
        check_whole(batch_size=self.batch_size)

    def __call__(
        self, model: Model, images: Any, labels: Any = None, **options: Any
    ) -> AttackResult:
        """`Patch.attack` with one seed; `options` are its `ids`, `progress`, `jit_compile`."""
        (result,) = self.patch.attack(
            model, images, labels, seeds=[self.seed], batch_size=self.batch_size, **options
        )
        return result

    def most_evaluations(
        self, epsilons: int, classes: int, image_shape: tuple[int, ...]
    ) -> Evaluations:
        return Evaluations(gradients=0, forwards=1)

    def sweep_task(
        self, task: Task, epsilons: Sequence[float], progress: Progress | None = None
    ) -> list[AttackResult]:
        """One result, as a call gives it, for each of `epsilons`, which are infinite."""
        if np.ndim(epsilons) != 1 or any(epsilon != math.inf for epsilon in epsilons):
            raise ValueError(
                f"epsilons is {epsilons!r}; accepted for a patch: [math.inf], since it has no bound"
            )
        if not len(epsilons):
            return []
        (result,) = self.patch.attack_task(task, [self.seed], progress)
        return [replace(result, epsilon=math.inf) for _ in epsilons]


@dataclass(frozen=True, eq=False)
class PatchAtPlaces(Attack):
    """A patch at one random place per image for every epsilon, all of which are infinite.

    Attributes:
        patch: what is pasted.
        rows: int [N], where the images are in the test set: their places are drawn by it.
        batch_size: images per forward pass.
    """

    patch: Patch
    rows: np.ndarray
    batch_size: int = 32

    norm = "patch"

    def most_evaluations(
        self, epsilons: int, classes: int, image_shape: tuple[int, ...]
    ) -> Evaluations:
        return Evaluations(gradients=0, forwards=epsilons)

    def sweep_task(
        self, task: Task, epsilons: Sequence[float], progress: Progress | None = None
    ) -> list[AttackResult]:
        """One placement for each of `epsilons`."""

        def update(done: int, count: int) -> None:
            if progress:  # each image counts once, and not once per placement
                progress(done * len(task.images) // count, len(task.images))

        placed = task.with_ids(self.rows[task.ids])
        return self.patch.attack_task(placed, range(len(epsilons)), update)


def check_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of a patch of `size`: the side of a square, or both."""
    sides = tuple(size) if isinstance(size, tuple | list) else (size, size)
    if len(sides) != 2 or not all(is_whole(side) and side >= 1 for side in sides):
        raise ValueError(
            f"size is {size!r}; accepted: a side in pixels, 1 or more, or a pair (rows, columns)"
        )
    return int(sides[0]), int(sides[1])


def room_for(size: tuple[int, int], image_shape: tuple[int, ...]) -> tuple[int, int]:
    """The rows and the columns at which a patch can begin to lie wholly inside an image."""
    if len(image_shape) != 3:
        raise ValueError(
            f"images have shape [N, {', '.join(map(str, image_shape))}]; "
            "accepted for a patch: [N, H, W, C]"
        )
    (height, width), (rows, columns) = size, image_shape[:2]
    if height > rows or width > columns:
        raise ValueError(
            f"patch is {height}x{width} pixels on images of {rows}x{columns}; "
            "accepted: one that fits inside"
        )
    return rows - height + 1, columns - width + 1


def fitting_task(
    model: Model,
    images: Any,
    target: int,
    labels: Any = None,
    batch_size: int = 128,
    jit_compile: bool = False,
) -> Task:
    """The checked request of a fit; without `labels`, those of the task mean nothing."""
    if labels is None:
        labels = np.zeros(tuple(np.shape(images)[:1]), np.int64)
    task = Task(model, images, np.asarray(labels), None, batch_size, jit_compile)
    classes = task.classifier.num_classes
    if not (is_whole(target) and 0 <= target < classes):
        raise ValueError(f"target is {target!r}; accepted: a class, 0 to {classes - 1}")
    return task


def _checked_pixels(pixels: Any) -> np.ndarray:
    array = np.asarray(pixels)
    if array.ndim != 3 or not array.size or not np.issubdtype(array.dtype, np.floating):
        raise ValueError(
            f"pixels have shape {array.shape} and type {array.dtype}; "
            "accepted: floats in [0, 1] of shape [h, w, C], none of these 0"
        )
    check_unit_range("pixels", array)
    array = np.array(array, np.float32, order="C")
    array.setflags(write=False)
    return array


def _checked_positions(positions: Any, count: int, room: tuple[int, int]) -> np.ndarray:
    array = np.asarray(positions)
    if array.shape != (count, 2) or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(
            f"positions has shape {array.shape} and type {array.dtype}; "
            f"accepted: integers [{count}, 2]"
        )
    outside = ((array < 0) | (array >= room)).any(axis=1)
    if outside.any():
        raise ValueError(
            f"positions has the value {array[outside][0].tolist()}; "
            f"accepted: [0, 0] to {[rows - 1 for rows in room]}"
        )
    return array.astype(np.int64)

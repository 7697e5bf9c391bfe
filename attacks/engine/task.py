"""A checked request to attack, and the batches it is worked on in."""

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from attacks.engine.checks import check_goal, check_ids, check_images
from attacks.engine.classifier import Classifier
from attacks.engine.journal import Arrays, Journal
from attacks.engine.remaining import Remaining, look_every
from attacks.ensemble_log import EnsembleLog
from attacks.goals import Goal, Untargeted, as_goal
from attacks.readings import Model
from attacks.result import AttackResult
from models.ranges import check_whole

#: Called with images done and images in all.
Progress = Callable[[int, int], None]


def note_part(progress: Progress, start: int, count: int, done: int, _: int) -> None:
    """The progress, through all `count` images, of a part that begins with image `start`."""
    progress(start + done, count)


@dataclass(frozen=True)
class Batch:
    """Some of the images under attack, with their goal and their positions (`ids`)."""

    images: np.ndarray
    goal: Goal
    ids: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: np.ndarray | slice) -> "Batch":
        return Batch(self.images[rows], self.goal.take(rows), self.ids[rows])

    def pieces(self, rows: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, "Batch"]]:
        """The images at `rows`, at most `size` at a time, each time with their rows."""
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            yield part, self.take(part)


@dataclass(frozen=True)
class Crafted:
    """Adversarial images of one batch, with the evaluations each image took.

    Attributes:
        log: of an ensemble, which of its attacks broke which image.
    """

    images: np.ndarray
    gradient_evaluations: np.ndarray
    forward_evaluations: np.ndarray
    log: EnsembleLog | None = None

    def fill(self, start: int, part: "Crafted") -> None:
        """Writes `part` in place of the images that begin with number `start`."""
        for name in _CRAFTED:
            getattr(self, name)[start : start + len(part.images)] = getattr(part, name)


_CRAFTED = tuple(each.name for each in fields(Crafted) if each.name != "log")


def _as_arrays(crafted: Sequence[Crafted]) -> dict[str, np.ndarray]:
    return {
        f"{number} {name}": getattr(each, name)
        for number, each in enumerate(crafted)
        for name in _CRAFTED
    }


#: Attacks a batch, each image within its own epsilon (float64 [N]).
Run = Callable[[Batch, np.ndarray], Crafted]
#: Attacks a batch. Images on which nothing is found come back as they are.
Search = Callable[[Batch], Crafted]


class Task:
    """A checked request: a model, images, a goal for each image.

    Images are checked and the model is probed here and nowhere else. What asks for less or for
    another goal (`part`, `with_goal`, `with_ids`, `of_predictions`) keeps what has been checked.

    Args:
        model: a Keras model or callable that gives logits [N, classes], or either in
            `attacks.as_logits` or `attacks.as_probabilities`.
        images: float [N, ...] in [0, 1].
        labels: true classes, int [N] or [N, 1]; `None` for the model's own predictions; or a
            goal.
        ids: int [N], what random draws of an image are keyed by (default: its index).
        batch_size: images per batch.
        jit_compile: compile with XLA. Images that are done then stay in their batch, because
            XLA compiles anew for every size.

    Attributes:
        images: float32 [N, ...].
        goal: what is attacked for.
        ids: int64 [N].
        forward_evaluations: passes that the goal took.
        journal: keeps what is crafted, for an attack that may be killed; default: none.

    Raises:
        ValueError: naming the argument that is wrong, its value, and what is accepted.
    """

    def __init__(
        self,
        model: Model,
        images: Any,
        labels: Any,
        ids: Any = None,
        batch_size: int = 128,
        jit_compile: bool = False,
    ):
        self.images = check_images(images)
        check_whole(batch_size=batch_size)
        self.batch_size = int(batch_size)
        self.classifier = self._probed(model, jit_compile)
        self.forward_evaluations = 0
        self.journal: Journal | None = None
        if labels is None:
            self._take_predictions()
        else:
            self.goal = self._checked_goal(labels)
        self.ids = check_ids(ids, len(self.images))

    @property
    def whole(self) -> Batch:
        """All images as one batch."""
        return Batch(self.images, self.goal, self.ids)

    def batches(self) -> Iterator[Batch]:
        for part in self.parts():
            yield part.whole

    def parts(self, batches: int = 1) -> Iterator["Task"]:
        """The requests for so many batches at a time."""
        size = batches * self.batch_size
        for start in range(0, len(self.images), size):
            yield self.part(slice(start, start + size))

    def part(self, rows: np.ndarray | slice) -> "Task":
        """The request for some of the images."""
        part = copy(self)
        part.images, part.goal, part.ids = self.images[rows], self.goal.take(rows), self.ids[rows]
        return part

    def with_goal(self, goal: Any) -> "Task":
        """The request with another goal, or with labels to move away from."""
        other = copy(self)
        other.goal = self._checked_goal(goal)
        return other

    def with_ids(self, ids: Any) -> "Task":
        """The request with other ids, int [N]."""
        other = copy(self)
        other.ids = check_ids(ids, len(self.images))
        return other

    def with_journal(self, journal: Journal | None) -> "Task":
        """The request whose attack keeps what it has finished."""
        other = copy(self)
        other.journal = journal
        return other

    def once(self, key: str, craft: Callable[..., list[Crafted]], *arguments: Any) -> list[Crafted]:
        """`craft(*arguments)`, or what it gave before the attack was killed, from the journal.

        Args:
            key: says which part of the attack it is.
        """
        kept = self.kept(key, lambda: _as_arrays(craft(*arguments)))
        parts = [
            [kept[f"{number} {name}"] for name in _CRAFTED]
            for number in range(len(kept) // len(_CRAFTED))
        ]
        return [Crafted(images, gradients, forwards) for images, gradients, forwards in parts]

    def one_once(self, key: str, craft: Callable[..., Crafted], *arguments: Any) -> Crafted:
        """`once` of what gives one result."""
        (crafted,) = self.once(key, lambda: [craft(*arguments)])
        return crafted

    def kept(self, key: str, make: Callable[[], Arrays]) -> Arrays:
        """`once` of what gives arrays by name."""
        return make() if self.journal is None else self.journal.once(key, make)

    def of_predictions(self) -> "Task":
        """The request to move away from what the model predicts."""
        other = copy(self)
        other._take_predictions()
        return other

    def of_model(self, model: Model) -> "Task":
        """The same request to another model."""
        other = copy(self)
        other.classifier = self._probed(model, self.classifier.jit_compile)
        other.goal = other._checked_goal(self.goal)
        return other

    def folded(self) -> "Task":
        """The same request to the model folded (see `attacks.folded`), in which to search only."""
        return self.of_model(self.classifier.folded())

    def of_images(self, model: Model, images: Any) -> "Task":
        """The same request for other images [N, ...], one for each of these, and their model."""
        other = copy(self)
        other.images = check_images(images)
        return other.of_model(model)

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Logits [N, classes], computed batch by batch."""
        parts = [
            self.classifier.logits(images[start : start + self.batch_size]).numpy()
            for start in range(0, len(images), self.batch_size)
        ]
        return np.concatenate(parts or [np.zeros([0, self.classifier.num_classes], np.float32)])

    def remaining(self, count: int) -> Remaining:
        leave_at = 0.0 if self.classifier.jit_compile else 0.8
        return Remaining(count, leave_at, look_every())

    def result(self, crafted: Crafted) -> AttackResult:
        """Classifies crafted images afresh."""
        return AttackResult(
            images=crafted.images,
            originals=self.images,
            goal=self.goal,
            logits=self.logits(crafted.images),
            gradient_evaluations=crafted.gradient_evaluations,
            forward_evaluations=crafted.forward_evaluations + self.forward_evaluations + 1,
            spread=self.classifier.spread,
            log=crafted.log,
        )

    def nothing(self) -> Crafted:
        """The images as they are, at no cost."""
        gradients, forwards = np.zeros([2, len(self.images)], np.int64)
        return Crafted(self.images.copy(), gradients, forwards)

    def _probed(self, model: Model, jit_compile: bool) -> Classifier:
        classifier = Classifier(model, self.images.shape[1:], jit_compile)
        classifier.check_probe(self.images, self.batch_size)
        return classifier

    def _checked_goal(self, labels: Any) -> Goal:
        return check_goal(as_goal(labels), len(self.images), self.classifier.num_classes)

    def _take_predictions(self) -> None:
        self.goal = self._checked_goal(Untargeted(self.logits(self.images).argmax(axis=1)))
        self.forward_evaluations = 1

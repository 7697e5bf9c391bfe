"""What an attack is for: to leave a class, or to reach one."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from attacks.engine.draws import stream


def as_classes(name: str, values: Any) -> np.ndarray:
    """Classes as int64 [N].

    Args:
        name: what an error calls the values.
        values: whole numbers [N] or [N, 1].

    Raises:
        ValueError: they are of another kind, such as one-hot.
    """
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
        way_out = ""
        if array.ndim == 2:
            way_out = f" (for one-hot {name}, {name}.argmax(axis=1))"
        elif array.ndim == 1:
            way_out = f" ({name}.astype(int), if they are whole numbers)"
        raise ValueError(
            f"{name} has shape {array.shape} and type {array.dtype}; "
            f"accepted: integer classes of shape [N] or [N, 1]{way_out}"
        )
    return array.astype(np.int64)


def predicted(logits: np.ndarray) -> np.ndarray:
    """The class of the largest logit, int64 [N], or -1 where a logit is not finite.

    A network that breaks down on an image says nothing about its class.

    Args:
        logits: float [N, classes].
    """
    return np.where(are_finite(logits), logits.argmax(axis=1), -1)


def are_finite(logits: np.ndarray) -> np.ndarray:
    """Whether all logits of an image are finite, bool [N]."""
    return np.isfinite(logits).all(axis=1)


@dataclass(frozen=True, eq=False)
class Untargeted:
    """Succeeds on an image when its prediction is not `labels` (integers, [N])."""

    labels: np.ndarray

    #: The loss of the goal's classes is multiplied by this and then maximised.
    sign = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", as_classes("labels", self.labels))

    @property
    def classes(self) -> np.ndarray:
        return self.labels

    def reached(self, logits: np.ndarray) -> np.ndarray:
        """Success per image, bool [N], from logits [N, classes]."""
        return (predicted(logits) != self.labels) & are_finite(logits)

    def take(self, rows: np.ndarray | slice) -> "Untargeted":
        return Untargeted(self.labels[rows])


@dataclass(frozen=True, eq=False)
class Targeted:
    """Succeeds on an image when its prediction is `classes` (integers, [N]).

    With the true `labels` (integers, [N]) beside them, a target that is the image's label is
    refused.
    """

    classes: np.ndarray
    labels: np.ndarray | None = None

    sign = -1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", as_classes("classes", self.classes))
        if self.labels is None:
            return
        object.__setattr__(self, "labels", as_classes("labels", self.labels))
        if len(self.labels) != len(self.classes):
            raise ValueError(
                f"labels has {len(self.labels)} entries for {len(self.classes)} classes; "
                "accepted: one per image"
            )
        same = np.flatnonzero(self.classes == self.labels)
        if len(same):
            raise ValueError(
                f"classes[{same[0]}] is {self.classes[same[0]]}, which is the label of that "
                "image; accepted: another class"
            )

    def reached(self, logits: np.ndarray) -> np.ndarray:
        """Success per image, bool [N], from logits [N, classes]."""
        return predicted(logits) == self.classes

    def take(self, rows: np.ndarray | slice) -> "Targeted":
        return Targeted(self.classes[rows])  # labels have been compared


Goal = Untargeted | Targeted


def random_targets(labels: Any, num_classes: int, seed: int = 0) -> np.ndarray:
    """A class to reach for every image, uniform among all but its label, int64 [N].

    The average case of Carlini and Wagner, "Towards Evaluating the Robustness of Neural Networks",
    2017, arXiv 1608.04644. The target of an image depends on its index and its label alone.

    Args:
        labels: int [N], true classes.

    Raises:
        ValueError: there is no other class, or `labels` are no classes.
    """
    if num_classes < 2:
        raise ValueError(f"num_classes is {num_classes}; accepted: 2 or more")
    classes = as_classes("labels", labels)
    steps = [1 + stream([seed], index).integers(num_classes - 1) for index in range(len(classes))]
    return (classes + np.array(steps, np.int64)) % num_classes


def as_goal(labels: Any) -> Goal:
    """`labels` itself when it is a goal; plain integer labels mean `Untargeted`."""
    return labels if isinstance(labels, Goal) else Untargeted(labels)

"""What an attack is for: to leave a class, or to reach one."""

from dataclasses import dataclass

import numpy as np


def _classes(name: str, values) -> np.ndarray:
    """`values` as int64 [N]; anything but whole numbers in one dimension is refused."""
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
        raise ValueError(
            f"{name} has shape {array.shape} and type {array.dtype}; "
            "accepted: integer classes of shape [N] (not one-hot)"
        )
    return array.astype(np.int64)


def _finite(logits: np.ndarray) -> np.ndarray:
    """A network that breaks down on an image says nothing of its class, bool [N]."""
    return np.isfinite(logits).all(axis=1)


@dataclass(frozen=True, eq=False)
class Untargeted:
    """Succeeds on an image when its prediction is not `labels` (integers, [N])."""

    labels: np.ndarray

    #: The loss of the goal's classes is multiplied by this and then maximised.
    sign = 1.0

    def __post_init__(self):
        object.__setattr__(self, "labels", _classes("labels", self.labels))

    @property
    def classes(self) -> np.ndarray:
        return self.labels

    def reached(self, logits: np.ndarray) -> np.ndarray:
        """Success per image, bool [N], from logits [N, classes]."""
        return (logits.argmax(axis=1) != self.labels) & _finite(logits)

    def take(self, index) -> "Untargeted":
        return Untargeted(self.labels[index])


@dataclass(frozen=True, eq=False)
class Targeted:
    """Succeeds on an image when its prediction is `classes` (integers, [N]).

    With the true `labels` (integers, [N]) beside them, a target that is the image's label is
    refused.
    """

    classes: np.ndarray
    labels: np.ndarray | None = None

    sign = -1.0

    def __post_init__(self):
        object.__setattr__(self, "classes", _classes("classes", self.classes))
        if self.labels is None:
            return
        object.__setattr__(self, "labels", _classes("labels", self.labels))
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
        return (logits.argmax(axis=1) == self.classes) & _finite(logits)

    def take(self, index) -> "Targeted":
        return Targeted(self.classes[index])  # labels have been compared


Goal = Untargeted | Targeted


def as_goal(labels) -> Goal:
    """`labels` itself when it is a goal; plain integer labels mean `Untargeted`."""
    return labels if isinstance(labels, Goal) else Untargeted(labels)

"""The ways to divide a data set into training, validation and test images, by name."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.random import RandomState

from data.byte_images import ByteImages
from data.dataset import Dataset, Description, Official

_CONVERTED_AT_ONCE = 1000

#: Images and their labels.
Subset = tuple[np.ndarray, np.ndarray]
#: Training, validation and test images.
Subsets = tuple[Subset, Subset, Subset]


@dataclass(frozen=True, kw_only=True)
class Split(ABC):
    """A way to divide the official images.

    Attributes:
        name: as `data.load` takes it.
        colour_squares: height and width, in pixels, to which all images are scaled as RGB
            (bilinear; grey is copied to three channels); `None` leaves images as they are.
    """

    name: str
    colour_squares: int | None = None

    @abstractmethod
    def subsets(self, description: Description, official: Official, random: RandomState) -> Subsets:
        """The official images, as they were read, in three subsets."""

    def notes(self, description: Description, official: Official) -> tuple[str, ...]:
        """What a report has to say about this split of these images."""
        return ()


@dataclass(frozen=True, kw_only=True)
class HeldOut(Split):
    """A tenth of the official training images validates; the official test set is untouched.

    Training images of one group stay together: a tenth of the groups validates.
    """

    def subsets(self, description: Description, official: Official, random: RandomState) -> Subsets:
        train, test = _pairs(official)
        count = len(train[1])
        if 0 < count < 10:
            raise ValueError(
                f"split is {self.name!r}, and {official.source} has {count} training images of "
                f"{description.name}; accepted: at least 10, a tenth of which validates"
            )
        if official.groups is None:
            held_out = _chosen(random, count, count // 10)
            kept = np.delete(np.arange(count), held_out)
        else:
            # The groups come class by class; in random order the front of a subset has all classes.
            held_out = random.permutation(self._in_chosen_groups(description, official, random))
            kept = random.permutation(np.setdiff1d(np.arange(count), held_out))
        return _take(train, kept), _take(train, held_out), test

    def _in_chosen_groups(
        self, description: Description, official: Official, random: RandomState
    ) -> np.ndarray:
        """Indices of the images of a tenth of the groups, at least one group."""
        groups = np.unique(official.groups)
        if len(groups) < 2:
            raise ValueError(
                f"split is {self.name!r}, and the training images that {official.source} has of "
                f"{description.name} are in {len(groups)} group ({description.groups_key}); "
                "accepted: at least 2 groups, one of which validates"
            )
        chosen = groups[_chosen(random, len(groups), max(1, len(groups) // 10))]
        return np.flatnonzero(np.isin(official.groups, chosen))

    def notes(self, description: Description, official: Official) -> tuple[str, ...]:
        if description.groups_key is None or official.groups is not None:
            return ()
        return (
            f"{description.name}: this copy does not say which frames belong together "
            f"({description.groups_key}), so validation shares physical objects with training",
        )


@dataclass(frozen=True, kw_only=True)
class TestValidates(Split):
    """All official training images train, and the official test set validates.

    Attributes:
        test_images: how many of those validation images, in their order, are the test set too.
        further_images: how many more follow, in random order, to show how far numbers of so few
            images scatter.
    """

    test_images: int
    further_images: int

    def subsets(self, description: Description, official: Official, random: RandomState) -> Subsets:
        train, test = _pairs(official)
        order = random.permutation(len(test[1]))[: self.test_images + self.further_images]
        order[: self.test_images].sort()
        return train, test, _take(test, order)


@dataclass(frozen=True, kw_only=True)
class Shuffled(Split):
    """The official training and test images together, shuffled and cut in three.

    The subsets stay in random order: GTSRB's own order is by class, and the first test images are
    those that are attacked.

    Attributes:
        cuts: from the number of images to the positions where training and validation end.
        official_training_only: data sets whose official test images are left out.
    """

    cuts: Callable[[int], tuple[int, int]]
    official_training_only: tuple[str, ...] = ()

    def subsets(self, description: Description, official: Official, random: RandomState) -> Subsets:
        pool = _pairs(official)[0]
        if description.name not in self.official_training_only:
            pool = _together(official)
        count = len(pool[1])
        train, validation, test = np.split(random.permutation(count), self.cuts(count))
        return _take(pool, train), _take(pool, validation), _take(pool, test)

    def notes(self, description: Description, official: Official) -> tuple[str, ...]:
        if description.groups_key is None:
            return ()
        return (
            f"{description.name}: a random split, so frames of one physical object are in the "
            "training and in the test images",
        )


SPLITS: dict[str, Split] = {
    split.name: split
    for split in (
        HeldOut(name="held-out"),
        TestValidates(name="test-validates", test_images=200, further_images=1_800),
        Shuffled(
            name="random-64-16-20",
            # Four fifths are not for testing, and four fifths of those train.
            cuts=lambda count: (count * 4 // 5 * 4 // 5, count * 4 // 5),
            official_training_only=("mnist",),
            colour_squares=32,
        ),
        Shuffled(name="random-4-1-1", cuts=lambda count: (count * 4 // 6, count * 5 // 6)),
    )
}


def divide(description: Description, official: Official, split: Split, seed: int) -> Dataset:
    """Divides the official images by `split`; the same seed always gives the same images.

    Raises:
        ValueError: too few training images, or groups of them, for the split.
    """
    # The stream of RandomState is frozen for good, that of default_rng is not.
    random = RandomState(seed)
    train, validation, test = split.subsets(description, official, random)

    def images(stored: np.ndarray) -> np.ndarray | ByteImages:
        if description.kept_as_bytes and split.colour_squares is None:
            return ByteImages(stored)
        if split.colour_squares is not None:
            return _read_only(as_colour_squares(stored, split.colour_squares))
        return _read_only(_as_floats(stored))

    return Dataset(
        name=description.name,
        split=split.name,
        x_train=images(train[0]),
        y_train=_read_only(train[1].astype(np.int64)),
        x_validation=images(validation[0]),
        y_validation=_read_only(validation[1].astype(np.int64)),
        x_test=images(test[0]),
        y_test=_read_only(test[1].astype(np.int64)),
        class_names=description.class_names or official.class_names,
        source=official.source,
        official_train=len(official.y_train),
        official_test=len(official.y_test),
        original_counts=description.original_counts,
        split_notes=split.notes(description, official),
    )


def as_colour_squares(images: np.ndarray, side: int) -> np.ndarray:
    """float32 [N, side, side, 3] in [0, 1] from uint8 or floats [N, height, width, 1 or 3].

    `models.wpi_cnn` scales alike inside the network, for images that are attacked as they are.
    """
    squares = np.empty([len(images), side, side, 3], np.float32)
    for start in range(0, len(images), _CONVERTED_AT_ONCE):
        part = _as_floats(images[start : start + _CONVERTED_AT_ONCE])
        if part.shape[1:3] != (side, side):
            part = tf.image.resize(part, (side, side)).numpy()
        squares[start : start + _CONVERTED_AT_ONCE] = part  # grey fills all three channels
    return squares


def _pairs(official: Official) -> tuple[Subset, Subset]:
    return (official.x_train, official.y_train), (official.x_test, official.y_test)


def _together(official: Official) -> Subset:
    """The training images, then the test images."""
    train, test = _pairs(official)
    if train[0].dtype != test[0].dtype:  # uint8 in 0..255 and floats in [0, 1]
        train, test = ((_as_floats(images), labels) for images, labels in (train, test))
    images, labels = (np.concatenate(parts) for parts in zip(train, test))
    return images, labels


def _chosen(random: RandomState, count: int, size: int) -> np.ndarray:
    """`size` of the indices below `count`, ascending."""
    return np.sort(random.permutation(count)[:size])


def _take(subset: Subset, indices: np.ndarray) -> Subset:
    images, labels = subset
    return images[indices], labels[indices]


def _as_floats(images: np.ndarray) -> np.ndarray:
    """A copy, float32 in [0, 1]."""
    converted = images.astype(np.float32, order="C")
    if images.dtype == np.uint8:
        converted /= 255
    return converted


def _read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array

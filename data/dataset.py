"""What a data set is, and how each protocol splits it."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import tensorflow as tf

from data.byte_images import ByteImages

PROTOCOLS = ("ntu", "corrected", "wpi", "praxis")
NTU_TEST_IMAGES = 200
WPI_SIDE = 32
#: Data sets of which the WPI study counts the official training images only.
WPI_WITHOUT_OFFICIAL_TEST = ("mnist",)


@dataclass(frozen=True)
class Description:
    """What is known of a data set before its files are read."""

    name: str
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...] | None
    """`None` where only the files say them."""
    original_counts: tuple[int, int] | None
    """Training and test images of the original distribution; `None` for a selection to test on."""
    kept_as_bytes: bool = False
    """The images stay uint8 in memory, as `ByteImages`."""
    groups_key: str | None = None
    """The array of an npz file that says which training images belong together, int [N]."""


@dataclass(frozen=True, eq=False)
class Official:
    """The official training and test images as they were found, uint8 or floats in [0, 1].

    Training images with equal `groups`, int [N], show the same thing; `None` if it is not known.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    source: str
    class_names: tuple[str, ...] | None = None
    """Where the description has none."""
    groups: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images float32 [N, height, width, channels] in [0, 1] and labels int64 [N], in three splits.

    The arrays are read-only, so that `fingerprint` stays true. Of the large sets the images are
    `ByteImages`, which come out as float32 when they are indexed; a selection to test on has no
    images to train on.
    """

    name: str
    protocol: str
    x_train: np.ndarray | ByteImages = field(repr=False)
    y_train: np.ndarray = field(repr=False)
    x_validation: np.ndarray | ByteImages = field(repr=False)
    y_validation: np.ndarray = field(repr=False)
    x_test: np.ndarray | ByteImages = field(repr=False)
    y_test: np.ndarray = field(repr=False)
    class_names: tuple[str, ...] = field(repr=False)
    source: str
    official_train: int
    official_test: int
    original_counts: tuple[int, int] | None
    split_notes: tuple[str, ...] = ()

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.x_train.shape[1:]

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that a report on this data must print."""
        if (self.official_train, self.official_test) == self.original_counts:
            return self.split_notes
        if self.original_counts is None:
            return (
                f"{self.name}: a selection of {self.official_test:,} images, "
                f"{self.official_test // self.num_classes:,} of each class",
            )
        train, test = self.original_counts
        return (
            f"{self.name}: {self.official_train:,} of {train:,} training and "
            f"{self.official_test:,} of {test:,} test images are in this copy",
            *self.split_notes,
        )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal, of the six arrays: their order, types, shapes and bytes."""
        digest = hashlib.sha256()
        for subset in ("train", "validation", "test"):
            for array in (getattr(self, f"x_{subset}"), getattr(self, f"y_{subset}")):
                digest.update(f"{array.dtype.str}{array.shape}".encode())
                digest.update(array.stored if isinstance(array, ByteImages) else array)
        return digest.hexdigest()


def split(description: Description, official: Official, protocol: str, seed: int) -> Dataset:
    """Splits the official images as `protocol` says; those of WPI and Praxis are in random order.

    Raises:
        ValueError: one to nine training images, or fewer than two groups of them, where a tenth
            validates.
    """
    # The stream of RandomState is frozen for good, that of default_rng is not.
    random = np.random.RandomState(seed)
    train, validation, test = _SPLITS[protocol](description, official, random)

    def images(stored: np.ndarray) -> np.ndarray | ByteImages:
        if description.kept_as_bytes and protocol != "wpi":
            return ByteImages(stored)
        return _images(stored, protocol)

    return Dataset(
        name=description.name,
        protocol=protocol,
        x_train=images(train[0]),
        y_train=_labels(train[1]),
        x_validation=images(validation[0]),
        y_validation=_labels(validation[1]),
        x_test=images(test[0]),
        y_test=_labels(test[1]),
        class_names=description.class_names or official.class_names,
        source=official.source,
        official_train=len(official.y_train),
        official_test=len(official.y_test),
        original_counts=description.original_counts,
        split_notes=_split_notes(description, official, protocol),
    )


def _ntu(description: Description, official: Official, random: np.random.RandomState):
    train, test = _pairs(official)
    return train, test, _take(test, _choose(random, len(test[1]), NTU_TEST_IMAGES))


def _corrected(description: Description, official: Official, random: np.random.RandomState):
    train, test = _pairs(official)
    count = len(train[1])
    if 0 < count < 10:
        raise ValueError(
            f"protocol 'corrected' needs 10 training images; {official.source} has "
            f"{count} of {description.name}"
        )
    if official.groups is None:
        held_out = _choose(random, count, count // 10)
        return _take(train, np.delete(np.arange(count), held_out)), _take(train, held_out), test
    # Groups come class by class: at random, the first images of a part are of all classes.
    held_out = random.permutation(_choose_groups(description, official, random))
    kept = random.permutation(np.setdiff1d(np.arange(count), held_out))
    return _take(train, kept), _take(train, held_out), test


def _wpi(description: Description, official: Official, random: np.random.RandomState):
    # Four fifths are not for testing, and four fifths of those are for training.
    whole = _pairs(official)[0]
    if description.name not in WPI_WITHOUT_OFFICIAL_TEST:
        whole = _together(official)
    not_tested = len(whole[1]) * 4 // 5
    return _at_random(whole, [not_tested * 4 // 5, not_tested], random)


def _praxis(description: Description, official: Official, random: np.random.RandomState):
    # Of CIFAR-10's 60,000 images 40,000, 10,000 and 10,000.
    whole = _together(official)
    count = len(whole[1])
    return _at_random(whole, [count * 4 // 6, count * 5 // 6], random)


_SPLITS = {"ntu": _ntu, "corrected": _corrected, "wpi": _wpi, "praxis": _praxis}


def _split_notes(description: Description, official: Official, protocol: str) -> tuple[str, ...]:
    if description.groups_key is None:
        return ()
    if protocol in ("wpi", "praxis"):
        return (
            f"{description.name}: a random split, so frames of one physical object are in the "
            "training and in the test images",
        )
    if protocol == "corrected" and official.groups is None:
        return (
            f"{description.name}: this copy does not say which frames belong together "
            f"({description.groups_key}), so validation shares physical objects with training",
        )
    return ()


def _pairs(official: Official) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    return (official.x_train, official.y_train), (official.x_test, official.y_test)


def _together(official: Official) -> tuple[np.ndarray, np.ndarray]:
    """The training and the test images."""
    train, test = _pairs(official)
    if train[0].dtype != test[0].dtype:  # uint8 and floats: other units
        train, test = ((_floats(images), labels) for images, labels in (train, test))
    images, labels = (np.concatenate(parts) for parts in zip(train, test))
    return images, labels


def _at_random(
    pair: tuple[np.ndarray, np.ndarray], ends: list[int], random: np.random.RandomState
) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Three parts drawn at random, of which the first two end at `ends`.

    They are in the order of the draw, as is usual: GTSRB's own is by class, and the first test
    images are what is attacked.
    """
    parts = np.split(random.permutation(len(pair[1])), ends)
    return tuple(_take(pair, part) for part in parts)


def _choose_groups(
    description: Description, official: Official, random: np.random.RandomState
) -> np.ndarray:
    """The images of a tenth of the groups, one group at least."""
    groups = np.unique(official.groups)
    if len(groups) < 2:
        raise ValueError(
            f"protocol 'corrected' needs 2 groups of training images ({description.groups_key}); "
            f"{official.source} has {len(groups)} of {description.name}"
        )
    held_out = groups[_choose(random, len(groups), max(1, len(groups) // 10))]
    return np.flatnonzero(np.isin(official.groups, held_out))


def _choose(random: np.random.RandomState, count: int, chosen: int) -> np.ndarray:
    return np.sort(random.permutation(count)[:chosen])


def _take(
    pair: tuple[np.ndarray, np.ndarray], indices: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    images, labels = pair
    return images[indices], labels[indices]


def _images(images: np.ndarray, protocol: str) -> np.ndarray:
    converted = _floats(images)
    if protocol == "wpi":
        converted = _as_colour_squares(converted)
    converted.flags.writeable = False
    return converted


def _floats(images: np.ndarray) -> np.ndarray:
    """A copy, float32 in [0, 1]."""
    converted = images.astype(np.float32, order="C")
    if images.dtype == np.uint8:
        converted /= 255
    return converted


def _as_colour_squares(images: np.ndarray, side: int = WPI_SIDE) -> np.ndarray:
    """Images [N, side, side, 3] in [0, 1]: bilinear, grey copied to three channels."""
    if images.shape[1:3] != (side, side):
        # A batch at a time: TensorFlow copies what it resizes.
        starts = range(0, len(images), 1000)
        images = np.concatenate(
            [tf.image.resize(images[i : i + 1000], (side, side)).numpy() for i in starts]
        )
    return images.repeat(3, axis=3) if images.shape[3] == 1 else images


def _labels(labels: np.ndarray) -> np.ndarray:
    converted = labels.astype(np.int64)
    converted.flags.writeable = False
    return converted

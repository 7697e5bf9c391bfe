"""What a data set is, and how each protocol splits it."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from data.byte_images import ByteImages

PROTOCOLS = ("ntu", "corrected")
NTU_TEST_IMAGES = 200


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


@dataclass(frozen=True, eq=False)
class Official:
    """The official training and test images as they were found, uint8 or floats in [0, 1]."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    source: str
    class_names: tuple[str, ...] | None = None
    """Where the description has none."""


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
            return ()
        if self.original_counts is None:
            return (
                f"{self.name}: a selection of {self.official_test:,} images, "
                f"{self.official_test // self.num_classes:,} of each class",
            )
        train, test = self.original_counts
        return (
            f"{self.name}: {self.official_train:,} of {train:,} training and "
            f"{self.official_test:,} of {test:,} test images are in this copy",
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
    """Splits the official images as `protocol` says; every split keeps their order.

    Raises:
        ValueError: one to nine training images where a tenth of them validates.
    """
    # The stream of RandomState is frozen for good, that of default_rng is not.
    random = np.random.RandomState(seed)
    official_train = (official.x_train, official.y_train)
    official_test = (official.x_test, official.y_test)
    train_count, test_count = len(official.y_train), len(official.y_test)
    if protocol == "ntu":
        train, validation = official_train, official_test
        test = _take(official_test, _choose(random, test_count, NTU_TEST_IMAGES))
    else:
        if 0 < train_count < 10:
            raise ValueError(
                f"protocol 'corrected' needs 10 training images; {official.source} has "
                f"{train_count} of {description.name}"
            )
        held_out = _choose(random, train_count, train_count // 10)
        train = _take(official_train, np.delete(np.arange(train_count), held_out))
        validation, test = _take(official_train, held_out), official_test
    images = ByteImages if description.kept_as_bytes else _floats
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
        official_train=train_count,
        official_test=test_count,
        original_counts=description.original_counts,
    )


def _choose(random: np.random.RandomState, count: int, chosen: int) -> np.ndarray:
    return np.sort(random.permutation(count)[:chosen])


def _take(
    pair: tuple[np.ndarray, np.ndarray], indices: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    images, labels = pair
    return images[indices], labels[indices]


def _floats(images: np.ndarray) -> np.ndarray:
    converted = images.astype(np.float32, order="C")
    if images.dtype == np.uint8:
        converted /= 255
    converted.flags.writeable = False
    return converted


def _labels(labels: np.ndarray) -> np.ndarray:
    converted = labels.astype(np.int64)
    converted.flags.writeable = False
    return converted

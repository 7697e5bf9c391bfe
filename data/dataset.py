"""What a data set is: its description, its official images, and those images in three subsets."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from data.byte_images import ByteImages
from data.class_folders import FolderImages


@dataclass(frozen=True)
class Description:
    """What is known about a data set before its files are read.

    Attributes:
        name: as `data.load` takes it.
        image_shape: (height, width, channels).
        class_names: by label; `None` where only the files have them.
        original_counts: training and test images of the original distribution; `None` for a
            selection that is only tested on.
        kept_as_bytes: the images stay uint8 in memory, as `ByteImages`.
        groups_key: the array of an npz file that says which training images belong together.
    """

    name: str
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...] | None
    original_counts: tuple[int, int] | None
    kept_as_bytes: bool = False
    groups_key: str | None = None


@dataclass(frozen=True, eq=False)
class Official:
    """The official training and test images, as they were read.

    Attributes:
        x_train, x_test: uint8 or floats in [0, 1], [N, height, width, channels].
        y_train, y_test: integer classes [N].
        source: the file or the site that they are from.
        class_names: by label, where the description has none.
        groups: int [N] over the training images; images with equal numbers show the same physical
            object. `None` where this is not known.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    source: str
    class_names: tuple[str, ...] | None = None
    groups: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Dataset:
    """The training, validation and test images of a data set, divided by a split.

    The arrays are read-only, so that `fingerprint` stays true.

    Attributes:
        name: of the data set.
        split: name of the split, one of `data.SPLITS`.
        x_train, x_validation, x_test: float32 [N, height, width, channels] in [0, 1]. Those of a
            large data set are `ByteImages`, which become float32 when they are indexed, and of the
            user's own files `FolderImages`, which are read then. A selection that is only tested on
            has no images in the first two.
        y_train, y_validation, y_test: int64 [N].
        class_names: by label.
        source: the file or the site that the images are from.
        official_train, official_test: number of official images in this copy.
        original_counts: see `Description`.
        split_notes: what a report has to say about the split of these images.
    """

    name: str
    split: str
    x_train: np.ndarray | ByteImages = field(repr=False)
    y_train: np.ndarray = field(repr=False)
    x_validation: np.ndarray | ByteImages = field(repr=False)
    y_validation: np.ndarray = field(repr=False)
    x_test: np.ndarray | ByteImages | FolderImages = field(repr=False)
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
        """(height, width, channels)."""
        return self.x_train.shape[1:]

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that a report on these images must print."""
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

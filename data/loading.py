"""`load`: a data set by its name."""

from functools import cache
from os import PathLike
from typing import NamedTuple

import numpy as np

from data import cifar10, cifar100, digits, gtsrb, imagenet, mnist, tiny_imagenet
from data.dataset import Dataset, Official
from data.splits import SPLITS, divide

_MODULES = {
    "digits": digits,
    "mnist": mnist,
    "cifar10": cifar10,
    "cifar100": cifar100,
    "gtsrb": gtsrb,
    "tiny_imagenet": tiny_imagenet,
    "imagenet": imagenet,
}
NAMES = tuple(_MODULES)


def load(
    name: str,
    split: str = "held-out",
    data_dir: str | PathLike | None = None,
    seed: int = 0,
    images_per_class: int | None = None,
) -> Dataset:
    """Loads a data set and splits it; the same arguments always give the same arrays.

    The splits, each a row of `data.SPLITS`:

    * "held-out": nine tenths of the official training images train, one tenth validates, and the
      official test set is left untouched. The frames of one physical sign in GTSRB stay together.
    * "test-validates": all official training images train, the official test set validates, and
      2,000 of those validation images are the test set, the first 200 of them the NTU study's.
    * "random-64-16-20": of the official training and test images together (MNIST: of the training
      images alone), shuffled, 64 % train, 16 % validate and 20 % test. All become RGB images of
      32x32 pixels, and a distance of an attack is one between such images.
    * "random-4-1-1": of the official training and test images together, shuffled, four sixths
      train, one sixth validates and one sixth tests (CIFAR-10: 40,000, 10,000 and 10,000).

    Args:
        name: "digits" (ships with scikit-learn), "mnist", "cifar10", "cifar100", "gtsrb",
            "tiny_imagenet", or "imagenet" (test images only).
        split: one of `data.SPLITS`.
        data_dir: Folder with NAME.npz (in itself, `npz/` or `datasets/`), with the CIFAR batches
            (the archive, what it unpacks to, or `~/.keras`), GTSRB's archives or their folder
            (also as torchvision lays it out), `tiny-imagenet-200` (or the zip of it) or
            `imagenet` (all in itself or `datasets/`). Default: the environment variable
            REPRODUCE_DATA_DIR; where that is not set either, all but ImageNet are downloaded.
        seed: Chooses the images of the split, 0 <= seed < 2**32.
        images_per_class: Number of ImageNet's images of each class, default 5; for no other data
            set.

    Raises:
        ValueError: an unknown name or split, a seed out of range, images per class of another
            data set, a file whose content is not the data set, or too few images for the split.
        DatasetNotFoundError: the folder does not have the data set, or the download failed.
    """
    _check_name(name)
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; accepted: {', '.join(map(repr, SPLITS))}")
    if not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"seed is {seed!r}; accepted: an integer with 0 <= seed < 2**32")
    module, options = _MODULES[name], {}
    if images_per_class is not None:
        if name != "imagenet":
            raise ValueError(
                f"images_per_class is {images_per_class!r} with {name!r}; accepted: with "
                "'imagenet' only"
            )
        options["images_per_class"] = images_per_class
    return divide(module.DESCRIPTION, module.read(data_dir, **options), SPLITS[split], seed)


class Sizes(NamedTuple):
    """How large a data set is, once it is divided by a split.

    Attributes:
        train, validation, test: numbers of images.
        value_bytes: that a value of an image takes in memory.
    """

    image_shape: tuple[int, int, int]
    classes: int
    train: int
    validation: int
    test: int
    value_bytes: int


@cache
def sizes(name: str, split: str = "held-out", images_per_class: int | None = None) -> Sizes:
    """The sizes of what `load` gives, if the files are the whole of it; none is read.

    Args:
        name, split, images_per_class: as for `load`.
    """
    _check_name(name)
    module, chosen = _MODULES[name], SPLITS[split]
    description = module.DESCRIPTION
    classes = len(description.class_names or range(module.CLASSES))
    train, test = description.original_counts or (0, (images_per_class or 5) * classes)
    nothing = [np.broadcast_to(np.uint8(0), (count, 1, 1, 1)) for count in (train, test)]
    labels = [np.zeros(count, np.int64) for count in (train, test)]
    official = Official(nothing[0], labels[0], nothing[1], labels[1], name)
    counts = [
        len(part[1]) for part in chosen.subsets(description, official, np.random.RandomState(0))
    ]
    side = chosen.colour_squares
    image_shape = (side, side, 3) if side else description.image_shape
    value_bytes = 1 if description.kept_as_bytes and side is None else 4
    return Sizes(image_shape, classes, *counts, value_bytes)


def class_names(name: str, data_dir: str | PathLike | None = None) -> tuple[str, ...]:
    """The names of the classes of a data set, whose images are not read for them.

    Args:
        name: as for `load`.
        data_dir: as for `load`; only ImageNet and Tiny ImageNet have their names in files.

    Raises:
        ValueError: an unknown name.
        DatasetNotFoundError: the file with the names was not found.
    """
    _check_name(name)
    module = _MODULES[name]
    if module.DESCRIPTION.class_names is None:
        return module.class_names(data_dir)
    return module.DESCRIPTION.class_names


def _check_name(name: str) -> None:
    if name not in NAMES:
        raise ValueError(f"name is {name!r}; accepted: {', '.join(map(repr, NAMES))}")

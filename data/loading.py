"""`load`: a data set by its name."""

from os import PathLike

from data import cifar10, cifar100, digits, gtsrb, imagenet, mnist, tiny_imagenet
from data.dataset import PROTOCOLS, Dataset, split

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
    protocol: str = "corrected",
    data_dir: str | PathLike | None = None,
    seed: int = 0,
    images_per_class: int | None = None,
) -> Dataset:
    """Loads a data set and splits it; the same arguments always give the same arrays.

    Args:
        name: "digits" (ships with scikit-learn), "mnist", "cifar10", "cifar100", "gtsrb",
            "tiny_imagenet", or "imagenet" (test images only).
        protocol: "corrected": nine tenths of the official training images train, one tenth
            validates, the official test set is left untouched; GTSRB's tracks, the frames of one
            physical sign, stay whole. "ntu": all official training images train, the official
            test set validates, and 200 of those validation images are the test set. "wpi": of
            the official training and test images together (MNIST: of the training images) 64 %
            train, 16 % validate and 20 % test, at random. Its images are [N, 32, 32, 3]: the
            study scaled MNIST to that before it attacked, so distances are between such images.
            "praxis": of the official training and test images together 4/6 train, 1/6 validates
            and 1/6 tests, at random (of CIFAR-10 40,000, 10,000 and 10,000).
        data_dir: Folder with NAME.npz (in itself, `npz/` or `datasets/`), with the CIFAR batches
            (the archive, what it unpacks to, or `~/.keras`), GTSRB's archives or their folder
            (also as torchvision lays it out), `tiny-imagenet-200` (or the zip of it) or
            `imagenet` (all in itself or `datasets/`). Default: the environment variable
            REPRODUCE_DATA_DIR; where that is not set either, all but ImageNet are downloaded.
        seed: Chooses the images of the split, 0 <= seed < 2**32.
        images_per_class: Of ImageNet; default 5.

    Raises:
        ValueError: an unknown name or protocol, a seed out of range, images per class of another
            data set, or a file whose content is not the data set.
        DatasetNotFoundError: the folder does not have the data set, or the download failed.
    """
    _check_name(name)
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol must be one of {', '.join(PROTOCOLS)}; got {protocol!r}")
    if not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"seed must be an integer with 0 <= seed < 2**32; got {seed!r}")
    module, options = _MODULES[name], {}
    if images_per_class is not None:
        if name != "imagenet":
            raise ValueError(
                f"images_per_class is {images_per_class} with {name!r}; "
                "accepted: with imagenet only"
            )
        options["images_per_class"] = images_per_class
    return split(module.DESCRIPTION, module.read(data_dir, **options), protocol, seed)


def class_names(name: str, data_dir: str | PathLike | None = None) -> tuple[str, ...]:
    """The names of the classes of a data set, whose images are not read for them.

    Args:
        data_dir: As of `load`; only ImageNet and Tiny ImageNet have their names in files.

    Raises:
        ValueError: an unknown name.
        DatasetNotFoundError: the names are in a file that was not found.
    """
    _check_name(name)
    module = _MODULES[name]
    if module.DESCRIPTION.class_names is None:
        return module.class_names(data_dir)
    return module.DESCRIPTION.class_names


def _check_name(name: str) -> None:
    if name not in NAMES:
        raise ValueError(f"name must be one of {', '.join(NAMES)}; got {name!r}")

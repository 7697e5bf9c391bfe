"""`load`: a data set by its name."""

from os import PathLike

from data import cifar10, cifar100, digits, mnist
from data.dataset import PROTOCOLS, Dataset, split

_MODULES = {"digits": digits, "mnist": mnist, "cifar10": cifar10, "cifar100": cifar100}
NAMES = tuple(_MODULES)


def load(
    name: str,
    protocol: str = "corrected",
    data_dir: str | PathLike | None = None,
    seed: int = 0,
) -> Dataset:
    """Loads a data set and splits it; the same arguments always give the same arrays.

    Args:
        name: "digits" (ships with scikit-learn), "mnist", "cifar10" or "cifar100".
        protocol: "corrected": nine tenths of the official training images train, one tenth
            validates, the official test set is left untouched. "ntu": all official training
            images train, the official test set validates, and 200 of those validation images are
            the test set.
        data_dir: Folder with NAME.npz (in itself, `npz/` or `datasets/`) or with the extracted
            CIFAR batches (in itself or `datasets/`). Default: the environment variable
            REPRODUCE_DATA_DIR; where that is not set either, `keras.datasets` downloads.
        seed: Chooses the images of the split, 0 <= seed < 2**32.

    Raises:
        ValueError: an unknown name or protocol, a seed out of range, or a file whose content is
            not the data set.
        DatasetNotFoundError: the folder does not have the data set, or the download failed.
    """
    if name not in NAMES:
        raise ValueError(f"name must be one of {', '.join(NAMES)}; got {name!r}")
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol must be one of {', '.join(PROTOCOLS)}; got {protocol!r}")
    if not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"seed must be an integer with 0 <= seed < 2**32; got {seed!r}")
    module = _MODULES[name]
    return split(module.DESCRIPTION, module.read(data_dir), protocol, seed)


def class_names(name: str) -> tuple[str, ...]:
    """The names of the classes of a data set, which is not read for them.

    Raises:
        ValueError: an unknown name.
    """
    if name not in NAMES:
        raise ValueError(f"name must be one of {', '.join(NAMES)}; got {name!r}")
    return _MODULES[name].DESCRIPTION.class_names

"""CIFAR-10: 60,000 photographs of 32x32 pixels in ten classes.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from os import PathLike

import keras

from data import sources
from data.dataset import Description, Official
from files import MEMBER
from files.downloads import download, keras_cache

DESCRIPTION = Description(
    name="cifar10",
    image_shape=(32, 32, 3),
    class_names=(
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ),
    original_counts=(50_000, 10_000),
)

# The archive that Keras downloads, and its SHA-256 sum.
URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
SHA_256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
# MD5 sums of the files of the original distribution.
FOLDER = sources.PickledFolder(
    name="cifar-10-batches-py",
    archive="cifar-10-python.tar.gz",
    train={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    },
    test={"test_batch": "40351d587109b95175f43aff81a1287e"},
    label_key=b"labels",
)


def read(data_dir: str | PathLike | None = None) -> Official:
    return sources.read(DESCRIPTION, data_dir, _download, FOLDER)


def _download():
    archive = keras_cache("datasets") / f"{FOLDER.name}-target_archive"
    download(URL, archive, MEMBER, SHA_256)
    return keras.datasets.cifar10.load_data()  # unpacks and reads it

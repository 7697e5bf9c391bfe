"""MNIST: 70,000 handwritten digits of 28x28 grey pixels.

LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998.
"""

from os import PathLike

import keras

from data import sources
from data.dataset import Description, Official
from files import MEMBER
from files.downloads import download, keras_cache

DESCRIPTION = Description(
    name="mnist",
    image_shape=(28, 28, 1),
    class_names=tuple("0123456789"),
    original_counts=(60_000, 10_000),
)

# The file that Keras downloads, and its SHA-256 sum.
URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
SHA_256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"


def read(data_dir: str | PathLike | None = None) -> Official:
    return sources.read(DESCRIPTION, data_dir, _download)


def _download():
    download(URL, keras_cache("datasets") / "mnist.npz", MEMBER, SHA_256)
    return keras.datasets.mnist.load_data()  # reads it

"""MNIST: 70,000 handwritten digits of 28x28 grey pixels.

LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998.
"""

from os import PathLike

import keras

from data import sources
from data.dataset import Description, Official

DESCRIPTION = Description(
    name="mnist",
    image_shape=(28, 28, 1),
    class_names=tuple("0123456789"),
    original_counts=(60_000, 10_000),
)


def read(data_dir: str | PathLike | None = None) -> Official:
    return sources.read(DESCRIPTION, data_dir, download=keras.datasets.mnist.load_data)

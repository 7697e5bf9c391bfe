"""Digits: 1,797 real handwritten digits of 8x8 pixels that ship with scikit-learn.

Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository,
1998. Enlarged to the shape of CIFAR images, they replace CIFAR where nothing can be downloaded.
"""

from functools import cache
from os import PathLike

import numpy as np
from sklearn.datasets import load_digits

from data.dataset import Description, Official

DESCRIPTION = Description(
    name="digits",
    image_shape=(32, 32, 3),
    class_names=tuple("0123456789"),
    original_counts=(1437, 360),
)
_TEST_SEED = 1998


def read(data_dir: str | PathLike | None = None) -> Official:
    """The digits, each pixel enlarged to a 4x4 block of three equal channels.

    scikit-learn has no official test set; here one image in five is a test image.

    Args:
        data_dir: unused, as the images are part of scikit-learn.
    """
    images, labels = _stored()
    images = (images.reshape(-1, 8, 8, 1) / 16).astype(np.float32)
    images = images.repeat(4, axis=1).repeat(4, axis=2).repeat(3, axis=3)

    # Shuffled and then sorted by class, so that every class gives a fifth of its images.
    shuffled = np.random.RandomState(_TEST_SEED).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    test = np.sort(by_class[::5])
    train = np.delete(np.arange(len(labels)), test)
    return Official(images[train], labels[train], images[test], labels[test], "scikit-learn")


@cache
def _stored() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's images and labels, from a compressed text that takes long to read."""
    return load_digits(return_X_y=True)

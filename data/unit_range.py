"""The check that images are in [0, 1]."""

import numpy as np

from data.byte_images import ByteImages

_AT_ONCE = 4096


def check_unit_range(
    name: str, images, accepted: str = "floats in [0, 1] (divide images of 0-255 by 255)"
) -> None:
    """Refuses images with values outside [0, 1], and NaN.

    Args:
        name: of the argument.
        images: array [N, ...] or `ByteImages`, which always pass.
        accepted: what the message says of them.

    Raises:
        ValueError: naming the argument, its range and what is accepted.
    """
    if isinstance(images, ByteImages):
        return
    # A part at a time: what is no array yet would be copied.
    for start in range(0, len(images), _AT_ONCE):
        part = np.asarray(images[start : start + _AT_ONCE], np.float32)
        if part.size and not (part.min() >= 0 and part.max() <= 1):  # also true for NaN
            raise ValueError(
                f"{name} is from {part.min():g} to {part.max():g}; accepted: {accepted}"
            )

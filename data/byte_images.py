"""Images that are kept as bytes, for data sets that would not fit into memory as floats."""

import numpy as np


class ByteImages:
    """Images stored as uint8 that become float32 in [0, 1] when they are indexed.

    Only what is indexed is converted: `images[:32]` is a float32 array of 32 images.
    `np.asarray(images)` converts all of them.

    Args:
        stored: uint8 [N, height, width, channels]; it is neither copied nor written to.

    Raises:
        ValueError: another dtype.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, stored: np.ndarray):
        if stored.dtype != np.uint8:
            raise ValueError(f"stored has dtype {stored.dtype}; accepted: uint8")
        self.stored = stored.view()
        self.stored.flags.writeable = False

    @property
    def shape(self) -> tuple[int, ...]:
        return self.stored.shape

    @property
    def ndim(self) -> int:
        return self.stored.ndim

    def __len__(self) -> int:
        return len(self.stored)

    def __getitem__(self, key) -> np.ndarray:
        return self.stored[key] / np.float32(255)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        if copy is False:
            raise ValueError("copy is False; accepted: None or True, as a conversion makes a copy")
        return self[:] if dtype is None else self[:].astype(dtype)

    def __repr__(self) -> str:
        return f"ByteImages(shape={self.shape})"

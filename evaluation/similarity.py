"""How alike two images look."""

import numpy as np
import tensorflow as tf

#: Pairs of images at a time.
_AT_ONCE = 256
#: Rows and columns of a window, in images that are as large.
_WINDOW = 11


def structural_similarity(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The mean structural similarity (SSIM) of pairs of images; 1 where they are the same.

    Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error Visibility to
    Structural Similarity", 2004: windows of 11x11 pixels (smaller in smaller images) under a
    Gaussian of deviation 1.5, the mean over windows and channels.

    Args:
        images, others: float [N, height, width, channels] in [0, 1].

    Returns:
        float32 [N], at most 1.

    Raises:
        ValueError: other shapes.
    """
    images, others = np.asarray(images, np.float32), np.asarray(others, np.float32)
    if images.ndim != 4 or images.shape != others.shape:
        raise ValueError(
            f"images and others have shapes {images.shape} and {others.shape}; accepted: the same "
            "[N, height, width, channels]"
        )
    window = min(_WINDOW, *images.shape[1:3])
    parts = [slice(start, start + _AT_ONCE) for start in range(0, len(images), _AT_ONCE)]
    similarities = [
        tf.image.ssim(images[part], others[part], max_val=1.0, filter_size=window).numpy()
        for part in parts
    ]
    return np.concatenate([np.empty(0, np.float32), *similarities])

"""Feature smoothing: a Gaussian blur of the image before the network sees it."""

from dataclasses import dataclass
from math import isfinite

import keras
import numpy as np
from keras import layers
from scipy import ndimage

from defenses.arguments import check_images, check_whole, image_input


@dataclass(frozen=True)
class FeatureSmoothing:
    """Blurs images with a Gaussian kernel, each channel on its own.

    The WPI study prints the blur as a sum of pixel divided by kernel value, with w sigma^2 under
    the exponent, and gives no sizes. This is the ordinary blur, exp(-d^2 / (2 sigma^2)) divided
    by its sum. A pixel beyond the border has the value of the nearest pixel inside (the mode
    "nearest" of scipy.ndimage), so that borders do not darken and a plain area stays as it is.

    Attributes:
        kernel_size: pixels to a side, odd.
        sigma: standard deviation of the kernel, in pixels.
    """

    kernel_size: int = 3
    sigma: float = 1.0

    def __post_init__(self):
        check_whole("kernel_size", self.kernel_size, lowest=1)
        if self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size is {self.kernel_size!r}; accepted: an odd number")
        if not (isfinite(self.sigma) and self.sigma > 0):
            raise ValueError(f"sigma is {self.sigma!r}; accepted: a finite number above 0")

    @property
    def name(self) -> str:
        size = self.kernel_size
        return f"feature smoothing ({size}x{size}, sigma {self.sigma:g})"

    @property
    def kernel(self) -> np.ndarray:
        """The weights, float64 [kernel_size, kernel_size], with a sum of 1."""
        distance = np.arange(self.kernel_size) - self.kernel_size // 2
        weights = np.exp(-(distance**2) / (2 * self.sigma**2))
        return np.outer(weights, weights) / weights.sum() ** 2

    def filter(self, images) -> np.ndarray:
        """The blurred images, float32 [N, height, width, channels]: a blur no attack sees.

        Raises:
            ValueError: `images` are not floats of four dimensions.
        """
        images = check_images(images)
        if self.kernel_size == 1:
            return images
        radius = self.kernel_size // 2
        return ndimage.gaussian_filter(
            images, self.sigma, mode="nearest", radius=radius, axes=(1, 2)
        )

    def in_front(self, model: keras.Model) -> keras.Model:
        """`model` behind the blur, so that attacks go through it.

        It is made of ordinary layers and reloads in plain Keras. It shares the layers of
        `model`, which stays as it was.

        Raises:
            ValueError: `model` is not functional or built sequential, or does not take images
                [N, height, width, channels] of a known size.
        """
        images = image_input(model)
        channels = images.shape[-1]
        blur = layers.DepthwiseConv2D(
            self.kernel_size, use_bias=False, trainable=False, dtype="float32", name="blur"
        )
        blurred = blur(_extended(images, self.kernel_size // 2))
        blur.set_weights([np.tile(self.kernel[:, :, np.newaxis, np.newaxis], (channels, 1))])
        return keras.Model(images, model(blurred), name=f"smoothed_{model.name}")


def _extended(images: keras.KerasTensor, radius: int) -> keras.KerasTensor:
    """The images with their outermost rows and columns repeated `radius` times."""
    if radius == 0:
        return images
    # Cropping and concatenation, because padding layers know zeros only.
    rows, columns = images.shape[1:3]
    top = layers.Cropping2D(((0, rows - 1), (0, 0)), name="top")(images)
    bottom = layers.Cropping2D(((rows - 1, 0), (0, 0)), name="bottom")(images)
    tall = [top] * radius + [images] + [bottom] * radius
    tall = layers.Concatenate(axis=1, name="repeated_rows")(tall)
    left = layers.Cropping2D(((0, 0), (0, columns - 1)), name="left")(tall)
    right = layers.Cropping2D(((0, 0), (columns - 1, 0)), name="right")(tall)
    wide = [left] * radius + [tall] + [right] * radius
    return layers.Concatenate(axis=2, name="repeated_columns")(wide)

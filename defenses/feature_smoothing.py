"""Feature smoothing: a Gaussian blur of the image before the network sees it."""

from dataclasses import dataclass

import keras
import numpy as np
from keras import layers
from scipy import ndimage

from defenses.arguments import image_batch, image_input
from models.ranges import check_number, check_whole


@dataclass(frozen=True)
class FeatureSmoothing:
    """Blurs images with a Gaussian kernel, each channel on its own.

    The kernel is exp(-d^2 / (2 sigma^2)), divided by its sum. (The WPI study prints a sum of pixels
    divided by kernel values, with w sigma^2 in the exponent, and gives no sizes.) A pixel beyond
    the border has the value of the nearest pixel inside (the mode "nearest" of scipy.ndimage), so
    that borders do not darken and a plain area stays as it is.

    Attributes:
        kernel_size: height and width of the kernel in pixels, odd.
        sigma: standard deviation of the kernel, in pixels.

    Raises:
        ValueError: naming the attribute, its value and what is accepted.
    """

    kernel_size: int = 3
    sigma: float = 1.0

    def __post_init__(self):
        check_whole(kernel_size=self.kernel_size)
        if self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size is {self.kernel_size!r}; accepted: an odd number")
        check_number(above=0, sigma=self.sigma)

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
        """The blurred images, for a blur that attacks do not see.

        Args:
            images: floats [N, height, width, channels] in [0, 1].

        Returns:
            float32, of the same shape.

        Raises:
            ValueError: other images.
        """
        images = image_batch(images)
        if self.kernel_size == 1:
            return images
        radius = self.kernel_size // 2
        return ndimage.gaussian_filter(
            images, self.sigma, mode="nearest", radius=radius, axes=(1, 2)
        )

    def in_front(self, model: keras.Model) -> keras.Model:
        """A model with the blur in front of `model`, so that attacks see it.

        The blur is made of ordinary layers, and a saved model loads in plain Keras. The layers of
        `model` are shared, and `model` stays as it was.

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
    # Cropping and concatenation, because padding layers pad with zeros only.
    rows, columns = images.shape[1:3]
    top = layers.Cropping2D(((0, rows - 1), (0, 0)), name="top")(images)
    bottom = layers.Cropping2D(((rows - 1, 0), (0, 0)), name="bottom")(images)
    tall = [top] * radius + [images] + [bottom] * radius
    tall = layers.Concatenate(axis=1, name="repeated_rows")(tall)
    left = layers.Cropping2D(((0, 0), (0, columns - 1)), name="left")(tall)
    right = layers.Cropping2D(((0, 0), (columns - 1, 0)), name="right")(tall)
    wide = [left] * radius + [tall] + [right] * radius
    return layers.Concatenate(axis=2, name="repeated_columns")(wide)

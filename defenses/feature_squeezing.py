"""Feature squeezing: fewer grey levels, and a median filter, before the network sees an image.

Xu, Evans and Qi, "Feature Squeezing: Detecting Adversarial Examples in Deep Neural Networks",
NDSS 2018, arXiv 1704.01155. The paper compares the outputs with and without to detect; here the
squeezed image is what is classified.
"""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from scipy import ndimage

from defenses.arguments import check_images, check_whole, image_input


@dataclass(frozen=True)
class FeatureSqueezing:
    """Reduces the bit depth of images, then takes the median of each pixel's surroundings.

    Attributes:
        bits: of a channel's value, 1 to 8; `None` leaves the values as they are.
        median: pixels to a side of the window, at least 2; `None` for no median. As in the paper's
            code, images are reflected at their borders, an even window reaches one pixel further
            to the top left, and of an even number of values the upper middle one is taken.
        straight_through: what attacks through `in_front` see of the rounding: the gradient of the
            identity (BPDA: Athalye, Carlini and Wagner, "Obfuscated Gradients Give a False Sense of
            Security", 2018, arXiv 1802.00420), or if `False` its own, which is zero and stops a
            gradient attack without any robustness behind it.
    """

    bits: int | None = None
    median: int | None = None
    straight_through: bool = True

    def __post_init__(self):
        if self.bits is None and self.median is None:
            raise ValueError("bits and median are None; accepted: at least one of them is given")
        if self.bits is not None:
            check_whole("bits", self.bits, lowest=1, highest=8)
        if self.median is not None:
            check_whole("median", self.median, lowest=2)

    @property
    def name(self) -> str:
        parts = [f"{self.bits} bit"] if self.bits is not None else []
        parts += [f"median {self.median}x{self.median}"] if self.median is not None else []
        if self.bits is not None and not self.straight_through:
            parts.append("zero gradient")
        return f"feature squeezing ({', '.join(parts)})"

    def filter(self, images) -> np.ndarray:
        """The squeezed images, float32 [N, height, width, channels]: a filter no attack sees.

        Raises:
            ValueError: `images` are not floats of four dimensions.
        """
        images = check_images(images)
        if self.bits is not None:
            levels = np.float32(2**self.bits - 1)
            images = np.round(images * levels) / levels
        if self.median is not None:
            window = (1, self.median, self.median, 1)
            images = ndimage.median_filter(images, size=window, mode="reflect")
        return images

    def in_front(self, model: keras.Model) -> keras.Model:
        """`model` behind the filter, so that attacks go through it.

        The median's gradient is its own, that of the pixel that was taken; for that of the rounding
        see `straight_through`.

        The layers are this module's; to load a saved model, import `defenses`. It shares the
        layers of `model`, which stays as it was.

        Raises:
            ValueError: `model` is not functional or built sequential, does not take images
                [N, height, width, channels] of a known size, or they are smaller than half
                of `median`.
        """
        images = x = image_input(model)
        if self.median is not None and min(images.shape[1:3]) < self.median // 2:
            raise ValueError(
                f"median is {self.median}; accepted for images of {images.shape[1:3]}: at most "
                f"{2 * min(images.shape[1:3]) + 1}"
            )
        if self.bits is not None:
            x = BitDepth(self.bits, self.straight_through, name="bit_depth")(x)
        if self.median is not None:
            x = Median(self.median, name="median")(x)
        return keras.Model(images, model(x), name=f"squeezed_{model.name}")


@keras.saving.register_keras_serializable(package="defenses")
class BitDepth(keras.layers.Layer):
    """Rounds values in [0, 1] to 2**bits evenly spaced ones; see `FeatureSqueezing`."""

    def __init__(self, bits: int, straight_through: bool = True, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.bits = bits
        self.straight_through = straight_through

    def call(self, images: tf.Tensor) -> tf.Tensor:
        levels = tf.constant(2**self.bits - 1, images.dtype)

        @tf.custom_gradient
        def rounded(images):
            def gradient(upstream):
                return upstream if self.straight_through else tf.zeros_like(upstream)

            return tf.round(images * levels) / levels, gradient

        return rounded(images)

    def get_config(self) -> dict:
        return super().get_config() | {
            "bits": self.bits,
            "straight_through": self.straight_through,
        }


@keras.saving.register_keras_serializable(package="defenses")
class Median(keras.layers.Layer):
    """The median of a square window around each pixel, each channel on its own."""

    def __init__(self, size: int, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.size = size

    def call(self, images: tf.Tensor) -> tf.Tensor:
        before = self.size // 2
        padding = [before, self.size - 1 - before]
        padded = tf.pad(images, [[0, 0], padding, padding, [0, 0]], mode="SYMMETRIC")
        height, width = images.shape[1:3]
        window = [
            padded[:, row : row + height, column : column + width]
            for row in range(self.size)
            for column in range(self.size)
        ]
        middle = len(window) // 2
        # The k largest values come sorted, the smallest of them last.
        return tf.math.top_k(tf.stack(window, axis=-1), len(window) - middle).values[..., -1]

    def get_config(self) -> dict:
        return super().get_config() | {"size": self.size}

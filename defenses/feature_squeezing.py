"""Feature squeezing: fewer grey levels, and a median filter, before the network sees an image.

Xu, Evans and Qi, "Feature Squeezing: Detecting Adversarial Examples in Deep Neural Networks",
NDSS 2018, arXiv 1704.01155. The paper detects attacks by comparing the outputs with and without
squeezing; here the squeezed image is classified.
"""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from scipy import ndimage

from defenses.arguments import image_batch, image_input
from models.ranges import check_whole


@dataclass(frozen=True)
class FeatureSqueezing:
    """Reduces the bit depth of images, then takes the median of a window around each pixel.

    Attributes:
        bits: bit depth of a channel, 1 to 8; `None` leaves the values as they are.
        median: height and width of the window in pixels, at least 2; `None` for no median. As in
            the paper's code, images are reflected at their borders, an even window reaches one
            pixel further to the top left, and the median of an even number of values is the upper
            of the two in the middle.
        straight_through: whether the rounding has the gradient of the identity (BPDA: Athalye,
            Carlini and Wagner, "Obfuscated Gradients Give a False Sense of Security", 2018, arXiv
            1802.00420). If false it has its own gradient, which is zero and stops a gradient attack
            although the model is no more robust.

    Raises:
        ValueError: naming the attribute, its value and what is accepted.
    """

    bits: int | None = None
    median: int | None = None
    straight_through: bool = True

    def __post_init__(self):
        if self.bits is None and self.median is None:
            raise ValueError(
                "bits and median are None; accepted: a number for one of them at least"
            )
        if self.bits is not None:
            check_whole(most=8, bits=self.bits)
        if self.median is not None:
            check_whole(least=2, median=self.median)

    @property
    def name(self) -> str:
        parts = [f"{self.bits} bit"] if self.bits is not None else []
        parts += [f"median {self.median}x{self.median}"] if self.median is not None else []
        if self.bits is not None and not self.straight_through:
            parts.append("zero gradient")
        return f"feature squeezing ({', '.join(parts)})"

    def filter(self, images) -> np.ndarray:
        """The squeezed images, for a filter that attacks do not see.

        Args:
            images: floats [N, height, width, channels] in [0, 1].

        Returns:
            float32, of the same shape.

        Raises:
            ValueError: other images.
        """
        images = image_batch(images)
        if self.bits is not None:
            levels = np.float32(2**self.bits - 1)
            images = np.round(images * levels) / levels
        if self.median is not None:
            window = (1, self.median, self.median, 1)
            images = ndimage.median_filter(images, size=window, mode="reflect")
        return images

    def in_front(self, model: keras.Model) -> keras.Model:
        """A model with the filter in front of `model`, so that attacks see it.

        The median has its own gradient, that of the pixel whose value it takes; for the rounding
        see `straight_through`. To load a saved model, import `defenses`. The layers of `model` are
        shared, and `model` stays as it was.

        Raises:
            ValueError: `model` is not functional or built sequential, does not take images
                [N, height, width, channels] of a known size, or takes images that are smaller
                than half of `median`.
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
        # The k largest values are sorted, with the smallest of them last.
        return tf.math.top_k(tf.stack(window, axis=-1), len(window) - middle).values[..., -1]

    def get_config(self) -> dict:
        return super().get_config() | {"size": self.size}

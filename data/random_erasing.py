"""Random erasing augmentation, Zhong et al. 2020 (arXiv 1708.04896), Algorithm 1."""

import keras
import tensorflow as tf

from data.unit_range import check_unit_range

# About one attempt in four fits, so that all of these fail for fewer than one image in 10**13.
_ATTEMPTS = 100
_ACCEPTED = "[0, 1], the range of the noise (divide images of 0-255 by 255)"


@keras.saving.register_keras_serializable(package="data")
class RandomErasing(keras.layers.Layer):
    """Replaces one random rectangle of an image by noise.

    The algorithm draws a rectangle until one lies inside the image. Here a hundred are drawn at
    once for every image of a batch, and the first that fits is taken: the same distribution,
    without a loop. An image where none fits stays as it is. A pixel is erased when its centre is
    in the rectangle.

    The noise is from 0 to 1, and so must the images be. Eager calls refuse other images. A compiled
    function or a `tf.data` map cannot see the values, and would put black rectangles into images
    of 0-255.

    Args:
        probability: Share of the images that are erased, in [0, 1].
        area: Range of the rectangle's area, as a share of the image's, within (0, 1].
        aspect: Range of the rectangle's height divided by its width, above 0.
        seed: Of the random draws of `call`; `erase` takes a seed with each batch.

    Raises:
        ValueError: an argument out of range.
    """

    def __init__(
        self,
        probability: float = 0.5,
        area: tuple[float, float] = (0.02, 0.4),
        aspect: tuple[float, float] = (0.3, 1 / 0.3),
        seed: int | None = None,
        **kwargs,
    ):
        # Images keep their dtype whatever the layer's policy.
        super().__init__(autocast=False, **kwargs)
        if not 0 <= probability <= 1:
            raise ValueError(f"probability is {probability!r}; accepted: 0 to 1")
        self.probability = float(probability)
        self.area = _checked_range("area", area, highest=1)
        self.aspect = _checked_range("aspect", aspect, highest=float("inf"))
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """The images, erased as by `erase` in training and unchanged otherwise."""
        if not training:
            return images
        return self.erase(images, self.seed_generator.next())

    def erase(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Erases each image with probability `probability`.

        Args:
            images: Floats in [0, 1], [N, height, width, channels] or one [height, width, channels].
            seed: An int32 or int64 pair; the same seed gives the same result.

        Returns:
            Images with the shape and dtype of those given. The noise is uniform in [0, 1], drawn
            for every pixel and channel.

        Raises:
            ValueError: images that are not floats of three or four dimensions or, in an eager
                call, are outside [0, 1].
        """
        images = tf.convert_to_tensor(images)
        if images.shape.rank not in (3, 4) or not images.dtype.is_floating:
            raise ValueError(
                f"images is {images.dtype.name} of shape {images.shape}; accepted: floats "
                "[N, height, width, channels] or [height, width, channels]"
            )
        if not tf.is_symbolic_tensor(images):
            check_unit_range("images", images.numpy(), _ACCEPTED)
        if images.shape.rank == 3:
            return self._erase_batch(images[tf.newaxis], seed)[0]
        return self._erase_batch(images, seed)

    def _erase_batch(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        rectangle_seed, noise_seed = tf.unstack(tf.random.split(seed, 2))
        erased = self._erased_pixels(tf.shape(images), rectangle_seed)
        noise = tf.random.stateless_uniform(tf.shape(images), noise_seed)
        return tf.where(erased, tf.cast(noise, images.dtype), images)

    def _erased_pixels(self, shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Which pixels to erase, booleans [N, height, width, 1]."""
        choice_seed, attempt_seed = tf.unstack(tf.random.split(seed, 2))
        count = shape[0]
        rows, columns = tf.cast(shape[1], tf.float32), tf.cast(shape[2], tf.float32)

        draws = tf.random.stateless_uniform([count, _ATTEMPTS, 4], attempt_seed)
        area, aspect, x, y = tf.unstack(draws, axis=-1)
        area = _scale(area, self.area) * rows * columns
        aspect = _scale(aspect, self.aspect)
        height, width = tf.sqrt(area * aspect), tf.sqrt(area / aspect)
        x, y = x * columns, y * rows

        fits = (x + width <= columns) & (y + height <= rows)
        first = tf.argmax(tf.cast(fits, tf.int32), axis=1)
        rectangles = tf.stack([x, y, x + width, y + height], axis=-1)
        rectangles = tf.gather(rectangles, first, axis=1, batch_dims=1)
        left, top, right, bottom = tf.unstack(rectangles[:, :, tf.newaxis], axis=1)

        x_centre, y_centre = tf.range(columns) + 0.5, tf.range(rows) + 0.5
        in_columns = (left <= x_centre) & (x_centre < right)
        in_rows = (top <= y_centre) & (y_centre < bottom)
        chosen = tf.random.stateless_uniform([count], choice_seed) < self.probability
        chosen &= tf.reduce_any(fits, axis=1)
        inside = in_rows[:, :, tf.newaxis] & in_columns[:, tf.newaxis, :]
        return (chosen[:, tf.newaxis, tf.newaxis] & inside)[..., tf.newaxis]

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "probability": self.probability,
            "area": self.area,
            "aspect": self.aspect,
            "seed": self.seed,
        }


def _scale(draws: tf.Tensor, limits: tuple[float, float]) -> tf.Tensor:
    low, high = limits
    return low + (high - low) * draws


def _checked_range(name: str, limits: tuple[float, float], highest: float) -> tuple[float, float]:
    accepted = f"a pair (low, high) with 0 < low <= high <= {highest}"
    try:
        low, high = (float(limit) for limit in limits)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {limits!r}; accepted: {accepted}") from None
    if not 0 < low <= high <= highest:
        raise ValueError(f"{name} is {limits!r}; accepted: {accepted}")
    return low, high

"""Batches to train on, each determined by the seed, its epoch and its number in the epoch."""

import numpy as np
import tensorflow as tf

from data.byte_images import ByteImages
from data.random_erasing import RandomErasing
from data.unit_range import check_unit_range


def training_batches(
    images: np.ndarray | ByteImages,
    labels: np.ndarray,
    batch_size: int,
    seed: int = 0,
    erasing: RandomErasing | None = None,
    initial_epoch: int = 0,
    initial_batch: int = 0,
) -> tf.data.Dataset:
    """Shuffled batches without end; an epoch has as many as `steps_per_epoch` says.

    A training that is resumed at `initial_epoch` and `initial_batch` sees exactly the batches that
    an uninterrupted one would have seen.

    Args:
        images: Floats [N, height, width, channels], in [0, 1] if they are erased. They are read
            batch by batch, never copied.
        labels: [N] or [N, 1] classes, or [N, classes] one-hot or soft.
        batch_size: Images of a batch; the last one of an epoch has those that are left.
        seed: Determines the order and the erasing.
        erasing: Applied to every batch; its own seed is not used.
        initial_epoch: The epoch that the first batch belongs to.
        initial_batch: Which batch of this epoch it is, from 0.

    Raises:
        ValueError: no images, not one label for each image, images outside [0, 1] with `erasing`,
            a data set in place of arrays, a batch size below 1, or an epoch or batch that is not
            there.
    """
    _check_arguments(images, labels, batch_size, initial_epoch, initial_batch)
    labels = np.asarray(labels)
    if not isinstance(images, ByteImages):  # np.asarray would turn all of them into floats
        images = np.asarray(images)
        if erasing is not None:
            _check_erasable(images)

    @tf.autograph.experimental.do_not_convert
    def shuffled(epoch: tf.Tensor) -> tf.data.Dataset:
        epoch_seed = tf.stack([tf.constant(seed, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(tf.range(len(images)), epoch_seed)
        chosen = tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
        done = tf.where(epoch == initial_epoch, tf.constant(initial_batch, tf.int64), 0)
        return (
            chosen.enumerate()
            .skip(done)
            .map(lambda number, indices: (indices, tf.random.fold_in(epoch_seed, number)))
        )

    def gather(indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return images[indices], labels[indices]

    @tf.autograph.experimental.do_not_convert
    def batch(indices: tf.Tensor, batch_seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # In NumPy, because TensorFlow would copy all images into a constant, twice.
        x, y = tf.numpy_function(gather, [indices], [images.dtype, labels.dtype], stateful=False)
        x = tf.ensure_shape(x, [None, *images.shape[1:]])
        y = tf.ensure_shape(y, [None, *labels.shape[1:]])
        return (x if erasing is None else erasing.erase(x, batch_seed)), y

    batches = tf.data.Dataset.counter(start=initial_epoch).flat_map(shuffled)
    return batches.map(batch, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _check_arguments(
    images, labels, batch_size: int, initial_epoch: int, initial_batch: int
) -> None:
    if isinstance(images, tf.data.Dataset):
        raise ValueError(
            "images is a tf.data.Dataset; accepted: arrays (fit on the dataset itself, or collect "
            "its batches: images, labels = map(np.concatenate, zip(*dataset.as_numpy_iterator())))"
        )
    if len(images) != len(labels) or len(images) == 0:
        raise ValueError(
            f"images is {len(images)} images, with {len(labels)} labels; accepted: one label for "
            "each image, and at least one image"
        )
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size!r}; accepted: at least 1")
    if initial_epoch < 0:
        raise ValueError(f"initial_epoch is {initial_epoch!r}; accepted: at least 0")
    batches = steps_per_epoch(len(images), batch_size)
    if not 0 <= initial_batch < batches:
        raise ValueError(f"initial_batch is {initial_batch!r}; accepted: 0 to {batches - 1}")


def _check_erasable(images: np.ndarray) -> None:
    """Refuses images outside [0, 1]: between 0-255 images the noise of erasing would be black."""
    accepted = "with erasing, floats in [0, 1] (divide images of 0-255 by 255)"
    if not np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"images is of {images.dtype}; accepted: {accepted}")
    check_unit_range("images", images, accepted)


def steps_per_epoch(count: int, batch_size: int) -> int:
    """Number of batches for `count` images, the last one perhaps smaller."""
    return -(-count // batch_size)

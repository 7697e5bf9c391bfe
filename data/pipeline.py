"""Batches to train on, every one of which is determined by the seed, its epoch and its number."""

import numpy as np
import tensorflow as tf

from data.byte_images import ByteImages
from data.random_erasing import RandomErasing


def training_batches(
    images: np.ndarray | ByteImages,
    labels: np.ndarray,
    batch_size: int,
    seed: int = 0,
    erasing: RandomErasing | None = None,
    initial_epoch: int = 0,
) -> tf.data.Dataset:
    """Shuffled batches without end, to be used with `steps_per_epoch`.

    A training that is resumed at `initial_epoch` sees exactly the batches that an uninterrupted
    one would have seen.

    Args:
        images: Floats [N, height, width, channels]. They are read batch by batch, never copied.
        labels: [N] classes, or [N, classes] one-hot or soft.
        batch_size: Images of a batch; the last of an epoch holds what is left.
        seed: Decides the order and the erasing.
        erasing: Applied to every batch; its own seed plays no part.
        initial_epoch: The epoch that the first batch belongs to.

    Raises:
        ValueError: no images, not one label for each image, a batch size below 1, or an epoch
            below 0.
    """
    if len(images) != len(labels) or len(images) == 0:
        raise ValueError(
            "images must be at least one, with one label each; got "
            f"{len(images)} images and {len(labels)} labels"
        )
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1; got {batch_size!r}")
    if initial_epoch < 0:
        raise ValueError(f"initial_epoch must be at least 0; got {initial_epoch!r}")
    labels = np.asarray(labels)
    if not isinstance(images, ByteImages):  # these would all become floats
        images = np.asarray(images)

    def shuffled(epoch: tf.Tensor) -> tf.data.Dataset:
        epoch_seed = tf.stack([tf.constant(seed, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(tf.range(len(images)), epoch_seed)
        chosen = tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
        return chosen.enumerate().map(
            lambda number, indices: (indices, tf.random.fold_in(epoch_seed, number))
        )

    def gather(indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return images[indices], labels[indices]

    def batch(indices: tf.Tensor, batch_seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # NumPy picks the images, because a tensor that holds them all would be copied, twice.
        x, y = tf.numpy_function(gather, [indices], [images.dtype, labels.dtype], stateful=False)
        x = tf.ensure_shape(x, [None, *images.shape[1:]])
        y = tf.ensure_shape(y, [None, *labels.shape[1:]])
        return (x if erasing is None else erasing.erase(x, batch_seed)), y

    batches = tf.data.Dataset.counter(start=initial_epoch).flat_map(shuffled)
    return batches.map(batch, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def steps_per_epoch(count: int, batch_size: int) -> int:
    """Batches that hold `count` images, the last one partial."""
    return -(-count // batch_size)

"""The iterative pixel swap: dark and bright pixels change places."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from attacks.engine.attack import Evaluations
from attacks.engine.checks import warn_of_channels_first
from attacks.engine.gradients import LogitsOf
from attacks.engine.minimum_norm import MinimumNormAttack
from attacks.engine.norms import check_norm
from attacks.engine.task import Batch, Crafted, Search, Task
from models.ranges import check_whole


@dataclass(frozen=True)
class PixelSwap(MinimumNormAttack):
    """Swaps the darkest pixel with the brightest, and so on inwards, until the goal is reached.

    The iterative pixel swap of the WPI study, which asks for logits only. The pixels are sorted by
    brightness, the mean of their channels; among equally bright pixels, an earlier one counts as
    darker. Whole pixels are swapped, pair by pair, so that the most different pair goes first and
    an image keeps its values. The first number of swaps that reaches the goal is taken: the
    smallest change in swaps, though perhaps not in a norm.

    Images of three dimensions have their channels last; of fewer, every value is a pixel.

    `forward_evaluations` counts the original, the numbers of swaps tried up to the success, and
    the pass that judges the result. Where several are tried at a time, some after the success
    are computed that it does not count, so that it does not depend on the batch.

    Attributes:
        max_swaps: the most pairs to swap; `None` for all.
        norm: what `sweep` measures epsilon in: "linf", "l2" or "l1". The search does not
            depend on it.
        batch_size: images per forward pass.

    References:
        Qualifying project, Worcester Polytechnic Institute, 2024, studies/wpi
    """

    max_swaps: int | None = None
    norm: str = "l2"
    batch_size: int = 128

    def __post_init__(self) -> None:
        check_norm(self.norm)
        check_whole(batch_size=self.batch_size)
        if self.max_swaps is not None:
            check_whole(max_swaps=self.max_swaps)

    def search(self, task: Task) -> Search:
        warn_of_channels_first(task.images.shape[1:], "PixelSwap")
        logits_after = _compiled_swaps(task)

        def run(batch: Batch) -> Crafted:
            swapped, turns = swaps(batch.images)
            last = _last_change(batch.images, swapped, turns)
            if self.max_swaps is not None:
                last = np.minimum(last, self.max_swaps)
            taken = self._first_success(task, logits_after, batch, swapped, turns, last)
            images = _after(batch.images, swapped, turns, np.maximum(taken, 0))
            tried = np.where(taken < 0, last, taken) + 1
            return Crafted(images, 0 * tried, tried)

        return run

    def most_of_run(self, classes: int, image_shape: tuple[int, ...]) -> Evaluations:
        pixels = math.prod(image_shape[:-1]) if len(image_shape) > 2 else math.prod(image_shape)
        pairs = (pixels + 1) // 2
        return Evaluations(gradients=0, forwards=min(self.max_swaps or pairs, pairs) + 1)

    def _first_success(
        self,
        task: Task,
        logits_after: Callable,
        batch: Batch,
        swapped: np.ndarray,
        turns: np.ndarray,
        last: np.ndarray,
    ) -> np.ndarray:
        """The fewest swaps, up to `last`, that reach the goal, int64 [N]; -1 where none do."""
        taken = np.full(len(batch), -1)
        remaining = task.remaining(len(batch))
        images, swapped, turns = (tf.constant(a) for a in (batch.images, swapped, turns))
        tried = 0
        while remaining:
            rows = remaining.rows
            # As many at a time as fit, but no more than were needed so far.
            count = max(1, min(self.batch_size // len(rows), tried))
            counts = np.arange(tried, tried + count)
            logits = logits_after(images, swapped, turns, counts.astype(np.int32)).numpy()
            goal = batch.goal.take(np.repeat(rows, count))
            reached = goal.reached(logits).reshape(len(rows), count)
            reached &= counts <= last[rows, None]
            success = reached.any(axis=1) & remaining.going
            taken[rows[success]] = counts[reached[success].argmax(axis=1)]
            tried += count
            done = success | (tried > last[rows])
            images, swapped, turns = remaining.finish(done, images, swapped, turns)
        return taken


def swaps(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What every pixel changes into, and when.

    Args:
        images: float32 [N, ...].

    Returns:
        The images after all swaps, and the number of the swap that a pixel is part of, int32 of
        the shape of `images`, but with one channel. The first swap is 1. A pixel in the middle,
        which has no other to change places with, has the last number.
    """
    shape = (*images.shape[:-1], 1) if images.ndim > 3 else images.shape
    pixels = images.reshape(len(images), math.prod(shape[1:]), -1)
    # float64, in which the order of the channels does not change the sum of grey levels.
    order = pixels.mean(axis=2, dtype=np.float64).argsort(axis=1, kind="stable")
    rank = np.arange(order.shape[1], dtype=np.int32)
    partners, turns = np.empty_like(order), np.empty(order.shape, np.int32)
    np.put_along_axis(partners, order, order[:, ::-1], axis=1)
    np.put_along_axis(turns, order, np.minimum(rank, rank[::-1])[None] + 1, axis=1)
    swapped = np.take_along_axis(pixels, partners[..., None], axis=1)
    return swapped.reshape(images.shape), turns.reshape(shape)


def _last_change(images: np.ndarray, swapped: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """The last swap that changes an image, or 0, int64 [N]."""
    changing = np.where(images != swapped, turns, 0)
    return changing.reshape(len(images), -1).max(axis=1).astype(np.int64)


def _after(
    images: np.ndarray, swapped: np.ndarray, turns: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """The images after so many swaps each (`counts`, int [N])."""
    return np.where(turns <= counts.reshape(-1, *[1] * (images.ndim - 1)), swapped, images)


def _compiled_swaps(task: Task) -> Callable:
    """The logits of images after each of several numbers of swaps, image by image."""
    shape = task.classifier.image_shape
    turns = (*shape[:-1], 1) if len(shape) > 2 else shape

    def make(logits_of: LogitsOf) -> Callable:
        def logits_after(
            images: tf.Tensor, swapped: tf.Tensor, turns: tf.Tensor, counts: tf.Tensor
        ) -> tf.Tensor:
            counts = tf.reshape(counts, [-1] + [1] * len(shape))
            tried = tf.where(turns[:, None] <= counts, swapped[:, None], images[:, None])
            return logits_of(tf.reshape(tried, [-1, *shape]))

        return logits_after

    images = task.classifier.batch_spec
    integers = [tf.TensorSpec([None, *turns], tf.int32), tf.TensorSpec([None], tf.int32)]
    return task.classifier.compiled("pixel swap", make, [images, images, *integers])

"""What attacks demand of images, goals and ids. Numbers are checked by `models.ranges`."""

from typing import Any

import numpy as np
import tensorflow as tf

from attacks.engine.errors import warn
from attacks.goals import Goal, Untargeted


def check_images(images: Any) -> np.ndarray:
    """`images` as float32 [N, ...], when they are floats in [0, 1]."""
    if isinstance(images, tf.data.Dataset):
        raise ValueError(
            "images is a tf.data.Dataset; accepted: floats in [0, 1] of shape [N, ...] (batch by "
            "batch: for images, labels in dataset: attack(model, images, labels, ...))"
        )
    array = np.asarray(images)
    if array.ndim < 2 or not np.issubdtype(array.dtype, np.floating):
        raise ValueError(
            f"images have shape {array.shape} and type {array.dtype}; accepted: floats in [0, 1] "
            "of shape [N, ...] (images / 255 for 0-255 grey levels, images[None] for one image)"
        )
    array = np.ascontiguousarray(array, np.float32)
    check_unit_range("images", array)
    return array


def check_unit_range(name: str, values: np.ndarray) -> None:
    """Refuses values outside [0, 1], and NaN."""
    if not values.size:
        return
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= 1):  # also true for NaN
        raise ValueError(
            f"{name} have values from {low:g} to {high:g}; accepted: finite values in [0, 1] "
            "(divide 0-255 grey levels by 255)"
        )


def check_goal(goal: Goal, count: int, num_classes: int) -> Goal:
    """`goal`, when it has one class of the model for each of `count` images."""
    name = "labels" if isinstance(goal, Untargeted) else "classes"
    if len(goal.classes) != count:
        raise ValueError(
            f"{name} has {len(goal.classes)} entries for {count} images; accepted: one per image"
        )
    wrong = goal.classes[(goal.classes < 0) | (goal.classes >= num_classes)]
    if len(wrong):
        raise ValueError(f"{name} has the value {wrong[0]}; accepted: 0 to {num_classes - 1}")
    return goal


def check_ids(ids: Any, count: int) -> np.ndarray:
    """`ids` as int64 [count], by default the indices."""
    array = np.arange(count) if ids is None else np.asarray(ids)
    if array.shape != (count,) or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(
            f"ids has shape {array.shape} and type {array.dtype}; accepted: integers [{count}]"
        )
    if count and array.min() < 0:
        raise ValueError(f"ids has the value {array.min()}; accepted: 0 or more")
    return array.astype(np.int64)


def warn_of_channels_first(image_shape: tuple[int, ...], attack: str) -> None:
    """Says that an attack takes the last axis for the channels, where the first looks like them."""
    if len(image_shape) == 3 and image_shape[0] in (1, 3) and image_shape[2] > 4:
        rows, columns, channels = image_shape
        warn(
            f"images have shape {image_shape}: {attack} takes them for {rows} rows and {columns} "
            f"columns of {channels} channels. For channels first, attack a model with "
            "keras.layers.Permute((3, 1, 2)) in front, and give it images with channels last"
        )

"""DeepFool."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from attacks.engine.attack import Evaluations
from attacks.engine.geometry import lengths, nearest_boundary, per_image
from attacks.engine.gradients import LogitsOf
from attacks.engine.minimum_norm import MinimumNormAttack
from attacks.engine.norms import check_norm
from attacks.engine.task import Batch, Crafted, Search, Task
from attacks.goals import Goal, Targeted
from models.ranges import check_number, check_whole, is_whole


@dataclass(frozen=True)
class DeepFool(MinimumNormAttack):
    """Steps to the nearest boundary as if the model were linear, until the goal is reached.

    Differs from the paper in four points. Only the most likely classes are candidates. Each step
    is 1e-4 longer. What is tested for success is the image with its overshoot. Clipping does not
    shorten the perturbation that steps add to. Foolbox does the same, and finds the same
    distances; in L-inf they are a few per cent longer than adversarial-library's. A targeted goal
    has one boundary: between the target and the best other class at every step.

    A step takes `candidates` - 1 gradients (one for a targeted goal), which share a forward pass,
    and one forward pass more.

    Attributes:
        steps: the most steps an image takes.
        norm: "l2" or "linf".
        overshoot: by what part the whole perturbation is stretched beyond the boundary; 0 stops
            at the boundary.
        candidates: how many classes are looked at, the most likely ones of the original image,
            its own included; `None` for all.
        clip: whether images are clipped to [0, 1] after every step.
        batch_size: images per gradient.
        fold: search in `attacks.folded(model)`, which is faster; the model itself judges what
            is found.

    References:
        Moosavi-Dezfooli, Fawzi and Frossard, "DeepFool: a simple and accurate method to fool deep
            neural networks", CVPR 2016, https://arxiv.org/abs/1511.04599, algorithm 2
    """

    steps: int = 50
    norm: str = "l2"
    overshoot: float = 0.02
    candidates: int | None = 10
    clip: bool = True
    batch_size: int = 128
    fold: bool = False

    def __post_init__(self) -> None:
        check_norm(self.norm, ("l2", "linf"))
        check_whole(steps=self.steps, batch_size=self.batch_size)
        check_number(least=0, overshoot=self.overshoot)
        check_candidates(self.candidates)

    def search(self, task: Task) -> Search:
        classes = task.classifier.num_classes
        count = min(self.candidates or classes, classes) - 1
        low, high = (0.0, 1.0) if self.clip else (-math.inf, math.inf)
        settings = _Settings(overshoot=self.overshoot, low=low, high=high)

        def run(batch: Batch) -> Crafted:
            logits = task.classifier.logits(batch.images).numpy()
            to_reach = rivals(batch.goal, logits, count)
            step = _compiled_step(task, self.norm, to_reach.shape[1], batch.goal)
            fixed = _Fixed(
                tf.constant(batch.images), tf.constant(batch.goal.classes), tf.constant(to_reach)
            )
            state = _State(images=fixed.originals, total=tf.zeros_like(fixed.originals))
            images = batch.images.copy()
            remaining = task.remaining(len(batch))
            state, fixed = remaining.finish(batch.goal.reached(logits), state, fixed)
            for taken in range(1, self.steps + 1):
                if not remaining:
                    break
                state, logits = step(state, fixed, settings)
                if remaining.note(logits, state.images) or taken == self.steps:
                    rows, done = remaining.look(batch.goal.take(remaining.rows).reached)
                    if len(rows):
                        images[rows] = done.numpy()
                        state, fixed = remaining.left(state, fixed)
            return Crafted(images, remaining.steps * to_reach.shape[1], remaining.steps + 1)

        return run

    def most_of_run(self, classes: int, image_shape: tuple[int, ...]) -> Evaluations:
        rivals = min(self.candidates or classes, classes) - 1
        return Evaluations(gradients=self.steps * rivals, forwards=self.steps + 1)


class _State(NamedTuple):
    """What a step changes, one entry per image.

    Attributes:
        images: the iterates.
        total: the sum of all steps, without the overshoot and unclipped.
    """

    images: tf.Tensor
    total: tf.Tensor


class _Fixed(NamedTuple):
    """What stays the same in all steps of an image, one entry per image."""

    originals: tf.Tensor
    classes: tf.Tensor
    rivals: tf.Tensor


class _Settings(NamedTuple):
    """What is the same for all images; the iterates are clipped to [low, high]."""

    overshoot: float
    low: float
    high: float


def check_candidates(candidates: int | None) -> None:
    """Refuses a number of classes to look at that leaves none but the image's own."""
    if candidates is not None and not (is_whole(candidates) and candidates >= 2):
        raise ValueError(
            f"candidates is {candidates!r}; accepted: None, or a whole number, 2 or more"
        )


def rivals(goal: Goal, logits: np.ndarray, count: int) -> np.ndarray:
    """The classes to reach: the target, or the `count` most likely ones but the label.

    Args:
        goal: what the attack is for.
        logits: float [N, classes] of the original images.
        count: how many classes to reach for an untargeted goal.

    Returns:
        int64 [N, count], the most likely first; [N, 1] for targets.
    """
    if isinstance(goal, Targeted):
        return goal.classes[:, None]
    others = logits.copy()
    others[np.arange(len(logits)), goal.classes] = -np.inf
    return np.argsort(-others, axis=1, kind="stable")[:, :count]


def _compiled_step(task: Task, norm: str, count: int, goal: Goal) -> Callable:
    """One step, and the logits where it ends, so that no gradient is taken after success."""
    targeted = isinstance(goal, Targeted)

    def make(logits_of: LogitsOf) -> Callable:
        def step(state: _State, fixed: _Fixed, settings: _Settings) -> tuple[_State, tf.Tensor]:
            _, gradients, distances = nearest_boundary(
                logits_of, state.images, fixed.classes, fixed.rivals, norm, targeted
            )
            # Foolbox's constants: a step ends behind the boundary, a gradient may be zero.
            distances = distances + 1e-4
            if norm == "linf":
                directions = tf.sign(gradients)
            else:
                distances = distances / (lengths(gradients, "l2") + 1e-8)
                directions = gradients
            total = state.total + per_image(distances, directions) * directions
            images = fixed.originals + (1 + settings.overshoot) * total
            images = tf.clip_by_value(images, settings.low, settings.high)
            return _State(images, total), logits_of(images)

        return step

    images, scalar = task.classifier.batch_spec, tf.TensorSpec([], tf.float32)
    classes, rivals = (tf.TensorSpec(shape, tf.int64) for shape in ([None], [None, count]))
    return task.classifier.compiled(
        f"deepfool {norm} {count} {targeted}",
        make,
        [
            _State(images, images),
            _Fixed(images, classes, rivals),
            _Settings(scalar, scalar, scalar),
        ],
    )

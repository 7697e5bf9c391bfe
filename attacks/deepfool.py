"""DeepFool."""

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from attacks.engine.geometry import lengths, nearest_boundary, per_image
from attacks.engine.minimum_norm import MinimumNormAttack, Run
from attacks.engine.norms import check_norm
from attacks.engine.task import Batch, Crafted, Task, check_count, is_whole
from attacks.goals import Goal, Targeted


@dataclass(frozen=True)
class DeepFool(MinimumNormAttack):
    """Steps to the nearest boundary as if the model were linear, until the goal is reached.

    Moosavi-Dezfooli, Fawzi and Frossard, "DeepFool: a simple and accurate method to fool deep
    neural networks", 2016, arXiv 1511.04599, algorithm 2. Differs in that only the most likely
    classes are candidates, that each step is 1e-4 longer, and that what is tested for success
    is the image with its overshoot; so does Foolbox, whose distances it gives (in L-inf they are
    a few per cent longer than adversarial-library's). Clipping does not shorten the perturbation
    that steps add to. A target has one boundary, to the best other
    class of the moment.

    An image takes `candidates` - 1 gradients a step (one for a target), which share a forward
    pass, and one forward pass more.

    Attributes:
        steps: the most steps an image takes.
        norm: "l2" or "linf".
        overshoot: by what part the whole perturbation is stretched beyond the boundary; 0 stops
            at the boundary.
        candidates: how many classes are looked at, the most likely ones of the original image,
            its own included; `None` for all.
        clip: whether images are clipped to [0, 1] after every step.
        batch_size: images per gradient.
    """

    steps: int = 50
    norm: str = "l2"
    overshoot: float = 0.02
    candidates: int | None = 10
    clip: bool = True
    batch_size: int = 128

    def __post_init__(self):
        check_norm(self.norm, ("l2", "linf"))
        check_count(steps=self.steps, batch_size=self.batch_size)
        if not (math.isfinite(self.overshoot) and self.overshoot >= 0):
            raise ValueError(
                f"overshoot is {self.overshoot!r}; accepted: a finite number, 0 or more"
            )
        check_candidates(self.candidates)

    def _run(self, task: Task) -> Run:
        classes = task.classifier.num_classes
        count = min(self.candidates or classes, classes) - 1
        bounds = (0.0, 1.0) if self.clip else (-math.inf, math.inf)

        def run(batch: Batch) -> Crafted:
            logits = task.classifier.logits(batch.images).numpy()
            reached = batch.goal.reached(logits)
            to_reach = rivals(batch.goal, logits, count)
            step = _compiled_step(task, self.norm, to_reach.shape[1], batch.goal)
            images = batch.images.copy()
            steps = np.zeros(len(batch), np.int64)
            remaining = task.remaining(len(batch))
            originals = tf.constant(batch.images)
            left = remaining.finish(
                reached,
                originals,
                tf.zeros_like(originals),
                originals,
                tf.constant(batch.goal.classes),
                tf.constant(to_reach),
            )
            for _ in range(self.steps):
                if not remaining:
                    break
                *left[:2], logits = step(*left, self.overshoot, *bounds)
                steps[remaining.rows_going] += 1
                reached = batch.goal.take(remaining.rows).reached(logits.numpy())
                done = np.flatnonzero(reached & remaining.going)
                if len(done):
                    images[remaining.rows[done]] = tf.gather(left[0], done).numpy()
                    left = remaining.finish(done, *left)
            return Crafted(images, steps * to_reach.shape[1], steps + 1)

        return run


def check_candidates(candidates: int | None) -> None:
    """How many classes are looked at, the image's own included."""
    if candidates is not None and not (is_whole(candidates) and candidates >= 2):
        raise ValueError(
            f"candidates is {candidates!r}; accepted: None, or a whole number, 2 or more"
        )


def rivals(goal: Goal, logits: np.ndarray, count: int) -> np.ndarray:
    """The classes to reach: the target, or the `count` most likely ones but the label.

    Args:
        logits: [N, classes] of the original images.

    Returns:
        int64 [N, count], the most likely first; [N, 1] for targets.
    """
    if isinstance(goal, Targeted):
        return goal.classes[:, None]
    others = logits.copy()
    others[np.arange(len(logits)), goal.classes] = -np.inf
    return np.argsort(-others, axis=1, kind="stable")[:, :count]


def _compiled_step(task: Task, norm: str, count: int, goal: Goal):
    """One step, and the logits where it ends, so that no gradient is taken after success."""
    targeted = isinstance(goal, Targeted)

    def make(logits_of):
        def step(current, total, images, classes, to_reach, overshoot, low, high):
            _, gradients, distances = nearest_boundary(
                logits_of, current, classes, to_reach, norm, targeted
            )
            # Foolbox's constants: a step ends behind the boundary, a gradient may be zero.
            distances = distances + 1e-4
            if norm == "linf":
                total += per_image(distances, images) * tf.sign(gradients)
            else:
                distances = distances / (lengths(gradients, "l2") + 1e-8)
                total += per_image(distances, images) * gradients
            moved = tf.clip_by_value(images + (1 + overshoot) * total, low, high)
            return moved, total, logits_of(moved)

        return step

    images, scalar = task.classifier.batch_spec, tf.TensorSpec([], tf.float32)
    classes, to_reach = (tf.TensorSpec(shape, tf.int64) for shape in ([None], [None, count]))
    return task.classifier.compiled(
        f"deepfool {norm} {count} {targeted}",
        make,
        [images, images, images, classes, to_reach, scalar, scalar, scalar],
    )

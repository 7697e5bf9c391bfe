"""Repeats the step of a budget attack."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from attacks.engine.remaining import take
from attacks.engine.task import Batch, Crafted, Task

#: (state, fixed, settings) to (the state after a step, the logits of the images before it).
#: All three are named tuples. Those of tensors have an entry per image: the state, whose `images`
#: are the iterates, and what is fixed. Settings are scalars.
Step = Callable[[Any, Any, Any], tuple[Any, tf.Tensor]]


class Path(NamedTuple):
    """One run of T steps on N images, from the start to the end.

    Attributes:
        losses: what the attack climbs, float64 [1 + T, N].
        reached: whether the iterate reaches the goal, bool [1 + T, N].
    """

    losses: np.ndarray
    reached: np.ndarray

    @classmethod
    def of(cls, points: Iterable[tuple[np.ndarray, np.ndarray]]) -> "Path":
        """From the losses and the goals reached at each point."""
        losses, reached = map(np.array, zip(*points))
        return cls(losses.astype(np.float64), reached)


def iterate(
    task: Task,
    batch: Batch,
    step: Step,
    state: Any,
    fixed: Any,
    settings: Any,
    *,
    steps: int,
    stop_at_success: bool,
) -> Crafted:
    """Repeats a step from `state` on.

    Args:
        task: what the batch belongs to.
        batch: the images that are attacked.
        step, state, fixed, settings: see `Step`.
        steps: how many to take.
        stop_at_success: images leave at the first iterate that reaches the goal, so that the
            cost follows the hard ones.
    """
    images = np.empty_like(batch.images)
    remaining = task.remaining(len(batch))
    for count in range(1, steps + 1):
        following, logits = step(state, fixed, settings)
        if stop_at_success and (remaining.note(logits, state.images) or count == steps):
            rows, done = remaining.look(batch.goal.take(remaining.rows).reached)
            if len(rows):
                images[rows] = done.numpy()
                following, fixed = remaining.left(following, fixed)
                if not remaining:
                    break
        state = following
    gradients = remaining.steps
    if not stop_at_success:
        images, gradients = state.images.numpy(), np.full(len(batch), steps)
    elif remaining:
        going = np.flatnonzero(remaining.going)
        images[remaining.rows_going] = take(state.images, going).numpy()
    return Crafted(images, gradients, np.zeros_like(gradients))

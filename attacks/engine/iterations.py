"""Repeats the step of a budget attack, for one epsilon or for several at once."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from attacks.engine.remaining import take
from attacks.engine.task import Batch, Crafted, Task

#: (state, fixed, settings) to (the state after a step, the logits of the images before it).
#: All three are named tuples. Those of tensors have an entry per image: the state, whose `images`
#: are the iterates, and what is fixed. Settings are scalars.
Step = Callable[[Any, Any, Any], tuple[Any, tf.Tensor]]


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
    gradients = np.zeros(len(batch), np.int64)
    remaining = task.remaining(len(batch))
    for _ in range(steps):
        following, logits = step(state, fixed, settings)
        gradients[remaining.rows_going] += 1
        if stop_at_success:
            reached = batch.goal.take(remaining.rows).reached(logits.numpy())
            done = np.flatnonzero(reached & remaining.going)
            if len(done):
                images[remaining.rows[done]] = take(state.images, done).numpy()
                following, fixed = remaining.finish(done, following, fixed)
                if not remaining:
                    break
        state = following
    if not stop_at_success:
        images = state.images.numpy()
    elif remaining:
        going = np.flatnonzero(remaining.going)
        images[remaining.rows_going] = take(state.images, going).numpy()
    return Crafted(images, gradients, np.zeros_like(gradients))


def iterate_sharing_steps(
    step: Step,
    state: Any,
    fixed_within: Callable[[float], Any],
    settings: Any,
    *,
    steps: int,
    epsilons: Sequence[float],
    free_steps: Sequence[int],
) -> list[Crafted]:
    """The runs within ascending epsilons, as branches of the run within the largest.

    Runs from the same state take the same steps until one of them meets the edge of its ball.

    Args:
        step, state, settings: see `Step`.
        fixed_within: what is fixed in the run within an epsilon, see `Step`.
        steps: how many each run takes.
        epsilons: ascending.
        free_steps: for each epsilon, how many steps surely stay inside the ball.

    Returns:
        What each run has crafted, all counted as if they shared nothing.
    """

    def after(state: Any, fixed: Any, count: int) -> Any:
        for _ in range(count):
            state, _ = step(state, fixed, settings)
        return state

    largest = fixed_within(epsilons[-1])
    trunk, done = state, 0
    crafted = []
    for epsilon, free in zip(epsilons, free_steps, strict=True):
        trunk, done = after(trunk, largest, free - done), free
        branch = after(trunk, fixed_within(epsilon), steps - free)
        images = branch.images.numpy()
        gradients = np.full(len(images), steps)
        crafted.append(Crafted(images, gradients, np.zeros_like(gradients)))
    return crafted


def longest_step(step_size: float, norm: str, image_shape: tuple[int, ...]) -> float:
    """How far a step of `step_size` may lead in "linf" or "l2", rounding included."""
    rounding = 2.4e-7
    if norm == "l2":  # of every value of an image, and of the norms computed
        rounding = rounding * math.sqrt(math.prod(image_shape)) + 1e-5 * step_size
    return step_size + rounding


def free_steps(epsilon: float, longest: float, steps: int) -> int:
    """How many of `steps` from the centre of a ball surely stay inside it.

    Args:
        epsilon: the radius of the ball.
        longest: how far a step may lead.
        steps: the most that are asked for.
    """
    free = 0
    while free < steps and (free + 1) * longest < epsilon:
        free += 1
    return free

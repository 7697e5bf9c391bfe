"""The momentum iterative method."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from cleverhans.tf2.utils import clip_eta

from attacks.engine.geometry import flat, per_image
from attacks.engine.gradients import loss_gradient
from attacks.engine.iterations import Step
from attacks.engine.norms import ORDER
from attacks.engine.steps import linear_step
from attacks.engine.task import Batch, Task
from attacks.pgd import Fixed, ProjectedSteps, bounds


@dataclass(frozen=True)
class MomentumIterative(ProjectedSteps):
    """Steps along a decaying sum of normalised gradients (a budget attack).

    Step and projection are CleverHans', and so is the division of a gradient by its mean absolute
    value: the paper's L1 norm divided by the number of values, a factor that is the same in every
    step and cancels in its direction. In a sweep, steps of one absolute size are shared as those
    of PGD are.

    Attributes:
        steps: gradient steps.
        step_size: their length, in [0, 1] pixels; `None` for epsilon / steps, the paper's.
        norm: "linf" or "l2".
        decay: mu, the factor of the sum at every step; 0 for no momentum.
        sign_inside: sum the signs of the gradients, divided by their mean absolute value,
            instead of the gradients. It is how some print the method; L-inf only.
        stop_at_success: leave an image at the first iterate that reaches its goal.
        clip: whether adversarial images are clipped to [0, 1] after every step.
        temperature: what the logits are divided by before the loss.
        batch_size: images per gradient.

    References:
        Dong, Liao, Pang, Su, Zhu, Hu and Li, "Boosting Adversarial Attacks with Momentum", CVPR
            2018, https://arxiv.org/abs/1710.06081, algorithm 1 and, for L2, equation 9
    """

    steps: int = 10
    step_size: float | None = None
    norm: str = "linf"
    decay: float = 1.0
    sign_inside: bool = False
    stop_at_success: bool = False
    clip: bool = True
    temperature: float = 1.0
    batch_size: int = 128

    path = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (math.isfinite(self.decay) and self.decay >= 0):
            raise ValueError(f"decay is {self.decay!r}; accepted: a finite number, 0 or more")
        if self.sign_inside and self.norm != "linf":
            raise ValueError(f"norm is {self.norm!r} with sign_inside; accepted: 'linf'")

    def compiled(self, task: Task) -> Step:
        return _compiled_step(task, self.norm, self.sign_inside)

    def arguments(self, batch: Batch, epsilons: np.ndarray) -> tuple["_State", Fixed, "_Settings"]:
        fixed = self.fixed(batch, epsilons)
        state = _State(fixed.originals, tf.zeros_like(fixed.originals))
        settings = _Settings(batch.goal.sign, self.temperature, self.decay, *bounds(self.clip))
        return state, fixed, settings


class _State(NamedTuple):
    """What a step changes: the iterates, and the decaying sum of their gradients."""

    images: tf.Tensor
    total: tf.Tensor


class _Settings(NamedTuple):
    """The scalars of a run; iterates are clipped to [low, high]."""

    sign: float
    temperature: float
    decay: float
    low: float
    high: float


def _compiled_step(task: Task, norm: str, sign_inside: bool) -> Callable:
    def make(logits_of: Callable) -> Callable:
        def step(state: _State, fixed: Fixed, settings: _Settings) -> tuple[_State, tf.Tensor]:
            originals = fixed.originals
            gradient, logits = loss_gradient(
                logits_of, state.images, fixed.classes, settings.sign, settings.temperature
            )
            if sign_inside:
                gradient = tf.sign(gradient)
            mean = tf.reduce_mean(tf.abs(flat(gradient)), axis=1)
            normalised = gradient / per_image(tf.where(mean > 0, mean, 1.0), originals)
            total = settings.decay * state.total + normalised
            moved = state.images + linear_step(total, per_image(fixed.step_sizes, originals), norm)
            epsilons = per_image(fixed.epsilons, originals)
            perturbation = clip_eta(moved - originals, ORDER[norm], epsilons)
            images = tf.clip_by_value(originals + perturbation, settings.low, settings.high)
            return _State(images, total), logits

        return step

    images, scalar = task.classifier.batch_spec, tf.TensorSpec([], tf.float32)
    per_row, classes = tf.TensorSpec([None], tf.float32), tf.TensorSpec([None], tf.int64)
    form = "sign inside" if sign_inside else "usual"
    return task.classifier.compiled(
        f"momentum iterative {norm}, {form}",
        make,
        [
            _State(images, images),
            Fixed(images, classes, per_row, per_row),
            _Settings(*[scalar] * 5),
        ],
    )

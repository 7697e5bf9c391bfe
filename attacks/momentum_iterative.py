"""The momentum iterative method."""

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from cleverhans.tf2.utils import clip_eta

from attacks.engine.budget import BudgetAttack, iterate
from attacks.engine.geometry import flat, per_image
from attacks.engine.gradients import loss_gradient
from attacks.engine.norms import ORDER, check_norm
from attacks.engine.steps import linear_step
from attacks.engine.task import Batch, Crafted, Run, Task
from models.ranges import check_number, check_whole


@dataclass(frozen=True)
class MomentumIterative(BudgetAttack):
    """Steps along a decaying sum of normalised gradients (a budget attack).

    Dong et al., "Boosting Adversarial Attacks with Momentum", 2018, arXiv 1710.06081,
    algorithm 1 and, for L2, equation 9. Step and projection are CleverHans', and so is the
    division of a gradient by its mean absolute value: the paper's L1 norm divided by the
    number of values, a factor that is the same in every step and cancels in its direction.

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

    climbs = "cross-entropy"

    def __post_init__(self):
        check_norm(self.norm, ("linf", "l2"))
        check_whole(steps=self.steps, batch_size=self.batch_size)
        check_number(above=0, temperature=self.temperature)
        if self.step_size is not None:
            check_number(above=0, step_size=self.step_size)
        if not (math.isfinite(self.decay) and self.decay >= 0):
            raise ValueError(f"decay is {self.decay!r}; accepted: a finite number, 0 or more")
        if self.sign_inside and self.norm != "linf":
            raise ValueError(f"norm is {self.norm!r} with sign_inside; accepted: 'linf'")

    def run_within(self, task: Task) -> Run:
        step = _compiled_step(task, self.norm, self.sign_inside)
        low, high = (0.0, 1.0) if self.clip else (-math.inf, math.inf)

        def run(batch: Batch, epsilons: np.ndarray) -> Crafted:
            images = tf.constant(batch.images)
            if self.step_size is None:
                step_sizes = epsilons / self.steps
            else:
                step_sizes = np.full(len(batch), self.step_size)
            return iterate(
                task,
                batch,
                step,
                self.steps,
                state=[images, tf.zeros_like(images)],
                fixed=[
                    images,
                    tf.constant(batch.goal.classes),
                    tf.constant(epsilons, tf.float32),
                    tf.constant(step_sizes, tf.float32),
                ],
                settings=[batch.goal.sign, self.temperature, self.decay, low, high],
                stop_at_success=self.stop_at_success,
            )

        return run


def _compiled_step(task: Task, norm: str, sign_inside: bool):
    def make(logits_of):
        def step(
            current,
            total,
            images,
            classes,
            epsilons,
            step_sizes,
            sign,
            temperature,
            decay,
            low,
            high,
        ):
            gradient, logits = loss_gradient(logits_of, current, classes, sign, temperature)
            if sign_inside:
                gradient = tf.sign(gradient)
            mean = tf.reduce_mean(tf.abs(flat(gradient)), axis=1)
            total = decay * total + gradient / per_image(tf.where(mean > 0, mean, 1.0), images)
            moved = current + linear_step(total, per_image(step_sizes, images), norm)
            perturbation = clip_eta(moved - images, ORDER[norm], per_image(epsilons, images))
            return tf.clip_by_value(images + perturbation, low, high), total, logits

        return step

    images, scalar = task.classifier.batch_spec, tf.TensorSpec([], tf.float32)
    per_row = tf.TensorSpec([None], tf.float32)
    form = "sign inside" if sign_inside else "usual"
    return task.classifier.compiled(
        f"momentum iterative {norm}, {form}",
        make,
        [*[images] * 3, tf.TensorSpec([None], tf.int64), per_row, per_row, *[scalar] * 5],
    )

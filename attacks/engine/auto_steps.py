"""The step of Auto-PGD: momentum, and step sizes that are halved where they no longer help.

Croce and Hein, "Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse
Parameter-free Attacks", 2020, arXiv 2003.01690, algorithm 1.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from cleverhans.tf2.utils import clip_eta

from attacks.engine.geometry import choose, lengths, per_image
from attacks.engine.gradients import LogitsOf, mean_loss_gradient
from attacks.engine.losses import BY_NAME, Loss, dlr_towards, is_reached
from attacks.engine.norms import ORDER
from attacks.engine.task import Task


class State(NamedTuple):
    """What changes from step to step: five batches of images, then an entry per image.

    Attributes:
        current: the iterate whose loss and gradient the next step takes.
        previous: the iterate before it.
        best, best_gradient, best_loss: the iterate of highest loss.
        successful, success_loss: the one of highest loss that reaches the goal; -inf for none.
        step_sizes: the present ones.
        loss: of the point that `current` was reached from.
        checked_loss: `best_loss` at the last checkpoint.
        increases: steps since the last checkpoint that raised the loss.
        halved: whether the last checkpoint halved the step size.
    """

    current: tf.Tensor
    previous: tf.Tensor
    best: tf.Tensor
    best_gradient: tf.Tensor
    successful: tf.Tensor
    step_sizes: tf.Tensor
    loss: tf.Tensor
    best_loss: tf.Tensor
    success_loss: tf.Tensor
    checked_loss: tf.Tensor
    increases: tf.Tensor
    halved: tf.Tensor

    @classmethod
    def at_start(cls, images: tf.Tensor, epsilons: tf.Tensor) -> "State":
        """Before the first step from `images` [N, ...], which is as long as two `epsilons` [N]."""
        lowest = tf.fill(tf.shape(epsilons), np.float32(-np.inf))
        return cls(
            current=images,
            previous=images,
            best=images,
            best_gradient=tf.zeros_like(images),
            successful=images,
            step_sizes=2 * epsilons,
            loss=-lowest,  # so that the first iterate is no increase
            best_loss=lowest,
            success_loss=lowest,
            checked_loss=lowest,
            increases=tf.zeros_like(lowest),
            halved=tf.zeros_like(lowest, tf.bool),
        )


class Fixed(NamedTuple):
    """What stays the same in all steps of a run, one entry per image."""

    images: tf.Tensor
    classes: tf.Tensor
    rivals: tf.Tensor
    epsilons: tf.Tensor


class Settings(NamedTuple):
    """What is the same for all images of a step.

    Attributes:
        share: of a step that is new; the rest repeats the step before.
        reviews: whether step sizes are reviewed before this step.
        window: steps since they were last reviewed.
    """

    sign: float
    temperature: float
    rho: float
    share: float
    reviews: bool
    window: float


def compiled_step(task: Task, norm: str, loss_name: str, towards: bool, draws: int = 1) -> Callable:
    """One step for any epsilon, number of steps and review: one trace per model and loss.

    Args:
        draws: passes whose gradients are averaged; the loss and success are those of the first.
    """

    def make(logits_of: LogitsOf) -> Callable:
        def step(state: State, fixed: Fixed, settings: Settings) -> State:
            loss_of = loss_named(loss_name, fixed.rivals if towards else None)
            sign, temperature = settings.sign, settings.temperature
            gradient, logits = mean_loss_gradient(
                draws, logits_of, state.current, fixed.classes, sign, temperature, loss_of
            )
            loss = loss_of(logits / temperature, fixed.classes, sign)
            state = state._replace(
                best_gradient=choose(loss > state.best_loss, gradient, state.best_gradient),
                increases=state.increases + tf.cast(loss > state.loss, tf.float32),
                loss=loss,
            )
            state = judged(state, loss, is_reached(logits, fixed.classes, sign))
            state, gradient = tf.cond(
                settings.reviews,
                lambda: reviewed(state, gradient, settings.rho, settings.window),
                lambda: (state, gradient),
            )
            following = _moved(state, gradient, fixed, settings.share, norm)
            return state._replace(current=following, previous=state.current)

        return step

    images, scalar = task.classifier.batch_spec, tf.TensorSpec([], tf.float32)
    per_row, classes, flags = (
        tf.TensorSpec([None], dtype) for dtype in (tf.float32, tf.int64, tf.bool)
    )
    state = State(
        current=images,
        previous=images,
        best=images,
        best_gradient=images,
        successful=images,
        step_sizes=per_row,
        loss=per_row,
        best_loss=per_row,
        success_loss=per_row,
        checked_loss=per_row,
        increases=per_row,
        halved=flags,
    )
    fixed = Fixed(images=images, classes=classes, rivals=classes, epsilons=per_row)
    settings = Settings(
        sign=scalar,
        temperature=scalar,
        rho=scalar,
        share=scalar,
        reviews=tf.TensorSpec([], tf.bool),
        window=scalar,
    )
    name = f"apgd {norm} {loss_name}"
    if towards:
        name += " towards a class"
    if draws > 1:
        name += f" {draws} draws"
    return task.classifier.compiled(name, make, [state, fixed, settings])


def loss_named(name: str, rivals: tf.Tensor | None) -> Loss:
    """The loss of this name, or DLR towards `rivals` [N]."""
    if rivals is None:
        return BY_NAME[name]
    return lambda logits, classes, sign: dlr_towards(logits, classes, rivals)


def judged(state: State, loss: tf.Tensor, reached: tf.Tensor) -> State:
    """`state` with its current iterate among those that may be the best."""
    success_loss = tf.where(reached, loss, -np.inf)
    best, successful = loss > state.best_loss, success_loss > state.success_loss
    return state._replace(
        best=choose(best, state.current, state.best),
        best_loss=tf.where(best, loss, state.best_loss),
        successful=choose(successful, state.current, state.successful),
        success_loss=tf.where(successful, success_loss, state.success_loss),
    )


def reviewed(
    state: State, gradient: tf.Tensor, rho: tf.Tensor, window: tf.Tensor
) -> tuple[State, tf.Tensor]:
    """Halves the step size of images that have made too little progress since the last review.

    They go on from their best point: its gradient comes back in the place of theirs.

    Args:
        gradient: float32 [N, ...], of the current iterates.
        rho: the share of steps that have to raise the loss.
        window: steps since the last review.
    """
    few_increases = state.increases < rho * window
    no_progress = ~state.halved & (state.best_loss <= state.checked_loss)
    halve = few_increases | no_progress
    state = state._replace(
        current=choose(halve, state.best, state.current),
        step_sizes=tf.where(halve, state.step_sizes / 2, state.step_sizes),
        loss=tf.where(halve, state.best_loss, state.loss),
        checked_loss=state.best_loss,
        increases=tf.zeros_like(state.increases),
        halved=halve,
    )
    return state, choose(halve, state.best_gradient, gradient)


def _moved(
    state: State, gradient: tf.Tensor, fixed: Fixed, share: tf.Tensor, norm: str
) -> tf.Tensor:
    """Where a step with momentum leads, float32 [N, ...]."""
    current = state.current
    direction = per_image(state.step_sizes, current) * _unit(gradient, norm)
    ahead = project(current + direction, fixed, norm)
    mixed = current + share * (ahead - current) + (1 - share) * (current - state.previous)
    return project(mixed, fixed, norm)


def project(images: tf.Tensor, fixed: Fixed, norm: str) -> tf.Tensor:
    bound = per_image(fixed.epsilons, images)
    perturbation = clip_eta(images - fixed.images, ORDER[norm], bound)
    return tf.clip_by_value(fixed.images + perturbation, 0.0, 1.0)


def _unit(gradient: tf.Tensor, norm: str) -> tf.Tensor:
    """The direction of steepest ascent; 0 for a gradient that is 0, however small others are."""
    if norm == "linf":
        return tf.sign(gradient)
    for divisor in ("linf", "l2"):  # the first, so that no square underflows
        length = lengths(gradient, divisor)
        gradient = gradient / per_image(tf.where(length > 0, length, 1.0), gradient)
    return gradient

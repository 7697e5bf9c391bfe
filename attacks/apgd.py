"""Projected gradient descent that finds its own step sizes."""

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from cleverhans.tf2.utils import clip_eta

from attacks.engine.budget import BudgetAttack, Run
from attacks.engine.geometry import choose, lengths, per_image
from attacks.engine.gradients import loss_gradient
from attacks.engine.losses import BY_NAME, dlr_towards, is_reached
from attacks.engine.norms import ORDER, check_norm
from attacks.engine.task import (
    Batch,
    Crafted,
    Task,
    ball_noise,
    check_count,
    check_positive,
    check_seed,
)
from attacks.goals import Targeted


@dataclass(frozen=True)
class APGD(BudgetAttack):
    """Auto-PGD: steps with momentum, halved where they no longer help (a budget attack).

    Croce and Hein, "Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse
    Parameter-free Attacks", 2020, arXiv 2003.01690, algorithm 1. The first step size is two
    epsilon. What comes back is the iterate of highest loss among those that reach the goal,
    else among all. Images are always clipped to [0, 1]. Differs in that a return to the best
    point takes the place of the iterate at the checkpoint (as in the authors' code), not of the
    one after it, and in that the step from there has to raise the best loss to count.

    The authors' code differs from their paper, which is followed here, in four points: its
    checkpoints are whole steps apart, which shows where there are few; it halves a step size at
    exactly `rho` of a window as well, such as 12 increases of 16; it compares the first loss of a
    run with 0; and it stretches random starts to the surface of the ball.

    Attributes:
        steps: gradient steps of one run.
        norm: "linf" or "l2".
        loss: "cross-entropy", "dlr" (3 classes or more, with a target 4) or "margin".
        targets: for untargeted goals and "dlr": one run after the other towards each of this
            many classes, the likeliest for the clean image first (at most all but the label;
            4 classes or more). `None` for runs away from the label.
        restarts: runs from different random starts (of each target).
        random_start: start from a uniform draw of the ball instead of the image.
        stop_at_success: leave an image at the first iterate that reaches its goal.
        temperature: what the logits are divided by before the loss.
        momentum: the share of a step that is new; the rest repeats the step before.
        rho: the share of steps that have to raise the loss for the step size to stay.
        seed: of the random starts.
        batch_size: images per gradient.

    Later runs are made only on images that no earlier one has broken.
    """

    steps: int = 100
    norm: str = "linf"
    loss: str = "cross-entropy"
    targets: int | None = None
    restarts: int = 1
    random_start: bool = True
    stop_at_success: bool = False
    temperature: float = 1.0
    momentum: float = 0.75
    rho: float = 0.75
    seed: int = 0
    batch_size: int = 128

    def __post_init__(self):
        check_norm(self.norm, ("linf", "l2"))
        check_count(steps=self.steps, restarts=self.restarts, batch_size=self.batch_size)
        check_positive(temperature=self.temperature)
        check_seed(self.seed)
        if self.loss not in BY_NAME:
            raise ValueError(f"loss is {self.loss!r}; accepted: {', '.join(map(repr, BY_NAME))}")
        if self.targets is not None:
            check_count(targets=self.targets)
            if self.loss != "dlr":
                raise ValueError(f"loss is {self.loss!r} with targets; accepted: 'dlr'")
        for name in ("momentum", "rho"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; accepted: a number above 0, at most 1"
                )
        if self.restarts > 1 and not self.random_start:
            raise ValueError(
                f"restarts is {self.restarts} without random_start; accepted: restarts=1, "
                "or random_start=True (every run would be the same)"
            )

    @property
    def climbs(self) -> str:
        return self.loss

    def _run(self, task: Task) -> Run:
        self._check_task(task)
        step = _compiled_step(task, self.norm, self.loss, self.targets is not None)

        def run(batch: Batch, epsilons: np.ndarray) -> Crafted:
            images = batch.images.copy()
            highest = np.full(len(batch), -np.inf)
            gradients, forwards = np.zeros((2, len(batch)), np.int64)
            left = np.arange(len(batch))
            rivals = self._rivals(task, batch)
            forwards += self.targets is not None  # to rank the classes
            for rank, restart in product(range(len(rivals)), range(self.restarts)):
                found = self._one_run(
                    task,
                    step,
                    batch.take(left),
                    rivals[rank][left],
                    epsilons[left],
                    (restart, rank),
                )
                gradients[left] += found.gradients
                forwards[left] += found.forwards
                better = found.success | (found.loss > highest[left])
                images[left[better]] = found.images[better]
                highest[left] = np.maximum(highest[left], found.loss)
                left = left[~found.success]
                if not len(left):
                    break
            return Crafted(images, gradients, forwards)

        return run

    def _check_task(self, task: Task) -> None:
        targeted = isinstance(task.goal, Targeted)
        if targeted and self.targets is not None:
            raise ValueError(f"targets is {self.targets} with a targeted goal; accepted: None")
        needed = 2
        if self.loss == "dlr":
            needed = 4 if targeted or self.targets is not None else 3
        if task.classifier.num_classes < needed:
            raise ValueError(
                f"loss is 'dlr' for a model of {task.classifier.num_classes} classes; accepted: "
                f"{needed} classes or more here, or another loss, such as 'margin'"
            )

    def _rivals(self, task: Task, batch: Batch) -> np.ndarray:
        """The class that each run goes towards, int64 [runs, N]; without targets, no class."""
        if self.targets is None:
            return np.zeros([1, len(batch)], np.int64)
        logits = task.classifier.logits(batch.images).numpy()
        logits[np.arange(len(batch)), batch.goal.classes] = -np.inf
        count = min(self.targets, logits.shape[1] - 1)
        return np.argsort(-logits, axis=1, kind="stable")[:, :count].T

    def _one_run(self, task: Task, step, batch: Batch, rivals, epsilons, key) -> "_Found":
        fixed = _Fixed(
            tf.constant(batch.images),
            tf.constant(batch.goal.classes),
            tf.constant(rivals),
            tf.constant(epsilons, tf.float32),
        )
        state = self._start(batch, fixed, key)
        found = _Found.nothing(batch)
        remaining = task.remaining(len(batch))
        settings = [batch.goal.sign, self.temperature, self.rho]
        last = 0
        for count in range(self.steps):
            check = count in checkpoints(self.steps)
            share = self.momentum if count else 1.0
            state = step(state, fixed, *settings, check, float(count - last), share)
            last = count if check else last
            found.gradients[remaining.rows_going] += 1
            if self.stop_at_success:
                done = (state.success_loss.numpy() > -np.inf) & remaining.going
                if done.any():
                    found.take(state, remaining.rows, done)
                    left = remaining.finish(done, *state, *fixed)
                    if not remaining:
                        return found
                    state, fixed = _State(*left[: len(state)]), _Fixed(*left[len(state) :])
        # The steps have not seen where the last of them led.
        loss_of = _loss(self.loss, fixed.rivals if self.targets else None)
        logits = task.classifier.logits(state.current)
        loss = loss_of(logits / self.temperature, fixed.classes, batch.goal.sign)
        state = _judged(state, loss, is_reached(logits, fixed.classes, batch.goal.sign))
        found.forwards[remaining.rows_going] += 1
        found.take(state, remaining.rows, remaining.going)
        return found

    def _start(self, batch: Batch, fixed: "_Fixed", key: tuple[int, int]) -> "_State":
        current = fixed.images
        if self.random_start:
            noise = ball_noise(batch.ids, batch.images.shape[1:], self.norm, (self.seed, *key))
            bound = per_image(fixed.epsilons, current)
            current = _project(current + bound * noise, fixed, self.norm)
        lowest = tf.fill([len(batch)], np.float32(-np.inf))
        return _State(
            current=current,
            previous=current,
            best=current,
            best_gradient=tf.zeros_like(current),
            successful=current,
            step_sizes=2 * fixed.epsilons,
            loss=-lowest,  # so that the first iterate is no increase
            best_loss=lowest,
            success_loss=lowest,
            checked_loss=lowest,
            increases=tf.zeros_like(lowest),
            halved=tf.zeros_like(lowest, tf.bool),
        )


def checkpoints(steps: int) -> list[int]:
    """The iterates at which step sizes are reviewed, as shares of all: 0, 0.22, 0.41, ...

    The intervals shrink by 0.03 each, down to 0.06.
    """
    percent, interval, found = 0, 22, []
    while percent < 100:
        found.append(-(-percent * steps // 100))
        percent, interval = percent + interval, max(interval - 3, 6)
    return sorted({count for count in found if count < steps})


class _State(NamedTuple):
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


class _Fixed(NamedTuple):
    """What stays the same in all steps of a run, one entry per image."""

    images: tf.Tensor
    classes: tf.Tensor
    rivals: tf.Tensor
    epsilons: tf.Tensor


class _Found(NamedTuple):
    """What one run gives, one entry per image."""

    images: np.ndarray
    success: np.ndarray
    loss: np.ndarray
    gradients: np.ndarray
    forwards: np.ndarray

    @classmethod
    def nothing(cls, batch: Batch) -> "_Found":
        count = len(batch)
        zeros = np.zeros((2, count), np.int64)
        return cls(batch.images.copy(), np.zeros(count, bool), np.zeros(count), *zeros)

    def take(self, state: _State, rows: np.ndarray, which: np.ndarray) -> None:
        """Takes over the images of `state` marked in `which` (bool [n]), at `rows` [n]."""
        which = np.flatnonzero(which)
        success = state.success_loss.numpy()[which] > -np.inf
        chosen = choose(success, tf.gather(state.successful, which), tf.gather(state.best, which))
        self.images[rows[which]] = chosen.numpy()
        self.success[rows[which]] = success
        self.loss[rows[which]] = state.best_loss.numpy()[which]


def _loss(name: str, rivals=None):
    if rivals is None:
        return BY_NAME[name]
    return lambda logits, classes, sign: dlr_towards(logits, classes, rivals)


def _judged(state: _State, loss, reached) -> _State:
    """`state` with its current iterate among those that may be the best."""
    success_loss = tf.where(reached, loss, -np.inf)
    best, successful = loss > state.best_loss, success_loss > state.success_loss
    return state._replace(
        best=choose(best, state.current, state.best),
        best_loss=tf.where(best, loss, state.best_loss),
        successful=choose(successful, state.current, state.successful),
        success_loss=tf.where(successful, success_loss, state.success_loss),
    )


def _reviewed(state: _State, gradient, rho, window) -> tuple[_State, tf.Tensor]:
    """Halves the step sizes that the last `window` steps do not speak for.

    These images go on from their best point: its gradient comes back in the place of theirs.
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


def _moved(state: _State, gradient, fixed: _Fixed, share, norm: str):
    current = state.current
    direction = per_image(state.step_sizes, current) * _unit(gradient, norm)
    ahead = _project(current + direction, fixed, norm)
    mixed = current + share * (ahead - current) + (1 - share) * (current - state.previous)
    return _project(mixed, fixed, norm)


def _project(images, fixed: _Fixed, norm: str):
    bound = per_image(fixed.epsilons, images)
    perturbation = clip_eta(images - fixed.images, ORDER[norm], bound)
    return tf.clip_by_value(fixed.images + perturbation, 0.0, 1.0)


def _unit(gradient, norm: str):
    """The direction of steepest ascent; 0 for a gradient that is 0, however small others are."""
    if norm == "linf":
        return tf.sign(gradient)
    for divisor in ("linf", "l2"):  # the first, so that no square underflows
        length = lengths(gradient, divisor)
        gradient = gradient / per_image(tf.where(length > 0, length, 1.0), gradient)
    return gradient


def _compiled_step(task: Task, norm: str, loss_name: str, towards: bool):
    """One step for any epsilon, number of steps and review: one trace per model and loss."""

    def make(logits_of):
        def step(state, fixed, sign, temperature, rho, check, window, share):
            loss_of = _loss(loss_name, fixed.rivals if towards else None)
            gradient, logits = loss_gradient(
                logits_of, state.current, fixed.classes, sign, temperature, loss_of
            )
            loss = loss_of(logits / temperature, fixed.classes, sign)
            state = state._replace(
                best_gradient=choose(loss > state.best_loss, gradient, state.best_gradient),
                increases=state.increases + tf.cast(loss > state.loss, tf.float32),
                loss=loss,
            )
            state = _judged(state, loss, is_reached(logits, fixed.classes, sign))
            origin, gradient = tf.cond(
                check,
                lambda: _reviewed(state, gradient, rho, window),
                lambda: (state, gradient),
            )
            following = _moved(origin, gradient, fixed, share, norm)
            return origin._replace(current=following, previous=origin.current)

        return step

    images, scalar = task.classifier.batch_spec, tf.TensorSpec([], tf.float32)
    per_row, classes = (tf.TensorSpec([None], dtype) for dtype in (tf.float32, tf.int64))
    state = _State(*[images] * 5, *[per_row] * 6, tf.TensorSpec([None], tf.bool))
    fixed = _Fixed(images, classes, classes, per_row)
    check = tf.TensorSpec([], tf.bool)
    return task.classifier.compiled(
        f"apgd {norm} {loss_name}{' towards' * towards}",
        make,
        [state, fixed, scalar, scalar, scalar, check, scalar, scalar],
    )

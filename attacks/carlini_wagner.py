"""The attack of Carlini and Wagner in L2."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from scipy.special import logit

from attacks.engine.geometry import choose, flat
from attacks.engine.gradients import loss_gradient
from attacks.engine.losses import margin
from attacks.engine.minimum_norm import MinimumNormAttack, Run
from attacks.engine.task import Batch, Crafted, Task, check_count, check_positive

_BEYOND = 0.05  # how far the sigmoid reaches past [0, 1], so that it has a slope at black and white
_REACH = 1 + 2 * _BEYOND
_LEAST_INTERVAL = 25  # in fewer steps a swing of Adam's looks like a standstill
_LARGEST_C = 1e10
_DECAY, _SQUARE_DECAY = 0.9, 0.999  # of Adam's moments
_ADAM_EPSILON = 1e-8


@dataclass(frozen=True)
class CarliniWagner(MinimumNormAttack):
    """Adam on distance + c x missing margin, with a search over c (a minimum-norm attack in L2).

    Carlini and Wagner, "Towards Evaluating the Robustness of Neural Networks", 2017,
    arXiv 1608.04644, section VI-A. For each image, Adam minimises

        ||x - original||^2 + c max(0, confidence - margin(x)),

    where the margin is how far the logits are past the goal; x is a sigmoid (the paper's tanh) of
    what Adam moves. Runs that fail are repeated with 10 times the c, then c is bisected. Of all
    iterates whose margin is `confidence` or more, the one nearest to the original is returned.

    Differs from the authors' code in four points. Every image has its own early abort. The last
    run bisects like the others. The sigmoid ranges over [-0.05, 1.05] and is clipped, because at
    the ends of its range it has no slope: over [0, 1], black and white pixels would hardly move
    in short runs. Successes of the first steps, in which
    Adam overshoots, are kept but do not lower c; otherwise c would end up too small for images
    that are near their boundary.

    Attributes:
        search_steps: runs of Adam, each with its own c and from the original. A further one
            never makes a result worse.
        steps: gradients of each run, and iterates looked at. The first is the original.
        learning_rate: Adam's, for the variable of the tanh.
        initial_c: the first c of every image. Without success, the last one tried is
            initial_c x 10^(search_steps - 1), at most 1e10.
        confidence: the margin asked for, between logits divided by `temperature`. With more
            than 0, an image that reaches the goal with less is attacked as well.
        abort_early: every tenth of the steps (at least 25), images whose lowest loss has not
            fallen by 1/10000 since leave the run.
        temperature: what the logits are divided by; here it only scales c and `confidence`.
        batch_size: images per gradient.
    """

    search_steps: int = 9
    steps: int = 1000
    learning_rate: float = 0.01
    initial_c: float = 1e-3
    confidence: float = 0.0
    abort_early: bool = True
    temperature: float = 1.0
    batch_size: int = 128

    norm = "l2"

    def __post_init__(self):
        check_count(search_steps=self.search_steps, steps=self.steps, batch_size=self.batch_size)
        check_positive(
            learning_rate=self.learning_rate,
            initial_c=self.initial_c,
            temperature=self.temperature,
        )
        if not (math.isfinite(self.confidence) and self.confidence >= 0):
            raise ValueError(
                f"confidence is {self.confidence!r}; accepted: a finite number, 0 or more"
            )

    def _run(self, task: Task) -> Run:
        step = _compiled_step(task)

        def run(batch: Batch) -> Crafted:
            images, gradients = batch.images.copy(), np.zeros(len(batch), np.int64)
            left = np.flatnonzero(~self._reached(task, batch))
            if len(left):
                found = self._search(task, step, batch.take(left))
                images[left], gradients[left] = found.images, found.gradient_evaluations
            return Crafted(images, gradients, np.ones_like(gradients))

        return run

    def _reached(self, task: Task, batch: Batch) -> np.ndarray:
        """Which images need no attack, bool [N]."""
        logits = task.classifier.logits(batch.images)
        margins = margin(logits / self.temperature, batch.goal.classes, batch.goal.sign)
        return batch.goal.reached(logits.numpy()) & (margins.numpy() >= self.confidence)

    def _search(self, task: Task, step, batch: Batch) -> Crafted:
        """The nearest of the images found with one c after another."""
        images, nearest = batch.images.copy(), np.full(len(batch), np.inf)
        gradients = np.zeros(len(batch), np.int64)
        c, lower, upper = (np.full(len(batch), value) for value in (self.initial_c, 0, np.inf))
        for _ in range(self.search_steps):
            found = self._minimise(task, step, batch, c)
            gradients += found.gradients
            nearer = found.squares < nearest
            images[nearer], nearest[nearer] = found.images[nearer], found.squares[nearer]
            upper, lower = np.where(found.enough, c, upper), np.where(found.enough, lower, c)
            larger = np.minimum(10 * c, _LARGEST_C)
            c = np.where(upper < np.inf, (lower + upper) / 2, larger)
        return Crafted(images, gradients, np.zeros_like(gradients))

    def _minimise(self, task: Task, step, batch: Batch, c: np.ndarray) -> "_Found":
        """One run of Adam, with c [N]."""
        found = _Found.nothing(batch)
        state = _State.at_the_start(batch.images)
        fixed = _Fixed(
            tf.constant(batch.images), tf.constant(batch.goal.classes), tf.constant(c, tf.float32)
        )
        settings = batch.goal.sign, self.temperature, self.confidence
        interval = max(math.ceil(self.steps / 10), _LEAST_INTERVAL)
        settled = min(interval, self.steps // 2)
        remaining = task.remaining(len(batch))
        before = np.full(len(batch), np.inf)
        for count in range(1, self.steps + 1):
            state = step(state, fixed, *settings, *self._adam(count))
            found.gradients[remaining.rows_going] += 1
            if count == settled:
                state = state._replace(reached=tf.zeros_like(state.reached))
            if self.abort_early and count % interval == 0:
                lowest = state.lowest.numpy()
                fell = lowest < 0.9999 * before[remaining.rows]
                before[remaining.rows] = lowest
                stuck = np.flatnonzero(remaining.going & ~fell)
                if len(stuck):
                    found.take(state, stuck, remaining.rows)
                    left = remaining.finish(stuck, *state, *fixed)
                    if not remaining:
                        return found
                    state, fixed = _State(*left[: len(state)]), _Fixed(*left[len(state) :])
        found.take(state, np.flatnonzero(remaining.going), remaining.rows)
        return found

    def _adam(self, count: int) -> tuple[float, float]:
        """Factor and denominator's constant of Adam's step, with its bias corrections.

        The moments are sums that were not multiplied by 1 - decay; the variable is twice the
        paper's, which takes twice the step; gradients are a quarter of the paper's.
        (The stretch of the sigmoid, which Adam's step does not depend on, is in neither.)
        """
        first = (1 - _DECAY**count) / (1 - _DECAY)
        second = (1 - _SQUARE_DECAY**count) / (1 - _SQUARE_DECAY)
        return 2 * self.learning_rate * math.sqrt(second) / first, second * (_ADAM_EPSILON / 4) ** 2


class _State(NamedTuple):
    """What a step changes, one entry per image.

    Attributes:
        variable: what Adam moves; its sigmoid, stretched and clipped, is the image.
        mean, square: Adam's moments, as sums.
        nearest: the successful iterate of smallest distance.
        nearest_squares: the square of that distance; infinite before there is one.
        lowest: the lowest loss so far.
        reached: whether an iterate was successful since this was last reset.
    """

    variable: tf.Tensor
    mean: tf.Tensor
    square: tf.Tensor
    nearest: tf.Tensor
    nearest_squares: tf.Tensor
    lowest: tf.Tensor
    reached: tf.Tensor

    @classmethod
    def at_the_start(cls, images: np.ndarray) -> "_State":
        variable = logit((images.astype(np.float64) + _BEYOND) / _REACH)
        zero, infinite = tf.zeros(images.shape), tf.fill([len(images)], np.inf)
        reached = tf.zeros([len(images)], tf.bool)
        return cls(tf.constant(variable, tf.float32), zero, zero, zero, infinite, infinite, reached)


class _Fixed(NamedTuple):
    """What stays the same in all steps of a run, one entry per image."""

    originals: tf.Tensor
    classes: tf.Tensor
    c: tf.Tensor


class _Found(NamedTuple):
    """What one run gives, one entry per image.

    Attributes:
        images: the nearest successful iterates; the originals where there is none.
        squares: the squares of their distances; infinite where there is none.
        enough: whether c was large enough: it gave success after the first steps.
        gradients: how many the run took.
    """

    images: np.ndarray
    squares: np.ndarray
    enough: np.ndarray
    gradients: np.ndarray

    @classmethod
    def nothing(cls, batch: Batch) -> "_Found":
        count = len(batch)
        infinite = np.full(count, np.inf)
        return cls(batch.images.copy(), infinite, np.zeros(count, bool), np.zeros(count, np.int64))

    def take(self, state: _State, which: np.ndarray, rows: np.ndarray) -> None:
        """Takes over the images `which` of `state`, which has those at `rows` of the batch."""
        squares = state.nearest_squares.numpy()[which]
        self.squares[rows[which]] = squares
        self.enough[rows[which]] = state.reached.numpy()[which]
        success = which[squares < np.inf]
        self.images[rows[success]] = tf.gather(state.nearest, success).numpy()


def _compiled_step(task: Task):
    """One step of Adam for any setting: one trace per model.

    Beside the gradient, passes over tensors as large as the images are what costs. So factors
    are where they need none: half the loss has the gradient (x - original) + that of c / 2 x
    the missing margin.
    """

    def make(logits_of):
        def step(state, fixed, sign, temperature, confidence, rate, floor):
            def missing(logits, classes, sign):
                # Rounding differs between batch sizes; it must not undo a success.
                needed = confidence + 1e-6 * tf.reduce_max(tf.abs(logits), axis=1)
                short = tf.stop_gradient(needed) - margin(logits, classes, sign)
                return fixed.c / 2 * tf.nn.relu(short)

            sigmoid = tf.sigmoid(state.variable)
            images = tf.clip_by_value(_REACH * sigmoid - _BEYOND, 0.0, 1.0)
            gradient, logits = loss_gradient(
                logits_of, images, fixed.classes, sign, temperature, missing
            )
            perturbation = images - fixed.originals
            # As if not clipped: a pixel that has left [0, 1] has to find its way back.
            gradient = tf.raw_ops.SigmoidGrad(y=sigmoid, dy=gradient + perturbation)
            mean = _DECAY * state.mean + gradient
            square = _SQUARE_DECAY * state.square + tf.square(gradient)

            squares = tf.reduce_sum(tf.square(flat(perturbation)), axis=1)
            short = missing(logits / temperature, fixed.classes, sign)
            success = short == 0
            nearer = success & (squares < state.nearest_squares)
            return _State(
                variable=state.variable - rate * mean * tf.math.rsqrt(square + floor),
                mean=mean,
                square=square,
                nearest=choose(nearer, images, state.nearest),
                nearest_squares=tf.where(nearer, squares, state.nearest_squares),
                lowest=tf.minimum(state.lowest, squares + 2 * short),
                reached=state.reached | success,
            )

        return step

    images, scalar = task.classifier.batch_spec, tf.TensorSpec([], tf.float32)
    per_row, classes, flags = (
        tf.TensorSpec([None], dtype) for dtype in (tf.float32, tf.int64, tf.bool)
    )
    state = _State(images, images, images, images, per_row, per_row, flags)
    fixed = _Fixed(images, classes, per_row)
    return task.classifier.compiled("carlini-wagner", make, [state, fixed, *[scalar] * 5])

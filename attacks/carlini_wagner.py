"""The attack of Carlini and Wagner in L2."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from attacks.engine.adam import Pace, adam
from attacks.engine.attack import Evaluations
from attacks.engine.geometry import choose, flat
from attacks.engine.gradients import LogitsOf, loss_gradient
from attacks.engine.losses import margin
from attacks.engine.minimum_norm import MinimumNormAttack
from attacks.engine.remaining import take
from attacks.engine.restarts import BestOfRuns
from attacks.engine.task import Batch, Crafted, Search, Task
from models.ranges import check_number, check_whole

_HALF_RANGE = 0.55  # of the pixels around 1/2; past 0.5, so that black and white have a slope
_LARGEST_C = 1e10
_LEAST_INTERVAL = 25  # in fewer steps a swing of Adam's looks like a standstill


@dataclass(frozen=True)
class CarliniWagner(MinimumNormAttack):
    """Adam on distance + c x missing margin, with a search over c (a minimum-norm attack in L2).

    For each image, Adam minimises

        ||x - original||^2 + c max(0, confidence - margin(x)),

    where the margin is how far the logits are past the goal, and x is a tanh of the variable
    that Adam moves. Runs that fail are repeated with 10 times the c, then c is bisected. Of all
    iterates whose margin is `confidence` or more, the one nearest to the original is returned.

    Differs from the authors' code in four points. Every image has its own early abort. The last
    run bisects like the others. The tanh ranges over [-0.05, 1.05] and is clipped, because at
    the ends of its range it has no slope: over [0, 1], black and white pixels would hardly move
    in short runs. Successes of the first steps, in which Adam overshoots, are kept but do not
    lower c; otherwise c would end up too small for images that are near their boundary.

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
        fold: search in `attacks.folded(model)`, which is faster; the model itself judges what
            is found.

    References:
        Carlini and Wagner, "Towards Evaluating the Robustness of Neural Networks", 2017,
            https://arxiv.org/abs/1608.04644, section VI-A
    """

    search_steps: int = 9
    steps: int = 1000
    learning_rate: float = 0.01
    initial_c: float = 1e-3
    confidence: float = 0.0
    abort_early: bool = True
    temperature: float = 1.0
    batch_size: int = 128
    fold: bool = False

    norm = "l2"

    def __post_init__(self) -> None:
        check_whole(search_steps=self.search_steps, steps=self.steps, batch_size=self.batch_size)
        check_number(above=0, learning_rate=self.learning_rate, initial_c=self.initial_c)
        check_number(above=0, temperature=self.temperature)
        check_number(least=0, confidence=self.confidence)

    def search(self, task: Task) -> Search:
        step = _compiled_step(task)

        def run(batch: Batch) -> Crafted:
            best = BestOfRuns(batch)
            best.count(best.left, forwards=1)
            rows = np.flatnonzero(~self._is_reached(task, batch))
            if len(rows):
                self._search_c(task, step, batch.take(rows), rows, best)
            return best.crafted()

        return run

    def most_of_run(self, classes: int, image_shape: tuple[int, ...]) -> Evaluations:
        return Evaluations(gradients=self.search_steps * self.steps, forwards=1)

    def _is_reached(self, task: Task, batch: Batch) -> np.ndarray:
        """Which images need no attack, bool [N]."""
        logits = task.classifier.logits(batch.images)
        margins = margin(logits / self.temperature, batch.goal.classes, batch.goal.sign)
        return batch.goal.reached(logits.numpy()) & (margins.numpy() >= self.confidence)

    def _search_c(
        self, task: Task, step: Callable, batch: Batch, rows: np.ndarray, best: BestOfRuns
    ) -> None:
        """Runs Adam with one c after another; the nearest successes go to `rows` of `best`."""
        c, lower, upper = (np.full(len(batch), value) for value in (self.initial_c, 0, np.inf))
        for _ in range(self.search_steps):
            run = self._minimise(task, step, batch, c)
            best.count(rows, run.gradients)
            best.keep(rows, run.images, -run.squares, done=np.zeros(len(rows), bool))
            upper, lower = np.where(run.enough, c, upper), np.where(run.enough, lower, c)
            larger = np.minimum(10 * c, _LARGEST_C)
            c = np.where(upper < np.inf, (lower + upper) / 2, larger)

    def _minimise(self, task: Task, step: Callable, batch: Batch, c: np.ndarray) -> "_Run":
        """One run of Adam, with c [N]."""
        state = _State.at_start(batch.images)
        fixed = _Fixed(
            tf.constant(batch.images), tf.constant(batch.goal.classes), tf.constant(c, tf.float32)
        )
        run = _Run.at_start(batch)
        remaining = task.remaining(len(batch))
        interval = max(math.ceil(self.steps / 10), _LEAST_INTERVAL)
        settled = min(interval, self.steps // 2)
        lowest_before = np.full(len(batch), np.inf)
        for count in range(1, self.steps + 1):
            state = step(state, fixed, self._settings(batch, count))
            run.gradients[remaining.rows_going] += 1
            if count == settled:
                state = state._replace(reached=tf.zeros_like(state.reached))
            if self.abort_early and count % interval == 0:
                lowest = state.lowest.numpy()
                fell = lowest < 0.9999 * lowest_before[remaining.rows]
                lowest_before[remaining.rows] = lowest
                stuck = np.flatnonzero(remaining.going & ~fell)
                if len(stuck):
                    run.end(remaining.rows[stuck], take(state, stuck))
                    state, fixed = remaining.finish(stuck, state, fixed)
                if not remaining:
                    return run
        run.end(remaining.rows_going, take(state, np.flatnonzero(remaining.going)))
        return run

    def _settings(self, batch: Batch, count: int) -> "_Settings":
        return _Settings(
            sign=batch.goal.sign,
            temperature=self.temperature,
            confidence=self.confidence,
            pace=Pace.of_step(count, self.learning_rate),
        )


class _State(NamedTuple):
    """What a step changes, one entry per image.

    Attributes:
        variable: what Adam moves; its tanh, stretched and clipped, is the image.
        mean, square: Adam's first and second moments.
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
    def at_start(cls, images: np.ndarray) -> "_State":
        variable = np.arctanh((images.astype(np.float64) - 0.5) / _HALF_RANGE)
        zeros, infinite = tf.zeros(images.shape), tf.fill([len(images)], np.inf)
        return cls(
            variable=tf.constant(variable, tf.float32),
            mean=zeros,
            square=zeros,
            nearest=zeros,
            nearest_squares=infinite,
            lowest=infinite,
            reached=tf.zeros([len(images)], tf.bool),
        )


class _Fixed(NamedTuple):
    """What stays the same in all steps of a run, one entry per image."""

    originals: tf.Tensor
    classes: tf.Tensor
    c: tf.Tensor


class _Settings(NamedTuple):
    """What is the same for all images of a step."""

    sign: float
    temperature: float
    confidence: float
    pace: Pace


@dataclass
class _Run:
    """What one run of Adam gives, one entry per image; filled as images leave the run.

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
    def at_start(cls, batch: Batch) -> "_Run":
        count = len(batch)
        return cls(
            images=batch.images.copy(),
            squares=np.full(count, np.inf),
            enough=np.zeros(count, bool),
            gradients=np.zeros(count, np.int64),
        )

    def end(self, rows: np.ndarray, state: _State) -> None:
        """Takes over where the images at `rows` have come to."""
        self.squares[rows] = state.nearest_squares.numpy()
        self.enough[rows] = state.reached.numpy()
        successes = np.isfinite(self.squares[rows])
        self.images[rows[successes]] = state.nearest.numpy()[successes]


def _compiled_step(task: Task) -> Callable:
    """One step of Adam for any setting: one trace per model."""

    def make(logits_of: LogitsOf) -> Callable:
        def step(state: _State, fixed: _Fixed, settings: _Settings) -> _State:
            def penalty(logits: tf.Tensor, classes: tf.Tensor, sign: tf.Tensor) -> tf.Tensor:
                # Rounding differs between batch sizes; it must not undo a success.
                rounding = 1e-6 * tf.reduce_max(tf.abs(logits), axis=1)
                wanted = tf.stop_gradient(settings.confidence + rounding)
                return fixed.c * tf.nn.relu(wanted - margin(logits, classes, sign))

            tanh = tf.tanh(state.variable)
            images = tf.clip_by_value(0.5 + _HALF_RANGE * tanh, 0.0, 1.0)
            perturbations = images - fixed.originals
            gradient, logits = loss_gradient(
                logits_of, images, fixed.classes, settings.sign, settings.temperature, penalty
            )
            gradient += 2 * perturbations
            # As if not clipped: a pixel that has left [0, 1] has to find its way back.
            gradient = tf.raw_ops.TanhGrad(y=tanh, dy=_HALF_RANGE * gradient)
            move, mean, square = adam(state.mean, state.square, gradient, settings.pace)
            state = state._replace(variable=state.variable - move, mean=mean, square=square)

            squares = tf.reduce_sum(tf.square(flat(perturbations)), axis=1)
            penalties = penalty(logits / settings.temperature, fixed.classes, settings.sign)
            success = penalties == 0
            nearer = success & (squares < state.nearest_squares)
            return state._replace(
                nearest=choose(nearer, images, state.nearest),
                nearest_squares=tf.where(nearer, squares, state.nearest_squares),
                lowest=tf.minimum(state.lowest, squares + penalties),
                reached=state.reached | success,
            )

        return step

    images, scalar = task.classifier.batch_spec, tf.TensorSpec([], tf.float32)
    per_row, classes, flags = (
        tf.TensorSpec([None], dtype) for dtype in (tf.float32, tf.int64, tf.bool)
    )
    state = _State(
        variable=images,
        mean=images,
        square=images,
        nearest=images,
        nearest_squares=per_row,
        lowest=per_row,
        reached=flags,
    )
    fixed = _Fixed(originals=images, classes=classes, c=per_row)
    settings = _Settings(scalar, scalar, scalar, Pace(scalar, scalar, scalar))
    return task.classifier.compiled("carlini-wagner", make, [state, fixed, settings])

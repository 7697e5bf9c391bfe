"""The attack of Carlini and Wagner in L2."""

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from scipy.special import logit

from attacks.engine import Batch, Crafted, Task, check_count, check_positive
from attacks.geometry import flat
from attacks.gradients import loss_gradient
from attacks.losses import margin
from attacks.minimum_norm import MinimumNormAttack, Run

_SHRINK = 0.999999  # keeps black and white pixels where the sigmoid has an inverse
_LARGEST_C = 1e10
_DECAY, _SQUARE_DECAY = 0.9, 0.999  # of Adam's moments
_ADAM_EPSILON = 1e-8


@dataclass(frozen=True)
class CarliniWagner(MinimumNormAttack):
    """Adam on distance + c x missing margin, with a search over c (a minimum-norm attack in L2).

    Carlini and Wagner, "Towards Evaluating the Robustness of Neural Networks", 2017,
    arXiv 1608.04644, section VI-A. For each image, Adam minimises

        ||x - original||^2 + c max(0, confidence - margin(x)),

    where the margin is how far the logits are past the goal; a sigmoid (the paper's tanh) keeps
    x in [0, 1]. It is repeated with a larger c until it succeeds, then bisects c. Of all
    iterates whose margin is `confidence` or more, the one nearest to the original is returned.

    Differs from the authors' code in that every image has its own early abort, and in that the
    last search step bisects like the others.

    Attributes:
        search_steps: runs of Adam, each with its own c and from the original. A further one
            never makes a result worse.
        steps: gradients of each run, and iterates looked at. The first is the original.
        learning_rate: Adam's, for the variable of the tanh.
        initial_c: the first c of every image. It is multiplied by 10 after a failure, so the
            last c tried without success is initial_c x 10^(search_steps - 1), at most 1e10.
        confidence: the margin asked for, between logits divided by `temperature`. With more
            than 0, an image that reaches the goal with less is attacked as well.
        abort_early: after every tenth of the steps, images whose loss has not fallen by
            1/10000 since the last look leave the run.
        temperature: what the logits are divided by. Here it only scales c and `confidence`.
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
            found, squares = self._minimise(task, step, batch, c)
            gradients += found.gradient_evaluations
            nearer = squares < nearest
            images[nearer], nearest[nearer] = found.images[nearer], squares[nearer]
            success = squares < np.inf
            upper, lower = np.where(success, c, upper), np.where(success, lower, c)
            larger = np.minimum(10 * c, _LARGEST_C)
            c = np.where(upper < np.inf, (lower + upper) / 2, larger)
        return Crafted(images, gradients, np.zeros_like(gradients))

    def _minimise(self, task: Task, step, batch: Batch, c) -> tuple[Crafted, np.ndarray]:
        """One run of Adam, for c [N].

        Returns:
            The nearest successful iterates and, float [N], the squares of their distances: for
            images without one, the original and infinity.
        """
        images, squares = batch.images.copy(), np.full(len(batch), np.inf, np.float32)
        gradients = np.zeros(len(batch), np.int64)
        losses = np.full(len(batch), np.inf)
        remaining = task.remaining(len(batch))

        def keep(rows):
            nearest, nearest_squares = state[3:]
            images[remaining.rows[rows]] = tf.gather(nearest, rows).numpy()
            squares[remaining.rows[rows]] = nearest_squares.numpy()[rows]

        originals = tf.constant(batch.images)
        nothing = tf.zeros_like(originals)
        state = [_start(batch.images), nothing, nothing, originals, tf.constant(squares)]
        fixed = [
            originals,
            tf.constant(batch.goal.classes),
            tf.constant(c, tf.float32),
        ]
        settings = batch.goal.sign, self.temperature, self.confidence
        look = math.ceil(self.steps / 10)
        for count in range(self.steps):
            *state, loss = step(*state, *fixed, *settings, *self._adam(count + 1))
            gradients[remaining.rows_going] += 1
            if self.abort_early and count % look == 0:
                loss = loss.numpy()
                fell = loss < 0.9999 * losses[remaining.rows]
                losses[remaining.rows] = loss
                stuck = np.flatnonzero(remaining.going & ~fell)
                if len(stuck):
                    keep(stuck)
                    left = remaining.finish(stuck, *state, *fixed)
                    if not remaining:
                        break
                    state, fixed = left[: len(state)], left[len(state) :]
        if remaining:
            keep(np.flatnonzero(remaining.going))
        return Crafted(images, gradients, np.zeros_like(gradients)), squares

    def _adam(self, count: int) -> tuple[float, float]:
        """Factor and denominator's constant of Adam's step, with its bias corrections.

        The moments are sums that were not multiplied by 1 - decay; the variable is twice the
        paper's, which takes twice the step; gradients are a quarter of the paper's.
        """
        first = (1 - _DECAY**count) / (1 - _DECAY)
        second = (1 - _SQUARE_DECAY**count) / (1 - _SQUARE_DECAY)
        return 2 * self.learning_rate * math.sqrt(second) / first, second * (_ADAM_EPSILON / 4) ** 2


def _start(images: np.ndarray) -> tf.Tensor:
    """The variable whose sigmoid is `images`, all but black and white."""
    return tf.constant(logit(0.5 + _SHRINK * (images.astype(np.float64) - 0.5)), tf.float32)


def _compiled_step(task: Task):
    """One step of Adam for any setting: one trace per model.

    The passes over tensors as large as the images are what it costs beside the gradient, so
    factors are where they need none: half the loss has the gradient (x - original) + c/2 x the
    missing margin's.
    """

    def make(logits_of):
        def step(
            variable, mean, square, nearest, nearest_squares,
            originals, classes, c, sign, temperature, confidence, rate, floor,
        ):  # fmt: skip
            def missing(logits, classes, sign):
                # Rounding differs between batch sizes, and must not undo a success.
                needed = confidence + 1e-6 * tf.reduce_max(tf.abs(logits), axis=1)
                short = tf.stop_gradient(needed) - margin(logits, classes, sign)
                return c / 2 * tf.nn.relu(short)

            images = tf.sigmoid(variable)
            gradient, logits = loss_gradient(logits_of, images, classes, sign, temperature, missing)
            perturbation = images - originals
            squares = tf.reduce_sum(tf.square(flat(perturbation)), axis=1)
            gradient = tf.raw_ops.SigmoidGrad(y=images, dy=gradient + perturbation)
            mean = _DECAY * mean + gradient
            square = _SQUARE_DECAY * square + tf.square(gradient)
            variable -= rate * mean * tf.math.rsqrt(square + floor)

            short = missing(logits / temperature, classes, sign)
            nearer = (short == 0) & (squares < nearest_squares)
            # Selects whole images; tf.where would broadcast the condition, which is slow.
            nearest = tf.raw_ops.Select(condition=nearer, x=images, y=nearest)
            nearest_squares = tf.where(nearer, squares, nearest_squares)
            return variable, mean, square, nearest, nearest_squares, squares + 2 * short

        return step

    images, scalar = task.classifier.batch_spec, tf.TensorSpec([], tf.float32)
    per_row = tf.TensorSpec([None], tf.float32)
    return task.classifier.compiled(
        "carlini-wagner",
        make,
        [*[images] * 4, per_row, images, tf.TensorSpec([None], tf.int64), per_row, *[scalar] * 5],
    )

"""The fast adaptive boundary attack."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from attacks.deepfool import check_candidates, rivals
from attacks.engine.attack import Evaluations
from attacks.engine.draws import ball_noise
from attacks.engine.geometry import (
    choose,
    flat,
    hyperplane_step,
    lengths,
    nearest_boundary,
    per_image,
)
from attacks.engine.gradients import LogitsOf
from attacks.engine.losses import margin
from attacks.engine.minimum_norm import MinimumNormAttack
from attacks.engine.norms import check_norm
from attacks.engine.remaining import take
from attacks.engine.restarts import BestOfRuns
from attacks.engine.task import Batch, Crafted, Run, Search, Task
from attacks.goals import Goal, Targeted
from models.ranges import check_number, check_whole

#: Twice the most by which a later restart may start away from the image.
_REACH = {"linf": 0.3, "l2": 1.0}


@dataclass(frozen=True)
class FAB(MinimumNormAttack):
    """Steps along the boundary that keep close to the image (the fast adaptive boundary attack).

    The nearest boundary is taken for a hyperplane. The iterate and the original are projected on
    it, within the box of images, and the step goes a little beyond a weighted mean of the two
    projections. An iterate that is adversarial then goes part of the way back to the original.

    With `targets`, this is the targeted version of AutoAttack: one run for each of the most likely
    other classes, which goes for the boundary of that class. It takes one gradient a step instead
    of `candidates` - 1. A `Targeted` goal takes one gradient too, of the boundary to the best other
    class, and needs no `targets`.

    A step also takes one forward pass. The final search of a run takes two more than its steps.

    Differs from the paper in four points. Without `targets` only the most likely classes are
    candidates. An image counts as adversarial only if its margin is above rounding. An iterate
    on the boundary itself goes back to the original too. Every run ends with a search.

    Attributes:
        steps: steps of one run.
        norm: "linf" or "l2".
        restarts: runs; all but the first begin at a random point. It is at most half as far from
            the image as the best adversarial image so far, and at most 0.15 (L-inf) or 0.5 (L2).
        alpha_max: the most that the original counts in the mean of the projections.
        eta: how far steps go, as a multiple of the way to the hyperplane, 1 or more.
        beta: what part of the distance is kept on the way back, between 0 and 1.
        targets: how many classes to go for one after the other; `None` for all candidates at once.
        candidates: how many classes are looked at without `targets`, the most likely ones of the
            original image, its own included; `None` for all, at a gradient each for every step.
        final_search: steps of a search for the boundary between the original and the best
            image of a run; 0 for none.
        seed: of the random starts.
        batch_size: images per gradient.
        fold: search in `attacks.folded(model)`, which is faster; the model itself judges what
            is found.

    References:
        Croce and Hein, "Minimally Distorted Adversarial Examples with a Fast Adaptive Boundary
            Attack", ICML 2020, https://arxiv.org/abs/1907.02044
        Croce and Hein, "Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse
            Parameter-free Attacks", ICML 2020, https://arxiv.org/abs/2003.01690, FAB-T
    """

    steps: int = 100
    norm: str = "linf"
    restarts: int = 1
    alpha_max: float = 0.1
    eta: float = 1.05
    beta: float = 0.9
    targets: int | None = None
    candidates: int | None = 10
    final_search: int = 3
    seed: int = 0
    batch_size: int = 128
    fold: bool = False

    def __post_init__(self) -> None:
        check_norm(self.norm, ("linf", "l2"))
        check_whole(steps=self.steps, restarts=self.restarts, batch_size=self.batch_size)
        if self.targets is not None:
            check_whole(targets=self.targets)
        check_candidates(self.candidates)
        check_whole(least=0, final_search=self.final_search, seed=self.seed)
        check_number(least=0, most=1, alpha_max=self.alpha_max, beta=self.beta)
        check_number(least=1, eta=self.eta)

    def search(self, task: Task) -> Search:
        run = self.run_within(task)
        return lambda batch: run(batch, np.full(len(batch), -np.inf))

    def run_within(self, task: Task) -> Run:
        """The attack, which leaves an image as soon as it has an adversarial one within epsilon.

        Where there is none within epsilon, the nearest one comes back.
        """
        others = task.classifier.num_classes - 1

        def run(batch: Batch, epsilons: np.ndarray) -> Crafted:
            logits = task.classifier.logits(batch.images).numpy()
            best = BestOfRuns(batch, attacked=~batch.goal.reached(logits))
            best.count(np.arange(len(batch)), forwards=1)
            count = self.targets or (self.candidates or others + 1) - 1
            to_reach = rivals(batch.goal, logits, min(count, others))
            runs = np.split(to_reach, to_reach.shape[1], axis=1) if self.targets else [to_reach]
            for restart, (target, classes) in product(range(self.restarts), enumerate(runs)):
                rows = best.left
                if not len(rows):
                    break
                part = batch.take(rows)
                start = part.images
                if restart:
                    start = self._random_start(part, -best.scores[rows], (restart, target))
                one = self._one_run(task, part, start, classes[rows], epsilons[rows])
                best.count(rows, one.gradients, one.forwards)
                best.keep(rows, one.images, -one.distances, one.distances <= epsilons[rows])
            return best.crafted()

        return run

    def most_of_run(self, classes: int, image_shape: tuple[int, ...]) -> Evaluations:
        rivals = min(self.targets or (self.candidates or classes) - 1, classes - 1)
        runs = self.restarts * (rivals if self.targets else 1)
        search = 2 + self.final_search if self.final_search else 0
        forwards = runs * (self.steps + search)
        return Evaluations(self.restarts * self.steps * rivals, forwards + 1)

    def _random_start(
        self, batch: Batch, distances: np.ndarray, key: tuple[int, int]
    ) -> np.ndarray:
        """Points of the ball whose radius is half the distance of the best image so far."""
        noise = ball_noise(batch.ids, batch.images.shape[1:], self.norm, (self.seed, *key))
        radii = np.minimum(distances.astype(np.float32), _REACH[self.norm]) / 2
        noise *= radii.reshape(-1, *[1] * (noise.ndim - 1))
        return np.clip(batch.images + noise, 0, 1)

    def _one_run(
        self,
        task: Task,
        batch: Batch,
        start: np.ndarray,
        to_reach: np.ndarray,
        epsilons: np.ndarray,
    ) -> "_Run":
        """A run from `start` [N, ...] towards any of the classes `to_reach` [N, K]."""
        count = to_reach.shape[1]
        step = _compiled_step(task, self.norm, count, batch.goal)
        fixed = _Fixed(
            tf.constant(batch.images), tf.constant(batch.goal.classes), tf.constant(to_reach)
        )
        state = _State(
            images=tf.constant(start),
            nearest=fixed.originals,
            distances=tf.fill([len(batch)], math.inf),
        )
        settings = _Settings(
            sign=batch.goal.sign, alpha_max=self.alpha_max, eta=self.eta, beta=self.beta
        )
        run = _Run.at_start(batch)
        remaining = task.remaining(len(batch))
        for taken in range(1, self.steps + 1):
            state = step(state, fixed, settings)
            if remaining.note(state.distances, state) or taken == self.steps:
                within = partial(np.greater_equal, epsilons[remaining.rows])
                rows, done = remaining.look(within)
                if len(rows):
                    run.end(rows, done)
                    state, fixed = remaining.left(state, fixed)
                    if not remaining:
                        break
        run.gradients, run.forwards = count * remaining.steps, remaining.steps.copy()
        ended = np.flatnonzero(remaining.going & np.isfinite(state.distances.numpy()))
        rows, state, fixed = remaining.rows[ended], take(state, ended), take(fixed, ended)
        if self.final_search and len(rows):
            search = _compiled_search(task, self.norm, self.final_search)
            state = search(state, fixed, batch.goal.sign)
            run.forwards[rows] += 2 + self.final_search
        run.end(rows, state)
        return run


class _State(NamedTuple):
    """What a step changes, one entry per image.

    Attributes:
        images: the iterates.
        nearest: the adversarial iterate of smallest distance; the original before there is one.
        distances: that distance, in the attack's norm; infinite before there is one.
    """

    images: tf.Tensor
    nearest: tf.Tensor
    distances: tf.Tensor


class _Fixed(NamedTuple):
    """What stays the same in all steps of a run, one entry per image."""

    originals: tf.Tensor
    classes: tf.Tensor
    rivals: tf.Tensor


class _Settings(NamedTuple):
    """What is the same for all images."""

    sign: float
    alpha_max: float
    eta: float
    beta: float


@dataclass
class _Run:
    """What one run gives, one entry per image; filled as images leave the run.

    Attributes:
        images: the nearest adversarial images; the originals where there is none.
        distances: theirs; infinite where there is none.
        gradients, forwards: how many the run took.
    """

    images: np.ndarray
    distances: np.ndarray
    gradients: np.ndarray
    forwards: np.ndarray

    @classmethod
    def at_start(cls, batch: Batch) -> "_Run":
        count = len(batch)
        return cls(
            images=batch.images.copy(),
            distances=np.full(count, np.inf),
            gradients=np.zeros(count, np.int64),
            forwards=np.zeros(count, np.int64),
        )

    def end(self, rows: np.ndarray, state: _State) -> None:
        """Takes over where the images at `rows` have come to."""
        self.images[rows] = state.nearest.numpy()
        self.distances[rows] = state.distances.numpy()


def _compiled_step(task: Task, norm: str, count: int, goal: Goal) -> Callable:
    """One step towards any of `count` classes, for any other setting: one trace per model."""
    targeted = isinstance(goal, Targeted)

    def make(logits_of: LogitsOf) -> Callable:
        def step(state: _State, fixed: _Fixed, settings: _Settings) -> _State:
            originals, iterates = fixed.originals, state.images
            gaps, normals, _ = nearest_boundary(
                logits_of, iterates, fixed.classes, fixed.rivals, norm, targeted
            )
            behind = tf.reduce_sum(flat(normals * (iterates - originals)), axis=1)
            from_iterate = hyperplane_step(iterates, normals, gaps, norm)
            from_original = hyperplane_step(originals, normals, gaps + behind, norm)
            own, other = (
                tf.maximum(lengths(way, norm), 1e-8) for way in (from_iterate, from_original)
            )
            alpha = per_image(tf.minimum(own / (own + other), settings.alpha_max), originals)
            moved = (1 - alpha) * (iterates + settings.eta * from_iterate)
            moved += alpha * (originals + settings.eta * from_original)
            moved = tf.clip_by_value(moved, 0.0, 1.0)

            margins, rounding = _margins(logits_of(moved), fixed.classes, settings.sign)
            distances = lengths(moved - originals, norm)
            nearer = (margins > rounding) & (distances < state.distances)
            # On the boundary itself steps would stay there.
            goes_back = margins > -rounding
            back = originals + settings.beta * (moved - originals)
            return _State(
                images=choose(goes_back, back, moved),
                nearest=choose(nearer, moved, state.nearest),
                distances=tf.where(nearer, distances, state.distances),
            )

        return step

    images, scalar = task.classifier.batch_spec, tf.TensorSpec([], tf.float32)
    per_row = tf.TensorSpec([None], tf.float32)
    classes, rivals = (tf.TensorSpec(shape, tf.int64) for shape in ([None], [None, count]))
    return task.classifier.compiled(
        f"fab {norm} {count} {targeted}",
        make,
        [
            _State(images=images, nearest=images, distances=per_row),
            _Fixed(originals=images, classes=classes, rivals=rivals),
            _Settings(scalar, scalar, scalar, scalar),
        ],
    )


def _margins(logits: tf.Tensor, classes: tf.Tensor, sign: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The margins [N], and by how much they may differ in another forward pass."""
    return margin(logits, classes, sign), 1e-5 * tf.reduce_max(tf.abs(logits), axis=1)


def _compiled_search(task: Task, norm: str, steps: int) -> Callable:
    """Looks for where the margin vanishes between original and adversarial image.

    False position (regula falsi) with `steps` forward passes, and one for each end.
    """

    def make(logits_of: LogitsOf) -> Callable:
        def search(state: _State, fixed: _Fixed, sign: tf.Tensor) -> _State:
            inner, outer = fixed.originals, state.nearest
            below, _ = _margins(logits_of(inner), fixed.classes, sign)
            above, _ = _margins(logits_of(outer), fixed.classes, sign)
            for _ in range(steps):
                # A little beyond the zero, since the point has to be adversarial.
                share = tf.math.divide_no_nan(0.01 * above - below, above - below)
                share = tf.clip_by_value(share, 0.0, 1.0)
                point = inner + per_image(share, inner) * (outer - inner)
                margins, rounding = _margins(logits_of(point), fixed.classes, sign)
                reached = margins > rounding
                inner, outer = choose(reached, inner, point), choose(reached, point, outer)
                below = tf.where(reached, below, margins)
                above = tf.where(reached, margins, above)
            distances = lengths(outer - fixed.originals, norm)
            return state._replace(nearest=outer, distances=distances)

        return search

    images, per_row = task.classifier.batch_spec, tf.TensorSpec([None], tf.float32)
    classes, rivals = (tf.TensorSpec(shape, tf.int64) for shape in ([None], [None, None]))
    return task.classifier.compiled(
        f"fab search {norm} {steps}",
        make,
        [
            _State(images=images, nearest=images, distances=per_row),
            _Fixed(originals=images, classes=classes, rivals=rivals),
            tf.TensorSpec([], tf.float32),
        ],
    )

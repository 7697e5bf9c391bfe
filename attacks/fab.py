"""The fast adaptive boundary attack."""

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from attacks.deepfool import check_candidates, rivals
from attacks.engine import budget
from attacks.engine.geometry import (
    choose,
    flat,
    hyperplane_step,
    lengths,
    nearest_boundary,
    per_image,
)
from attacks.engine.losses import margin
from attacks.engine.minimum_norm import MinimumNormAttack, Run
from attacks.engine.norms import check_norm
from attacks.engine.task import Batch, Crafted, Task, ball_noise, check_count, check_seed
from attacks.goals import Goal, Targeted

#: The most by which a later restart may start away from the image, times two.
_REACH = {"linf": 0.3, "l2": 1.0}


@dataclass(frozen=True)
class FAB(MinimumNormAttack):
    """Steps along the boundary that keep close to the image (the fast adaptive boundary attack).

    Croce and Hein, "Minimally Distorted Adversarial Examples with a Fast Adaptive Boundary
    Attack", 2020, arXiv 1907.02044. The nearest boundary is taken for a hyperplane, on which the
    iterate and the original are projected within the box of images; the step goes beyond a mean
    of both. From every adversarial image found, it goes back towards the original.

    With `targets`, this is FAB-T of arXiv 2003.01690: one run for each of the most likely other
    classes, which goes for the boundary of that class. It takes one gradient a step instead of
    `candidates` - 1. A `Targeted` goal takes one gradient too, of the boundary to the best other
    class, and needs no `targets`.

    Every step takes one forward pass besides, the final search of each run two more than its
    steps.

    Differs from the paper in that without `targets` only the most likely classes are candidates,
    that an image counts as adversarial only if its margin is above rounding, that an iterate on
    the boundary itself goes back towards the original too, and that every run ends with a search.

    Attributes:
        steps: steps of one run.
        norm: "linf" or "l2".
        restarts: runs; all but the first begin at a random point, at most half as far from the
            image as the best one found, or than 0.3 in L-inf and 1 in L2.
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

    def __post_init__(self):
        check_norm(self.norm, ("linf", "l2"))
        check_count(steps=self.steps, restarts=self.restarts, batch_size=self.batch_size)
        if self.targets is not None:
            check_count(targets=self.targets)
        check_candidates(self.candidates)
        if not (isinstance(self.final_search, int | np.integer) and self.final_search >= 0):
            raise ValueError(
                f"final_search is {self.final_search!r}; accepted: a whole number, 0 or more"
            )
        check_seed(self.seed)
        _check_between(0, 1, alpha_max=self.alpha_max, beta=self.beta)
        _check_between(1, math.inf, eta=self.eta)

    def _run(self, task: Task) -> Run:
        within = self._run_within(task)
        return lambda batch: within(batch, np.full(len(batch), -np.inf))

    def _run_within(self, task: Task) -> budget.Run:
        """The attack, which leaves an image as soon as it is adversarial within its epsilon.

        An image for which none is found within its epsilon gets the nearest that was found.
        """
        others = task.classifier.num_classes - 1

        def run(batch: Batch, epsilons: np.ndarray) -> Crafted:
            logits = task.classifier.logits(batch.images).numpy()
            found = _Found(batch, epsilons, left=~batch.goal.reached(logits))
            count = self.targets or (self.candidates or others + 1) - 1
            to_reach = rivals(batch.goal, logits, min(count, others))
            runs = [to_reach]
            if self.targets:
                runs = np.split(to_reach, to_reach.shape[1], axis=1)
            for restart in range(self.restarts):
                for target, classes in enumerate(runs):
                    if found.left.any():
                        self._one_run(task, found, classes, (restart, target))
            return Crafted(found.images, found.gradients, found.forwards)

        return run

    def _one_run(self, task: Task, found: "_Found", to_reach, key: tuple[int, int]) -> None:
        rows = np.flatnonzero(found.left)
        batch, to_reach = found.batch.take(rows), to_reach[rows]
        step = _compiled_step(task, self.norm, to_reach.shape[1], batch.goal)
        images = tf.constant(batch.images)
        left = [
            self._start(found, rows, key) if key[0] else images,
            images,
            tf.fill([len(rows)], math.inf),
            images,
            tf.constant(batch.goal.classes),
            tf.constant(to_reach),
        ]
        settings = batch.goal.sign, self.alpha_max, self.eta, self.beta
        remaining = task.remaining(len(rows))
        for _ in range(self.steps):
            left[:3] = step(*left, *settings)
            at = rows[remaining.rows_going]
            found.gradients[at] += to_reach.shape[1]
            found.forwards[at] += 1
            near = left[2].numpy() <= found.epsilons[rows[remaining.rows]]
            done = np.flatnonzero(near & remaining.going)
            if len(done):
                found.keep(rows[remaining.rows[done]], *(tf.gather(t, done) for t in left[1:3]))
                left = remaining.finish(done, *left)
                if not remaining:
                    return
        ended = np.flatnonzero(remaining.going & np.isfinite(left[2].numpy()))
        rows = rows[remaining.rows[ended]]
        _, best, shortest, *fixed, _ = (tf.gather(tensor, ended) for tensor in left)
        if self.final_search and len(rows):
            search = _compiled_search(task, self.norm, self.final_search)
            best, shortest = search(best, *fixed, batch.goal.sign)
            found.forwards[rows] += 2 + self.final_search
        found.keep(rows, best, shortest)

    def _start(self, found: "_Found", rows: np.ndarray, key: tuple[int, int]):
        """Points of the ball whose radius is half the distance of the best image so far."""
        batch = found.batch.take(rows)
        noise = ball_noise(batch.ids, batch.images.shape[1:], self.norm, (self.seed, *key))
        radii = np.minimum(found.distances[rows], _REACH[self.norm]) / 2
        noise *= radii.reshape(-1, *[1] * (noise.ndim - 1))
        return tf.constant(np.clip(batch.images + noise, 0, 1))


class _Found:
    """The best images of a batch, in the course of its runs.

    Attributes:
        images: [N, ...], the nearest adversarial ones; the originals where there is none.
        distances: float32 [N], theirs; infinite where there is none.
        left: bool [N], which images are still attacked.
        gradients, forwards: int64 [N], how many each image took.
    """

    def __init__(self, batch: Batch, epsilons: np.ndarray, left: np.ndarray):
        self.batch, self.epsilons, self.left = batch, epsilons, left
        self.images = batch.images.copy()
        self.distances = np.full(len(batch), np.inf, np.float32)
        self.gradients = np.zeros(len(batch), np.int64)
        self.forwards = np.ones(len(batch), np.int64)

    def keep(self, rows: np.ndarray, images, distances) -> None:
        nearer = distances.numpy() < self.distances[rows]
        rows = rows[nearer]
        self.images[rows] = images.numpy()[nearer]
        self.distances[rows] = distances.numpy()[nearer]
        self.left[rows] = self.distances[rows] > self.epsilons[rows]


def _check_between(low: float, high: float, **values: float) -> None:
    for name, value in values.items():
        if not (low <= value <= high and math.isfinite(value)):
            raise ValueError(f"{name} is {value!r}; accepted: a finite number from {low} to {high}")


def _margins(logits, classes, sign):
    """The margins [N], and by how much they may differ in another forward pass."""
    return margin(logits, classes, sign), 1e-5 * tf.reduce_max(tf.abs(logits), axis=1)


def _compiled_step(task: Task, norm: str, count: int, goal: Goal):
    targeted = isinstance(goal, Targeted)

    def make(logits_of):
        def step(current, best, shortest, images, classes, to_reach, sign, alpha_max, eta, beta):
            gaps, normals, _ = nearest_boundary(
                logits_of, current, classes, to_reach, norm, targeted
            )
            behind = tf.reduce_sum(flat(normals * (current - images)), axis=1)
            from_current = hyperplane_step(current, normals, gaps, norm)
            from_images = hyperplane_step(images, normals, gaps + behind, norm)
            own, others = (
                tf.maximum(lengths(way, norm), 1e-8) for way in (from_current, from_images)
            )
            alpha = per_image(tf.minimum(own / (own + others), alpha_max), images)
            moved = (1 - alpha) * (current + eta * from_current)
            moved = tf.clip_by_value(moved + alpha * (images + eta * from_images), 0.0, 1.0)

            margins, rounding = _margins(logits_of(moved), classes, sign)
            distances = lengths(moved - images, norm)
            better = (margins > rounding) & (distances < shortest)
            best = choose(better, moved, best)
            shortest = tf.where(better, distances, shortest)
            # On the boundary itself steps would stay there.
            back = margins > -rounding
            return choose(back, images + beta * (moved - images), moved), best, shortest

        return step

    images, scalar = task.classifier.batch_spec, tf.TensorSpec([], tf.float32)
    row = tf.TensorSpec([None], tf.float32)
    classes, to_reach = (tf.TensorSpec(shape, tf.int64) for shape in ([None], [None, count]))
    return task.classifier.compiled(
        f"fab {norm} {count} {targeted}",
        make,
        [images, images, row, images, classes, to_reach, *[scalar] * 4],
    )


def _compiled_search(task: Task, norm: str, steps: int):
    """Looks for where the margin vanishes on the way to adversarial images: false position."""

    def make(logits_of):
        def search(best, images, classes, sign):
            inner, outer = images, best
            below, _ = _margins(logits_of(inner), classes, sign)
            above, _ = _margins(logits_of(outer), classes, sign)
            for _ in range(steps):
                # A little beyond the zero, since what is found has to be adversarial.
                share = tf.math.divide_no_nan(0.01 * above - below, above - below)
                share = tf.clip_by_value(share, 0.0, 1.0)
                point = inner + per_image(share, images) * (outer - inner)
                margins, rounding = _margins(logits_of(point), classes, sign)
                reached = margins > rounding
                inner, outer = choose(reached, inner, point), choose(reached, point, outer)
                below = tf.where(reached, below, margins)
                above = tf.where(reached, margins, above)
            return outer, lengths(outer - images, norm)

        return search

    images = task.classifier.batch_spec
    return task.classifier.compiled(
        f"fab search {norm} {steps}",
        make,
        [images, images, tf.TensorSpec([None], tf.int64), tf.TensorSpec([], tf.float32)],
    )

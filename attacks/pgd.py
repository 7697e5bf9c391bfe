"""Projected gradient descent: start, step, project."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from cleverhans.tf2.utils import clip_eta

from attacks.engine.attack import Evaluations
from attacks.engine.draws import ball_noise
from attacks.engine.geometry import per_image
from attacks.engine.gradients import loss_gradient
from attacks.engine.iterations import Path, Step, iterate
from attacks.engine.losses import exact_cross_entropy
from attacks.engine.norms import ORDER, check_norm
from attacks.engine.restarts import BestOfRuns, check_restarts
from attacks.engine.shared_steps import SharedSteps
from attacks.engine.steps import linear_step
from attacks.engine.task import Batch, Crafted, Run, Task
from models.ranges import check_number, check_whole


class ProjectedSteps(SharedSteps):
    """What PGD and its relatives have in common: steps uphill, each projected on the ball."""

    clip: bool
    temperature: float
    batch_size: int
    #: The length of all steps together, in epsilons, where `step_size` is `None`.
    path: float

    climbs = "cross-entropy"

    def __post_init__(self) -> None:
        check_norm(self.norm, ("linf", "l2"))
        check_whole(steps=self.steps, batch_size=self.batch_size)
        check_number(above=0, temperature=self.temperature)
        if self.step_size is not None:
            check_number(above=0, step_size=self.step_size)

    def run_within(self, task: Task) -> Run:
        return partial(self.one_run, task, self.compiled(task))

    def most_of_run(self, classes: int, image_shape: tuple[int, ...]) -> Evaluations:
        return Evaluations(gradients=self.steps, forwards=0)

    def one_run(
        self, task: Task, step: Step, batch: Batch, epsilons: np.ndarray, restart: int = 0
    ) -> Crafted:
        """The steps from one start."""
        state, fixed, settings = self.arguments(batch, epsilons)
        return iterate(
            task,
            batch,
            step,
            state._replace(images=self.start(batch, fixed, restart)),
            fixed,
            settings,
            steps=self.steps,
            stop_at_success=self.stop_at_success,
        )

    def follow(self, task: Task, batch: Batch, epsilons: np.ndarray) -> Path:
        """What the first run does to each image, whether or not it would stop at success."""
        step = self.compiled(task)

        def points() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            state, fixed, settings = self.arguments(batch, epsilons)
            state = state._replace(images=self.start(batch, fixed, 0))
            for _ in range(self.steps):
                following, logits = step(state, fixed, settings)
                yield self._point(logits.numpy(), batch)
                state = following
            yield self._point(task.classifier.logits(state.images).numpy(), batch)

        return Path.of(points())

    def _point(self, logits: np.ndarray, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        loss = exact_cross_entropy(logits / np.float64(self.temperature), batch.goal)
        return loss, batch.goal.reached(logits)

    def start(self, batch: Batch, fixed: "Fixed", restart: int) -> tf.Tensor:
        """Where the steps start, [N, ...]."""
        return fixed.originals

    def compiled(self, task: Task) -> Step:
        return compiled_step(task, self.norm)

    def arguments(self, batch: Batch, epsilons: np.ndarray) -> tuple[Any, "Fixed", Any]:
        fixed = self.fixed(batch, epsilons)
        settings = Settings(batch.goal.sign, self.temperature, *bounds(self.clip))
        return State(fixed.originals), fixed, settings

    def fixed(self, batch: Batch, epsilons: np.ndarray) -> "Fixed":
        """With one absolute step size, or else one for each image."""
        step_sizes = self.path * epsilons / self.steps
        if self.step_size is not None:
            step_sizes = np.full(len(batch), self.step_size)
        return Fixed(
            originals=tf.constant(batch.images),
            classes=tf.constant(batch.goal.classes),
            epsilons=tf.constant(epsilons, tf.float32),
            step_sizes=tf.constant(step_sizes, tf.float32),
        )

    def reach(self, epsilon: float) -> float:
        return self.path * epsilon if self.step_size is None else self.steps * self.step_size


@dataclass(frozen=True)
class PGD(ProjectedSteps):
    """Repeated gradient steps, each projected on the epsilon ball (a budget attack).

    Step and projection are CleverHans' (see `steps.linear_step` for where they differ). Differs
    from the paper in that restarts are run only on images that no earlier one has broken.

    In a sweep, runs from the clean image with one absolute step size share their steps until
    the smaller ball is left. With steps x step_size below two epsilons, their results are the
    same images.

    Attributes:
        steps: gradient steps of one run.
        step_size: their length, in [0, 1] pixels; `None` for 2.5 x epsilon / steps, the
            paper's choice. If steps x step_size < epsilon the ball is never reached.
        norm: "linf" or "l2".
        random_start: start from a uniform draw of the ball, as the paper does, or else from the
            image.
        restarts: runs from different random starts; an image keeps the first that reaches
            its goal, else the one with the highest loss.
        stop_at_success: leave an image at the first iterate that reaches its goal.
        clip: whether adversarial images are clipped to [0, 1] after every step.
        temperature: what the logits are divided by before the loss.
        seed: of the random starts.
        batch_size: images per gradient.

    References:
        Madry, Makelov, Schmidt, Tsipras and Vladu, "Towards Deep Learning Models Resistant to
            Adversarial Attacks", ICLR 2018, https://arxiv.org/abs/1706.06083
    """

    steps: int = 40
    step_size: float | None = None
    norm: str = "linf"
    random_start: bool = True
    restarts: int = 1
    stop_at_success: bool = False
    clip: bool = True
    temperature: float = 1.0
    seed: int = 0
    batch_size: int = 128

    path = 2.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole(restarts=self.restarts)
        check_whole(least=0, seed=self.seed)
        check_restarts(self.restarts, self.random_start)

    def run_within(self, task: Task) -> Run:
        one_run = partial(self.one_run, task, self.compiled(task))

        def run(batch: Batch, epsilons: np.ndarray) -> Crafted:
            best = BestOfRuns(batch)
            for restart in range(self.restarts):
                rows = best.left
                if not len(rows):
                    break
                part = batch.take(rows)
                one = one_run(part, epsilons[rows], restart)
                logits = task.classifier.logits(one.images).numpy()
                best.count(rows, one.gradient_evaluations, forwards=1)
                loss = exact_cross_entropy(logits / np.float64(self.temperature), part.goal)
                best.keep(rows, one.images, loss, part.goal.reached(logits))
            return best.crafted()

        return one_run if self.restarts == 1 else run

    def most_of_run(self, classes: int, image_shape: tuple[int, ...]) -> Evaluations:
        judged = int(self.restarts > 1)
        return super().most_of_run(classes, image_shape).and_forwards(judged).times(self.restarts)

    def start(self, batch: Batch, fixed: "Fixed", restart: int) -> tf.Tensor:
        if not self.random_start:
            return fixed.originals
        noise = ball_noise(batch.ids, batch.images.shape[1:], self.norm, (self.seed, restart))
        bound = per_image(fixed.epsilons, fixed.originals)
        start = fixed.originals + clip_eta(bound * noise, ORDER[self.norm], bound)
        return tf.clip_by_value(start, *bounds(self.clip))

    @property
    def starts_clean(self) -> bool:
        return not self.random_start


class State(NamedTuple):
    """What a step changes."""

    images: tf.Tensor


class Fixed(NamedTuple):
    """What stays the same in all steps of a run, one entry per image."""

    originals: tf.Tensor
    classes: tf.Tensor
    epsilons: tf.Tensor
    step_sizes: tf.Tensor


class Settings(NamedTuple):
    """The scalars of a run; iterates are clipped to [low, high]."""

    sign: float
    temperature: float
    low: float
    high: float


def bounds(clip: bool) -> tuple[float, float]:
    return (0.0, 1.0) if clip else (-math.inf, math.inf)


def compiled_step(task: Task, norm: str) -> Callable:
    """One step for any epsilon, step size, temperature and clipping: one trace per model."""

    def make(logits_of: Callable) -> Callable:
        def step(state: State, fixed: Fixed, settings: Settings) -> tuple[State, tf.Tensor]:
            gradient, logits = loss_gradient(
                logits_of, state.images, fixed.classes, settings.sign, settings.temperature
            )
            moved = projected_step(
                state.images,
                gradient,
                fixed.originals,
                per_image(fixed.epsilons, fixed.originals),
                per_image(fixed.step_sizes, fixed.originals),
                norm,
                bounds=(settings.low, settings.high),
            )
            return State(moved), logits

        return step

    images, scalar = task.classifier.batch_spec, tf.TensorSpec([], tf.float32)
    per_row, classes = tf.TensorSpec([None], tf.float32), tf.TensorSpec([None], tf.int64)
    return task.classifier.compiled(
        f"pgd {norm}",
        make,
        [State(images), Fixed(images, classes, per_row, per_row), Settings(*[scalar] * 4)],
    )


def projected_step(
    current: tf.Tensor,
    gradient: tf.Tensor,
    images: tf.Tensor,
    epsilon: tf.Tensor | float,
    step_size: tf.Tensor | float,
    norm: str,
    bounds: tuple[tf.Tensor | float, tf.Tensor | float] = (0.0, 1.0),
) -> tf.Tensor:
    """A step of `step_size` up the gradient, projected on the ball around `images` [N, ...].

    `epsilon` and `step_size` are scalars or have a shape that broadcasts over the images.
    """
    moved = tf.clip_by_value(current + linear_step(gradient, step_size, norm), *bounds)
    perturbation = clip_eta(moved - images, ORDER[norm], epsilon)
    return tf.clip_by_value(images + perturbation, *bounds)

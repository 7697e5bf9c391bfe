"""Projected gradient descent."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from cleverhans.tf2.utils import clip_eta
from scipy.special import logsumexp

from attacks.engine.budget import BudgetAttack, iterate
from attacks.engine.draws import ball_noise
from attacks.engine.geometry import per_image
from attacks.engine.gradients import loss_gradient
from attacks.engine.norms import ORDER, check_norm
from attacks.engine.steps import linear_step
from attacks.engine.task import Batch, Crafted, Run, Task
from models.ranges import check_number, check_whole


@dataclass(frozen=True)
class PGD(BudgetAttack):
    """Repeated gradient steps, each projected on the epsilon ball (a budget attack).

    Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", 2018,
    arXiv 1706.06083. Step and projection are CleverHans' (see `steps.linear_step` for where they
    differ). Differs from the paper in that restarts are run only on images that no earlier one
    has broken.

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

    climbs = "cross-entropy"
    _path = 2.5  # of all steps together, in epsilons, where no step size is given

    def __post_init__(self):
        check_norm(self.norm, ("linf", "l2"))
        check_whole(steps=self.steps, restarts=self.restarts, batch_size=self.batch_size)
        check_number(above=0, temperature=self.temperature)
        if self.step_size is not None:
            check_number(above=0, step_size=self.step_size)
        check_whole(least=0, seed=self.seed)
        if self.restarts > 1 and not self.random_start:
            raise ValueError(
                f"restarts is {self.restarts} without random_start; accepted: restarts=1, "
                "or random_start=True (every run would be the same)"
            )

    def run_within(self, task: Task) -> Run:
        step = _compiled_step(task, self.norm)

        def run(batch: Batch, epsilons: np.ndarray) -> Crafted:
            if self.restarts == 1:
                return self._one_run(task, step, batch, epsilons, restart=0)
            return self._worst_of_restarts(task, step, batch, epsilons)

        return run

    def _one_run(self, task: Task, step, batch: Batch, epsilons, restart: int) -> Crafted:
        fixed = self._fixed(batch, epsilons)
        current = fixed.images
        if self.random_start:
            noise = ball_noise(batch.ids, batch.images.shape[1:], self.norm, (self.seed, restart))
            bound = per_image(fixed.epsilons, current)
            current = current + clip_eta(bound * noise, ORDER[self.norm], bound)
            current = tf.clip_by_value(current, *self._bounds)
        return iterate(
            task,
            batch,
            step,
            self.steps,
            state=[current],
            fixed=fixed,
            settings=self._settings(batch),
            stop_at_success=self.stop_at_success,
        )

    def _worst_of_restarts(self, task: Task, step, batch: Batch, epsilons) -> Crafted:
        images = batch.images.copy()
        highest = np.full(len(batch), -np.inf)
        gradients, forwards = np.zeros((2, len(batch)), np.int64)
        left = np.arange(len(batch))
        for restart in range(self.restarts):
            part = batch.take(left)
            found = self._one_run(task, step, part, epsilons[left], restart)
            logits = task.classifier.logits(found.images).numpy()
            gradients[left] += found.gradient_evaluations
            forwards[left] += 1
            success = part.goal.reached(logits)
            loss = np.where(success, np.inf, self._loss(part, logits))
            better = loss > highest[left]
            images[left[better]] = found.images[better]
            highest[left] = np.maximum(highest[left], loss)
            left = left[~success]
            if not len(left):
                break
        return Crafted(images, gradients, forwards)

    def sweep_batch(
        self, task: Task, run: Run, batch: Batch, epsilons: list[float]
    ) -> list[Crafted]:
        if not self._shares_steps:
            return super().sweep_batch(task, run, batch, epsilons)
        return self._shared_runs(_compiled_step(task, self.norm), batch, epsilons)

    def plateau(self, image_shape: tuple[int, ...]) -> float:
        """What the steps cannot reach, where the runs of a sweep share them."""
        if not self._shares_steps:
            return math.inf
        return self.steps * self._longest_step(math.prod(image_shape))

    @property
    def _shares_steps(self) -> bool:
        return not (self.random_start or self.stop_at_success or self.step_size is None)

    def _shared_runs(self, step, batch: Batch, epsilons: list[float]) -> list[Crafted]:
        """The runs of ascending epsilons, as branches of the run of the largest."""
        settings = self._settings(batch)
        fixed = self._fixed(batch, np.full(len(batch), epsilons[-1]))
        trunk, done = fixed.images, 0
        crafted: list[Crafted] = []
        for epsilon in epsilons:
            free = self._free_steps(epsilon, math.prod(batch.images.shape[1:]))
            for _ in range(free - done):
                trunk, _ = step(trunk, *fixed, *settings)
            done = max(done, free)
            branch = trunk
            own = fixed._replace(epsilons=tf.fill([len(batch)], np.float32(epsilon)))
            for _ in range(self.steps - free):
                branch, _ = step(branch, *own, *settings)
            gradients = np.full(len(batch), self.steps)
            crafted.append(Crafted(branch.numpy(), gradients, 0 * gradients))
        return crafted

    def _free_steps(self, epsilon: float, values: int) -> int:
        """Steps from the clean image that surely stay inside the ball, rounding included."""
        longest = self._longest_step(values)
        free = 0
        while free < self.steps and (free + 1) * longest < epsilon:
            free += 1
        return free

    def _longest_step(self, values: int) -> float:
        """How far a step may lead, rounding included."""
        rounding = 2.4e-7
        if self.norm == "l2":  # of every value of an image, and of the norms computed
            rounding = rounding * math.sqrt(values) + 1e-5 * self.step_size
        return self.step_size + rounding

    def _fixed(self, batch: Batch, epsilons: np.ndarray) -> "_Fixed":
        if self.step_size is None:
            step_sizes = self._path * epsilons / self.steps
        else:
            step_sizes = np.full(len(batch), self.step_size)
        return _Fixed(
            tf.constant(batch.images),
            tf.constant(batch.goal.classes),
            tf.constant(epsilons, tf.float32),
            tf.constant(step_sizes, tf.float32),
        )

    def _loss(self, batch: Batch, logits: np.ndarray) -> np.ndarray:
        """The loss that the steps climb, float64 [N]."""
        scaled = logits.astype(np.float64) / self.temperature
        chosen = np.take_along_axis(scaled, batch.goal.classes[:, None], axis=1)[:, 0]
        return batch.goal.sign * (logsumexp(scaled, axis=1) - chosen)

    def _settings(self, batch: Batch) -> tuple[float, ...]:
        return batch.goal.sign, self.temperature, *self._bounds

    @property
    def _bounds(self) -> tuple[float, float]:
        return (0.0, 1.0) if self.clip else (-math.inf, math.inf)


class _Fixed(NamedTuple):
    """What stays the same in all steps of a run, one entry per image."""

    images: tf.Tensor
    classes: tf.Tensor
    epsilons: tf.Tensor
    step_sizes: tf.Tensor


def projected_step(current, gradient, images, epsilon, step_size, norm: str, bounds=(0.0, 1.0)):
    """A step of `step_size` up the gradient, projected on the ball around `images` [N, ...].

    `epsilon` and `step_size` are scalars or have a shape that broadcasts over the images.
    """
    moved = tf.clip_by_value(current + linear_step(gradient, step_size, norm), *bounds)
    perturbation = clip_eta(moved - images, ORDER[norm], epsilon)
    return tf.clip_by_value(images + perturbation, *bounds)


def _compiled_step(task: Task, norm: str):
    """One step for any epsilon, step size, temperature and clipping: one trace per model."""

    def make(logits_of):
        def step(current, images, classes, epsilons, step_sizes, sign, temperature, low, high):
            gradient, logits = loss_gradient(logits_of, current, classes, sign, temperature)
            step_size, epsilon = per_image(step_sizes, images), per_image(epsilons, images)
            moved = projected_step(
                current, gradient, images, epsilon, step_size, norm, bounds=(low, high)
            )
            return moved, logits

        return step

    images, scalar = task.classifier.batch_spec, tf.TensorSpec([], tf.float32)
    per_row = tf.TensorSpec([None], tf.float32)
    return task.classifier.compiled(
        f"pgd {norm}",
        make,
        [images, images, tf.TensorSpec([None], tf.int64), per_row, per_row, *[scalar] * 4],
    )

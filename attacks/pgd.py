"""Projected gradient descent."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from cleverhans.tf2.utils import clip_eta, optimize_linear
from scipy.special import logsumexp

from attacks.engine import (
    Batch,
    Crafted,
    Progress,
    Task,
    ball_noise,
    budget_sweep,
    check_count,
    check_positive,
)
from attacks.gradients import loss_gradient
from attacks.norms import ORDER, check_norm
from attacks.result import AttackResult


@dataclass(frozen=True)
class PGD:
    """Repeated gradient steps, each projected on the epsilon ball (a budget attack).

    Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", 2018,
    arXiv 1706.06083; without a random start, the basic iterative method of Kurakin et al.,
    2017, arXiv 1607.02533. Step and projection are CleverHans'. Differs from the paper in
    that restarts are run only on images that no earlier one has broken.

    Attributes:
        steps: gradient steps of one run.
        step_size: their length, in [0, 1] pixels; `None` for 2.5 x epsilon / steps, the
            paper's choice. If steps x step_size < epsilon the ball is never reached.
        norm: "linf" or "l2".
        random_start: start from a uniform draw of the ball instead of the image.
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
    random_start: bool = False
    restarts: int = 1
    stop_at_success: bool = False
    clip: bool = True
    temperature: float = 1.0
    seed: int = 0
    batch_size: int = 128

    def __post_init__(self):
        check_norm(self.norm, ("linf", "l2"))
        check_count(steps=self.steps, restarts=self.restarts, batch_size=self.batch_size)
        check_positive(temperature=self.temperature)
        if self.step_size is not None:
            check_positive(step_size=self.step_size)
        if not (isinstance(self.seed, int | np.integer) and self.seed >= 0):
            raise ValueError(f"seed is {self.seed!r}; accepted: a whole number, 0 or more")
        if self.restarts > 1 and not self.random_start:
            raise ValueError(
                f"restarts is {self.restarts} without random_start; accepted: restarts=1, "
                "or random_start=True (every run would be the same)"
            )

    def __call__(self, model, images, labels=None, *, epsilon: float, **options) -> AttackResult:
        """Attacks `images` within `epsilon`; see `sweep`."""
        return self.sweep(model, images, labels, epsilons=[epsilon], **options)[0]

    def sweep(
        self,
        model,
        images,
        labels=None,
        *,
        epsilons: Sequence[float],
        ids=None,
        progress: Progress | None = None,
    ) -> list[AttackResult]:
        """Attacks at every epsilon; what their runs have in common is computed once.

        Runs from the clean image with one absolute step size agree until the smaller ball is
        left. With steps x step_size below two epsilons, their results are the same images.

        Args:
            model: a Keras model or callable that gives logits [N, classes].
            images: float [N, ...] in [0, 1].
            labels: true classes, int [N]; `None` for the model's predictions; or a goal.
            epsilons: distances in [0, 1] pixels.
            ids: int [N], what the random start of an image is keyed by (default: its index).
            progress: called with (images done, images in all).

        Raises:
            ValueError: naming the argument, its value and what is accepted.
        """
        task = Task(model, images, labels, ids, self.batch_size)
        step = _compiled_step(task, self.norm)
        shares = not (self.random_start or self.stop_at_success or self.step_size is None)

        def craft(batch: Batch, epsilons: list[float]) -> list[Crafted]:
            if shares:
                return self._shared_runs(step, batch, epsilons)
            return [self._worst_of_restarts(task, step, batch, epsilon) for epsilon in epsilons]

        return budget_sweep(task, epsilons, self.norm, craft, progress)

    def _shared_runs(self, step, batch: Batch, epsilons: list[float]) -> list[Crafted]:
        """The runs of ascending epsilons, as branches of the run of the largest."""
        trunk = tf.constant(batch.images)
        done = 0
        crafted = []
        for epsilon in epsilons:
            free = self._free_steps(epsilon, math.prod(batch.images.shape[1:]))
            for _ in range(free - done):
                trunk, _ = self._step(step, batch, trunk, epsilons[-1])
            done = max(done, free)
            branch = trunk
            for _ in range(self.steps - free):
                branch, _ = self._step(step, batch, branch, epsilon)
            crafted.append(self._crafted(branch.numpy(), self.steps))
        return crafted

    def _free_steps(self, epsilon: float, values: int) -> int:
        """Steps from the clean image that surely stay inside the ball, rounding included."""
        rounding = 2.4e-7
        if self.norm == "l2":  # of every value of an image, and of the norms computed
            rounding = rounding * math.sqrt(values) + 1e-5 * self.step_size
        free = 0
        while free < self.steps and (free + 1) * (self.step_size + rounding) < epsilon:
            free += 1
        return free

    def _worst_of_restarts(self, task: Task, step, batch: Batch, epsilon: float) -> Crafted:
        count = len(batch.images)
        images = batch.images.copy()
        highest = np.full(count, -np.inf)
        gradients = np.zeros(count, np.int64)
        forwards = np.zeros(count, np.int64)
        left = np.arange(count)
        for restart in range(self.restarts):
            part = Batch(batch.images[left], batch.goal.take(left), batch.ids[left])
            found, used = self._run(step, part, epsilon, restart)
            gradients[left] += used
            if self.restarts == 1:
                return Crafted(found, gradients, forwards)
            logits = task.classifier.logits(found).numpy()
            forwards[left] += 1
            success = part.goal.reached(logits)
            loss = np.where(success, np.inf, self._loss(part, logits))
            better = loss > highest[left]
            images[left[better]] = found[better]
            highest[left] = np.maximum(highest[left], loss)
            left = left[~success]
            if not len(left):
                break
        return Crafted(images, gradients, forwards)

    def _run(self, step, batch: Batch, epsilon: float, restart: int):
        """One run from one start: adversarial images and the gradients each one took."""
        current = tf.constant(batch.images)
        if self.random_start:
            noise = ball_noise(batch.ids, batch.images.shape[1:], self.norm, (self.seed, restart))
            noise = tf.constant(epsilon * noise)
            current = current + clip_eta(noise, ORDER[self.norm], epsilon)
            current = tf.clip_by_value(current, *self._bounds)
        if not self.stop_at_success:
            for _ in range(self.steps):
                current, _ = self._step(step, batch, current, epsilon)
            return current.numpy(), self.steps

        # Images that are done leave the working batch, so cost follows the hard ones.
        images = batch.images.copy()
        used = np.zeros(len(images), np.int64)
        left = np.arange(len(images))
        for _ in range(self.steps):
            following, logits = self._step(step, batch, current, epsilon)
            used[left] += 1
            going = ~batch.goal.reached(logits.numpy())
            if not going.all():
                images[left[~going]] = current.numpy()[~going]
                left = left[going]
                if not len(left):
                    return images, used
                batch = Batch(batch.images[going], batch.goal.take(going), batch.ids[going])
                following = tf.boolean_mask(following, going)
            current = following
        images[left] = current.numpy()
        return images, used

    def _step(self, step, batch: Batch, current, epsilon: float):
        step_size = 2.5 * epsilon / self.steps if self.step_size is None else self.step_size
        return step(
            batch.images,
            current,
            batch.goal.classes,
            batch.goal.sign,
            epsilon,
            step_size,
            self.temperature,
            *self._bounds,
        )

    def _loss(self, batch: Batch, logits: np.ndarray) -> np.ndarray:
        """The loss that the steps climb, float64 [N]."""
        scaled = logits.astype(np.float64) / self.temperature
        chosen = np.take_along_axis(scaled, batch.goal.classes[:, None], axis=1)[:, 0]
        return batch.goal.sign * (logsumexp(scaled, axis=1) - chosen)

    @property
    def _bounds(self) -> tuple[float, float]:
        return (0.0, 1.0) if self.clip else (-math.inf, math.inf)

    def _crafted(self, images: np.ndarray, gradients: int) -> Crafted:
        count = np.full(len(images), gradients, np.int64)
        return Crafted(images, count, np.zeros_like(count))


def _compiled_step(task: Task, norm: str):
    """One step for any epsilon, step size, temperature and clipping: one trace per model."""
    order = ORDER[norm]
    images, scalar = task.classifier.batch_spec, tf.TensorSpec([], tf.float32)

    def make(logits_of):
        def step(images, current, classes, sign, epsilon, step_size, temperature, low, high):
            gradient, logits = loss_gradient(logits_of, current, classes, sign, temperature)
            moved = tf.clip_by_value(
                current + optimize_linear(gradient, step_size, order), low, high
            )
            perturbation = clip_eta(moved - images, order, epsilon)
            return tf.clip_by_value(images + perturbation, low, high), logits

        return step

    classes = tf.TensorSpec([None], tf.int64)
    return task.classifier.compiled(f"pgd {norm}", make, [images, images, classes, *[scalar] * 6])

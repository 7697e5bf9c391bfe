"""Projected gradient descent that finds its own step sizes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from attacks.engine.attack import Evaluations
from attacks.engine.auto_steps import (
    Fixed,
    Settings,
    State,
    compiled_step,
    judged,
    loss_named,
    project,
)
from attacks.engine.budget import BudgetAttack
from attacks.engine.draws import ball_noise
from attacks.engine.geometry import choose, per_image
from attacks.engine.iterations import Path
from attacks.engine.losses import BY_NAME, is_reached
from attacks.engine.norms import check_norm
from attacks.engine.remaining import take
from attacks.engine.restarts import BestOfRuns, check_restarts
from attacks.engine.task import Batch, Crafted, Run, Task
from attacks.goals import Targeted
from models.ranges import check_number, check_whole


@dataclass(frozen=True)
class APGD(BudgetAttack):
    """Auto-PGD: steps with momentum, halved where they no longer help (a budget attack).

    The first step size is two epsilon. What comes back is the iterate of highest loss among those
    that reach the goal, else among all. Later runs are made only on images that no earlier one has
    broken. Images are always clipped to [0, 1].

    Differs from the paper in two points. A return to the best point takes the place of the
    iterate at the checkpoint (as in the authors' code), not of the one after it. The step from
    there counts as an increase only if it raises the best loss.

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
        draws: passes whose gradients are averaged in each step, for a model that is random at
            inference (expectation over transformation). Losses and success are those of the first.
        seed: of the random starts.
        batch_size: images per gradient.

    References:
        Croce and Hein, "Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse
            Parameter-free Attacks", ICML 2020, https://arxiv.org/abs/2003.01690, algorithm 1
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
    draws: int = 1
    seed: int = 0
    batch_size: int = 128

    def __post_init__(self) -> None:
        check_norm(self.norm, ("linf", "l2"))
        check_whole(
            steps=self.steps,
            restarts=self.restarts,
            draws=self.draws,
            batch_size=self.batch_size,
        )
        check_number(above=0, temperature=self.temperature)
        check_number(above=0, most=1, momentum=self.momentum, rho=self.rho)
        check_whole(least=0, seed=self.seed)
        if self.loss not in BY_NAME:
            raise ValueError(f"loss is {self.loss!r}; accepted: {', '.join(map(repr, BY_NAME))}")
        if self.targets is not None:
            check_whole(targets=self.targets)
            if self.loss != "dlr":
                raise ValueError(f"loss is {self.loss!r} with targets; accepted: 'dlr'")
        check_restarts(self.restarts, self.random_start)

    @property
    def climbs(self) -> str:
        return self.loss

    def run_within(self, task: Task) -> Run:
        self._check_task(task)
        step = self._step(task)

        def run(batch: Batch, epsilons: np.ndarray) -> Crafted:
            best = BestOfRuns(batch)
            rivals = self._rivals(task, batch)
            if self.targets is not None:
                best.count(best.left, forwards=1)  # to rank the classes
            for rank, restart in product(range(len(rivals)), range(self.restarts)):
                rows = best.left
                if not len(rows):
                    break
                towards = rivals[rank][rows]
                one = self._one_run(
                    task, step, batch.take(rows), towards, epsilons[rows], key=(restart, rank)
                )
                best.count(rows, one.gradients, one.forwards)
                best.keep(rows, one.images, one.losses, one.success)
            return best.crafted()

        return run

    def most_of_run(self, classes: int, image_shape: tuple[int, ...]) -> Evaluations:
        runs = self.restarts * min(self.targets or 1, classes - 1)
        one = Evaluations(gradients=self.steps * self.draws, forwards=1)
        return one.times(runs).and_forwards(int(self.targets is not None))

    def zero_gradient(self, task: Task, batch: Batch) -> np.ndarray:
        """Images at which no pixel changes the loss (of the first run), bool [N].

        It takes a gradient of each image, by the step that attacks are made of.
        """
        fixed = self._fixed(batch, self._rivals(task, batch)[0], np.zeros(len(batch)))
        state = State.at_start(fixed.images, fixed.epsilons)
        state = self._step(task)(state, fixed, next(self._settings(batch.goal.sign)))
        at_rest = (state.best_gradient.numpy() == 0).reshape(len(batch), -1).all(axis=1)
        return at_rest & np.isfinite(state.best_loss.numpy())

    def _step(self, task: Task) -> Callable:
        towards = self.targets is not None
        return compiled_step(task, self.norm, self.loss, towards, self.draws)

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

    def _one_run(
        self,
        task: Task,
        step: Callable,
        batch: Batch,
        rivals: np.ndarray,
        epsilons: np.ndarray,
        key: tuple[int, int],
    ) -> "_Run":
        """A run towards `rivals` [N], if there are any, from the random start of this key."""
        fixed = self._fixed(batch, rivals, epsilons)
        state = State.at_start(self._start(batch, fixed, key), fixed.epsilons)
        run = _Run.at_start(batch)
        remaining = task.remaining(len(batch))
        for count, settings in enumerate(self._settings(batch.goal.sign), 1):
            state = step(state, fixed, settings)
            if not self.stop_at_success:
                continue
            found = _Found(state.successful, state.success_loss, state.best_loss)
            if remaining.note(state.success_loss, found) or count == self.steps:
                rows, done = remaining.look(lambda losses: losses > -np.inf)
                if len(rows):
                    run.end(rows, done)
                    state, fixed = remaining.left(state, fixed)
                    if not remaining:
                        break
        steps = remaining.steps if self.stop_at_success else self.steps
        run.gradients += self.draws * steps
        if not remaining:
            return run
        state = self._judge_last(task, state, fixed, batch.goal.sign)
        run.forwards[remaining.rows_going] += 1
        run.end(remaining.rows_going, take(_Found.of(state), np.flatnonzero(remaining.going)))
        return run

    def _settings(self, sign: float) -> Iterator[Settings]:
        """Of each step."""
        reviews, last = checkpoints(self.steps), 0
        for count in range(self.steps):
            yield Settings(
                sign=sign,
                temperature=self.temperature,
                rho=self.rho,
                share=self.momentum if count else 1.0,
                reviews=count in reviews,
                window=float(count - last),
            )
            last = count if count in reviews else last

    def follow(self, task: Task, batch: Batch, epsilons: np.ndarray) -> Path:
        """What the first run does to each image: the highest loss so far, and any success."""
        step = self._step(task)
        fixed = self._fixed(batch, self._rivals(task, batch)[0], epsilons)

        def points() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            state = State.at_start(self._start(batch, fixed, (0, 0)), fixed.epsilons)
            for settings in self._settings(batch.goal.sign):
                state = step(state, fixed, settings)
                yield state.best_loss.numpy(), state.success_loss.numpy() > -np.inf
            state = self._judge_last(task, state, fixed, batch.goal.sign)
            yield state.best_loss.numpy(), state.success_loss.numpy() > -np.inf

        return Path.of(points())

    def _fixed(self, batch: Batch, rivals: np.ndarray, epsilons: np.ndarray) -> Fixed:
        return Fixed(
            images=tf.constant(batch.images),
            classes=tf.constant(batch.goal.classes),
            rivals=tf.constant(rivals),
            epsilons=tf.constant(epsilons, tf.float32),
        )

    def _start(self, batch: Batch, fixed: Fixed, key: tuple[int, int]) -> tf.Tensor:
        """Where a run begins, float32 [N, ...]."""
        if not self.random_start:
            return fixed.images
        noise = ball_noise(batch.ids, batch.images.shape[1:], self.norm, (self.seed, *key))
        bound = per_image(fixed.epsilons, fixed.images)
        return project(fixed.images + bound * noise, fixed, self.norm)

    def _judge_last(self, task: Task, state: State, fixed: Fixed, sign: float) -> State:
        """`state` after a look at where the last step has led."""
        logits = task.classifier.logits(state.current)
        loss_of = loss_named(self.loss, fixed.rivals if self.targets else None)
        loss = loss_of(logits / self.temperature, fixed.classes, sign)
        return judged(state, loss, is_reached(logits, fixed.classes, sign))


def checkpoints(steps: int) -> list[int]:
    """The iterates at which step sizes are reviewed, as shares of all: 0, 0.22, 0.41, ...

    The intervals shrink by 0.03 each, down to 0.06.
    """
    percent, interval, counts = 0, 22, []
    while percent < 100:
        counts.append(-(-percent * steps // 100))
        percent, interval = percent + interval, max(interval - 3, 6)
    return sorted({count for count in counts if count < steps})


@dataclass
class _Run:
    """What one run gives, one entry per image; filled as images leave the run.

    Attributes:
        images: the iterates of highest loss among those that reach the goal, else among all.
        success: whether the goal is reached.
        losses: the highest of all.
        gradients, forwards: how many the run took.
    """

    images: np.ndarray
    success: np.ndarray
    losses: np.ndarray
    gradients: np.ndarray
    forwards: np.ndarray

    @classmethod
    def at_start(cls, batch: Batch) -> "_Run":
        count = len(batch)
        return cls(
            images=batch.images.copy(),
            success=np.zeros(count, bool),
            losses=np.zeros(count),
            gradients=np.zeros(count, np.int64),
            forwards=np.zeros(count, np.int64),
        )

    def end(self, rows: np.ndarray, found: "_Found") -> None:
        """Takes over what was found of the images at `rows`."""
        self.images[rows] = found.images.numpy()
        self.success[rows] = found.success_loss.numpy() > -np.inf
        self.losses[rows] = found.best_loss.numpy()


class _Found(NamedTuple):
    """What a run has come to, one entry per image; `images` are what it gives."""

    images: tf.Tensor
    success_loss: tf.Tensor
    best_loss: tf.Tensor

    @classmethod
    def of(cls, state: State) -> "_Found":
        images = choose(state.success_loss > -np.inf, state.successful, state.best)
        return cls(images, state.success_loss, state.best_loss)

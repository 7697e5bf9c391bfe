"""Runs within several epsilons that share their first steps."""

import math
from abc import abstractmethod
from typing import Any

import numpy as np

from attacks.engine.budget import BudgetAttack
from attacks.engine.iterations import Step
from attacks.engine.task import Batch, Crafted, Run, Task


class SharedSteps(BudgetAttack):
    """A budget attack whose runs from one state take the same steps until they leave a ball.

    That is so for steps of one absolute size, if no image leaves at its first success. In a sweep
    the runs are then branches of the run within the largest epsilon, and beyond what all steps
    together reach their results are the same images.
    """

    steps: int
    step_size: float | None
    norm: str
    stop_at_success: bool

    @property
    def starts_clean(self) -> bool:
        """Whether runs start at the clean image."""
        return True

    @abstractmethod
    def compiled(self, task: Task) -> Step:
        """The step, compiled."""

    @abstractmethod
    def arguments(self, batch: Batch, epsilons: np.ndarray) -> tuple[Any, Any, Any]:
        """Of the first step: state, fixed and settings, see `engine.iterations.Step`."""

    def sweep_batch(
        self, task: Task, run: Run, batch: Batch, epsilons: list[float]
    ) -> list[Crafted]:
        if not self._shares_steps:
            return super().sweep_batch(task, run, batch, epsilons)
        step = self.compiled(task)

        def after(state: Any, epsilon: float, count: int) -> Any:
            _, fixed, settings = self.arguments(batch, np.full(len(batch), epsilon))
            for _ in range(count):
                state, _ = step(state, fixed, settings)
            return state

        trunk, _, _ = self.arguments(batch, np.zeros(len(batch)))
        done = 0
        crafted = []
        for epsilon in epsilons:
            free = self._free_steps(epsilon, batch.images.shape[1:])
            trunk, done = after(trunk, epsilons[-1], free - done), free
            images = after(trunk, epsilon, self.steps - free).images.numpy()
            # Counted as if the runs shared nothing.
            gradients = np.full(len(images), self.steps)
            crafted.append(Crafted(images, gradients, np.zeros_like(gradients)))
        return crafted

    def plateau(self, image_shape: tuple[int, ...]) -> float:
        if not self._shares_steps:
            return math.inf
        return self.steps * self._longest_step(image_shape)

    @property
    def _shares_steps(self) -> bool:
        return self.step_size is not None and self.starts_clean and not self.stop_at_success

    def _free_steps(self, epsilon: float, image_shape: tuple[int, ...]) -> int:
        """How many steps from the clean image surely stay inside the ball of an epsilon."""
        longest = self._longest_step(image_shape)
        free = 0
        while free < self.steps and (free + 1) * longest < epsilon:
            free += 1
        return free

    def _longest_step(self, image_shape: tuple[int, ...]) -> float:
        """How far a step may lead, rounding included."""
        assert self.step_size is not None  # see `_shares_steps`
        rounding = 2.4e-7
        if self.norm == "l2":  # of every value of an image, and of the norms computed
            rounding = rounding * math.sqrt(math.prod(image_shape)) + 1e-5 * self.step_size
        return self.step_size + rounding

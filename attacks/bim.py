"""The basic iterative method."""

from dataclasses import dataclass

import numpy as np

from attacks.engine.budget import BudgetAttack
from attacks.engine.iterations import iterate
from attacks.engine.norms import check_norm
from attacks.engine.task import Batch, Crafted, Run, Task
from attacks.pgd import (
    Fixed,
    Settings,
    State,
    compiled_step,
    edge_of_steps,
    shared_runs,
    shares_steps,
)
from models.ranges import check_number, check_whole


@dataclass(frozen=True)
class BIM(BudgetAttack):
    """FGSM in small steps: PGD from the clean image with the paper's step (a budget attack).

    Kurakin, Goodfellow and Bengio, "Adversarial Examples in the Physical World", 2017,
    arXiv 1607.02533. The paper takes min(epsilon + 4, 1.25 epsilon) steps of one grey level.
    Differs in that the number of steps is given, and the step follows from the path of
    1.25 epsilon. In a sweep, steps of one absolute size are shared as those of PGD are.

    Attributes:
        steps: gradient steps.
        step_size: their length, in [0, 1] pixels; `None` for 1.25 x epsilon / steps.
        norm: "linf" or "l2" (the paper has L-inf only).
        stop_at_success: leave an image at the first iterate that reaches its goal.
        clip: whether adversarial images are clipped to [0, 1] after every step.
        temperature: what the logits are divided by before the loss.
        batch_size: images per gradient.
    """

    steps: int = 10
    step_size: float | None = None
    norm: str = "linf"
    stop_at_success: bool = False
    clip: bool = True
    temperature: float = 1.0
    batch_size: int = 128

    climbs = "cross-entropy"

    def __post_init__(self) -> None:
        check_norm(self.norm, ("linf", "l2"))
        check_whole(steps=self.steps, batch_size=self.batch_size)
        check_number(above=0, temperature=self.temperature)
        if self.step_size is not None:
            check_number(above=0, step_size=self.step_size)

    def run_within(self, task: Task) -> Run:
        step = compiled_step(task, self.norm)

        def run(batch: Batch, epsilons: np.ndarray) -> Crafted:
            fixed = Fixed.of(batch, epsilons, self.step_size, 1.25 * epsilons / self.steps)
            return iterate(
                task,
                batch,
                step,
                State(fixed.originals),
                fixed,
                Settings.of(self, batch),
                steps=self.steps,
                stop_at_success=self.stop_at_success,
            )

        return run

    def sweep_batch(
        self, task: Task, run: Run, batch: Batch, epsilons: list[float]
    ) -> list[Crafted]:
        if not shares_steps(self):
            return super().sweep_batch(task, run, batch, epsilons)
        return shared_runs(self, compiled_step(task, self.norm), batch, epsilons)

    def plateau(self, image_shape: tuple[int, ...]) -> float:
        """What the steps cannot reach, where the runs of a sweep share them."""
        return edge_of_steps(self, image_shape)

"""The basic iterative method."""

from dataclasses import dataclass

from attacks.engine.budget import BudgetAttack
from attacks.engine.task import Batch, Crafted, Run, Task
from attacks.pgd import PGD


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

    def __post_init__(self):
        self._pgd  # noqa: B018 - which checks the attributes

    @property
    def _pgd(self) -> PGD:
        return _BasicIterations(
            steps=self.steps,
            step_size=self.step_size,
            norm=self.norm,
            random_start=False,
            stop_at_success=self.stop_at_success,
            clip=self.clip,
            temperature=self.temperature,
            batch_size=self.batch_size,
        )

    def run_within(self, task: Task) -> Run:
        return self._pgd.run_within(task)

    def sweep_batch(
        self, task: Task, run: Run, batch: Batch, epsilons: list[float]
    ) -> list[Crafted]:
        return self._pgd.sweep_batch(task, run, batch, epsilons)

    def plateau(self, image_shape: tuple[int, ...]) -> float:
        return self._pgd.plateau(image_shape)


class _BasicIterations(PGD):
    """PGD with the path of the basic iterative method."""

    _path = 1.25

"""The basic iterative method."""

from dataclasses import dataclass

from attacks.pgd import ProjectedSteps


@dataclass(frozen=True)
class BIM(ProjectedSteps):
    """FGSM in small steps: PGD from the clean image with the paper's step (a budget attack).

    The paper takes min(epsilon + 4, 1.25 epsilon) steps of one grey level. Differs in that the
    number of steps is given, and the step follows from the path of 1.25 epsilon. In a sweep, steps
    of one absolute size are shared as those of PGD are.

    Attributes:
        steps: gradient steps.
        step_size: their length, in [0, 1] pixels; `None` for 1.25 x epsilon / steps.
        norm: "linf" or "l2" (the paper has L-inf only).
        stop_at_success: leave an image at the first iterate that reaches its goal.
        clip: whether adversarial images are clipped to [0, 1] after every step.
        temperature: what the logits are divided by before the loss.
        batch_size: images per gradient.

    References:
        Kurakin, Goodfellow and Bengio, "Adversarial Examples in the Physical World", 2017,
            https://arxiv.org/abs/1607.02533
    """

    steps: int = 10
    step_size: float | None = None
    norm: str = "linf"
    stop_at_success: bool = False
    clip: bool = True
    temperature: float = 1.0
    batch_size: int = 128

    path = 1.25

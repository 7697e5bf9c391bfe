"""What an attack returns."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from attacks.engine.norms import distances
from attacks.ensemble_log import EnsembleLog
from attacks.goals import Goal, are_finite

#: Images whose distances are measured at once: in float64 they take twice their memory.
_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class AttackResult:
    """The outcome of one attack, image by image.

    Attributes:
        images: float32 [N, ...], the adversarial images; always finite.
        originals: float32 [N, ...], the images they were made from. Where these were float32
            already it is the array that was given, which has to stay as it is.
        goal: what the attack was for, with the class of each image.
        logits: float32 [N, classes], from a fresh forward pass on `images`.
        success: bool [N], whether the goal of the attack is reached by `logits`.
        gradient_evaluations: int64 [N], gradients on the way to each image. Results of one
            `sweep` share work, so their sum can exceed what was computed.
        forward_evaluations: int64 [N], forward passes without a gradient.
        epsilon: the bound, for a budget attack.
        spread: the largest difference of a logit between two passes of the same few images. It is
            above 0 if the model is random; then `logits` and `success` come from a single draw.
        log: of AutoAttack, which of its attacks broke which image, and in what time.

    Results of one sweep whose images are the same share their arrays.
    """

    images: np.ndarray
    originals: np.ndarray = field(repr=False)
    goal: Goal = field(repr=False)
    logits: np.ndarray
    gradient_evaluations: np.ndarray
    forward_evaluations: np.ndarray
    epsilon: float | None = None
    spread: float = 0.0
    log: EnsembleLog | None = field(default=None, repr=False)

    @cached_property
    def success(self) -> np.ndarray:
        return self.goal.reached(self.logits)

    @cached_property
    def not_finite(self) -> np.ndarray:
        """bool [N], images on which the model gives a logit that is not finite.

        Such an image is neither a success nor predicted correctly.
        """
        return ~are_finite(self.logits)

    @cached_property
    def distances(self) -> dict[str, np.ndarray]:
        """`l0`, `l1`, `l2` and `linf` distance of each image from its original, float64 [N]."""
        starts = range(0, max(1, len(self)), _AT_ONCE)  # also of no image
        pairs = [
            (self.images[start : start + _AT_ONCE], self.originals[start : start + _AT_ONCE])
            for start in starts
        ]
        parts = [distances(images - originals) for images, originals in pairs]
        return {norm: np.concatenate([part[norm] for part in parts]) for norm in parts[0]}

    def __len__(self) -> int:
        return len(self.images)

"""The defenses of the WPI study, by what the report and the results call them."""

from dataclasses import dataclass
from typing import Any

from defenses import FeatureSmoothing, FeatureSqueezing, GradientMasking
from harness.arms import Role
from harness.trained_defenses import NoisyUpdates, RandomAttacks

PROCEDURE, TEMPERATURE = "soft_labels", 20.0

SMOOTHING = FeatureSmoothing(kernel_size=3, sigma=1.0)
SEEN_NOISE = GradientMasking("gradient seen by the attacker", scale=0.1)
LOGIT_NOISE = GradientMasking("logits", scale=1.0)
UPDATE_NOISE = NoisyUpdates(scale=0.01)

#: Roles of networks besides those of distillation: further epochs on attacked images, and further
#: epochs with noise on the updates.
ALL_FOUR, FINE_TUNED = "all four", "fine-tuned"


@dataclass(frozen=True)
class Defense:
    """A way to train the network and what is put around it.

    Attributes:
        name: in the report.
        role: of the network.
        method: what its training is called, see `Training.method`; empty for a plain one.
        applied: untrained defenses, see `Arm.applied`.
    """

    name: str
    role: str = Role.UNDEFENDED
    method: str = ""
    applied: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return self.name

    @property
    def in_results(self) -> str:
        """What `Arm.defense` calls it."""
        trained = [f"{self.method} {self.role}"] if self.method else []
        return " + ".join(trained + [each.name for each in self.applied]) or "none"


NONE = Defense("none")
ADVERSARIAL = Defense("adversarial training", ALL_FOUR, RandomAttacks.name)
SMOOTHED = Defense("smoothing", applied=(SMOOTHING,))
MASKED_SEEN = Defense("masking: gradient seen", applied=(SEEN_NOISE,))
MASKED_UPDATES = Defense("masking: weight updates", FINE_TUNED, NoisyUpdates.name)
MASKED_LOGITS = Defense("masking: logits", applied=(LOGIT_NOISE,))
DISTILLED = Defense("distillation", Role.STUDENT, PROCEDURE)
COMBINED = Defense(
    "adversarial training + smoothing", ALL_FOUR, RandomAttacks.name, applied=(SMOOTHING,)
)
#: Distillation without a teacher, which tells what its longer training alone gives.
HARD_LABELS = Defense("hard labels at T", Role.CONTROL, PROCEDURE)

#: The readings of noise on a gradient (WPI-A9).
MASKED = (MASKED_SEEN, MASKED_UPDATES, MASKED_LOGITS)
SINGLE = (ADVERSARIAL, SMOOTHED, *MASKED, DISTILLED)
DEFENSES = (NONE, *SINGLE, COMBINED)
#: The faithful protocol has two readings of noise on a gradient.
FAITHFUL = (NONE, ADVERSARIAL, SMOOTHED, MASKED_SEEN, MASKED_UPDATES, DISTILLED)

#: Bits of a channel after squeezing, by data set: what its paper chooses for MNIST and CIFAR-10.
_BITS = {"mnist": 1, "cifar10": 5, "gtsrb": 5}


def squeezed(dataset: str) -> Defense:
    """Fewer bits, then a median of 2x2 pixels; a filter that the study does not have.

    Xu, Evans and Qi, "Feature Squeezing: Detecting Adversarial Examples in Deep Neural Networks",
    2018, arXiv 1704.01155. Attacks through it take the gradient of the rounding for the identity.
    """
    return Defense("squeezing", applied=(FeatureSqueezing(bits=_BITS[dataset], median=2),))


def left_out(attack: str) -> Defense:
    """Adversarial training that has not seen one of the attacks."""
    return Defense(f"{ADVERSARIAL} without {attack}", f"all but {attack}", RandomAttacks.name)

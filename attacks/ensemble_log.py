"""Which of several attacks broke which image, and when."""

from dataclasses import dataclass

import numpy as np

#: In `EnsembleLog.broken_by`: without an attack the goal was reached, or a logit was not finite;
#: and no attack reached the goal.
CLEAN, NO_NUMBER, WITHSTOOD = "clean", "not finite", "none"


@dataclass(frozen=True, eq=False)
class EnsembleLog:
    """What attacks did to N images, each attack on those that withstood the ones before it.

    Its text has the lines that AutoAttack is known by: "robust accuracy after APGD-CE: 45.00%
    (total time 12.3 s)".

    Attributes:
        attacks: the names of the A attacks, in order.
        broken_by: str [N], the attack that broke each image; "clean" where the goal was reached
            without one, "not finite" where the model gives no prediction without one, "none" where
            no attack reached it.
        seconds: float [A], of each attack, judging and compiling included. What a journal recalls
            counts with the time that it took.
        targeted: whether a class was to be reached; accuracies are then shares not at it.
    """

    attacks: tuple[str, ...]
    broken_by: np.ndarray
    seconds: np.ndarray
    targeted: bool = False

    @property
    def broken(self) -> np.ndarray:
        """int [A], how many images each attack broke."""
        return np.array([np.sum(self.broken_by == name) for name in self.attacks], int)

    @property
    def accuracies(self) -> np.ndarray:
        """float [1 + A], the share of images left before the first attack and after each."""
        # An image without a prediction is not right, and not at a target either.
        counted = (CLEAN,) if self.targeted else (CLEAN, NO_NUMBER)
        clean = np.sum(np.isin(self.broken_by, counted))
        gone = np.cumsum([clean, *self.broken])
        return 1 - gone / max(1, len(self.broken_by))

    @property
    def lines(self) -> list[str]:
        """One before the first attack, and one for each."""
        first, *others = (f"{share:.2%}" for share in self.accuracies)
        start, then = "initial accuracy", "robust accuracy"
        if self.targeted:
            start = then = "not at the target"
        return [
            f"{start}: {first}",
            *(
                f"{then} after {name}: {share} (total time {total:.1f} s)"
                for name, share, total in zip(self.attacks, others, np.cumsum(self.seconds))
            ),
        ]

    def __str__(self) -> str:
        return "\n".join(self.lines)

"""Our attack of Carlini and Wagner with as many steps as it needs to come as near as another."""

import keras
import numpy as np

from attacks.carlini_wagner import CarliniWagner
from attacks.ddn import DDN
from attacks.engine.minimum_norm import MinimumNormAttack
from attacks.fmn import FMN

NAME = "CW"
#: Of each of the nine runs; where the last number is not enough, it is taken all the same.
STEPS = (10, 20, 40, 80, 160, 320, 640, 1280)


class AsNear:
    """Its distance is at most that of the attack whose name a method has, in the mean.

    The steps are looked for in the first call, which is not timed.
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self._steps: dict[tuple, int] = {}

    def ddn(self, images, labels, steps):
        return self._run(DDN(steps), images, labels)

    def fmn(self, images, labels, steps, norm):
        return self._run(FMN(steps, norm), images, labels)

    def _run(self, attack: MinimumNormAttack, images, labels):
        key = attack, len(images)
        if key not in self._steps:
            distance = _mean(attack(self.model, images, labels), attack.norm)
            self._steps[key] = next(
                (
                    steps
                    for steps in STEPS
                    if _mean(self._at(steps, images, labels), attack.norm) <= distance
                ),
                STEPS[-1],
            )
        return self._at(self._steps[key], images, labels)

    def _at(self, steps: int, images, labels):
        return CarliniWagner(steps=steps)(self.model, images, labels)


def _mean(result, norm: str) -> float:
    """Infinite where an image was not turned."""
    return float(np.where(result.success, result.distances[norm], np.inf).mean())

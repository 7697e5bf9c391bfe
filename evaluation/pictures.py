"""Images before and after an attack that turned them, to be looked at."""

from dataclasses import dataclass

import numpy as np

from attacks.engine.task import Task
from attacks.goals import predicted
from evaluation.measured_arm import MeasuredArm
from evaluation.typical import nearest_median

#: How many images are shown of an attack.
SHOWN = 4


@dataclass(frozen=True, eq=False)
class Picture:
    """One image that was right, and what an attack made of it.

    Attributes:
        attack: its name.
        epsilon: within which; infinite for any distance.
        index: of the image among those attacked.
        image, adversarial: float32 [height, width, channels], or whatever the model takes.
        label: its true class, which it also got without attack.
        prediction: the class it gets under attack.
        confidence, adversarial_confidence: the probabilities of these two classes.
        linf, l2: distances between the two.
    """

    attack: str
    epsilon: float
    index: int
    image: np.ndarray
    adversarial: np.ndarray
    label: int
    prediction: int
    confidence: float
    adversarial_confidence: float
    linf: float
    l2: float


def pictures(task: Task, arm: MeasuredArm, epsilon: float, most: int = SHOWN) -> list[Picture]:
    """The images nearest the median L2 distance of those an arm turned at one of its epsilons.

    They are crafted again, which gives the same images wherever the model is not random; what is
    not turned this time is left out.

    Args:
        task: the model, all images of the arm in its order, and what they were attacked for.
        most: how many at most.
    """
    at = int(np.flatnonzero(arm.outcomes.epsilons == epsilon)[0])
    rows = nearest_median(arm.outcomes.l2[at], arm.outcomes.fooled[at], most)
    if not len(rows):
        return []
    part = task.part(rows)
    (result,) = arm.attack.sweep_task(part, [epsilon])
    before, after = (
        task.classifier.probabilities(logits)
        for logits in (part.logits(part.images), result.logits)
    )
    labels, classes = arm.outcomes.labels[rows], predicted(result.logits)
    return [
        Picture(
            attack=arm.name,
            epsilon=epsilon,
            index=int(row),
            image=part.images[place],
            adversarial=result.images[place],
            label=int(labels[place]),
            prediction=int(classes[place]),
            confidence=float(before[place, labels[place]]),
            adversarial_confidence=float(after[place, classes[place]]),
            linf=float(result.distances["linf"][place]),
            l2=float(result.distances["l2"][place]),
        )
        for place, row in enumerate(rows)
        if result.success[place]
    ]

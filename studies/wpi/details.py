"""What the results of the WPI study keep of every image."""

import numpy as np

from evaluation import Outcomes
from harness.arms import Arm
from harness.results import Arrays


def details(arm: Arm, outcomes: Outcomes) -> Arrays:
    """What results keep of every image of an arm.

    Predictions are at every epsilon, int [1 + E, N], the clean ones first, -1 where the logits are
    no numbers; what is wrong without attack stays so. The classes that an attack was to reach are
    kept, int [N], where it was. Distances and the gap between the two highest
    probabilities, float [N], are at the largest epsilon, and so are, of the undefended network, the
    structural similarity and the picture of one image, with its probabilities, float [2, classes],
    without and under attack.
    """
    largest = int(np.argmax(outcomes.epsilons))
    kept = np.where(outcomes.clean_correct, outcomes.predictions, outcomes.clean_predictions)
    arrays = {
        "labels": outcomes.labels.astype(np.uint8),
        "predictions": np.vstack([outcomes.clean_predictions, kept]).astype(np.int16),
        "l2": outcomes.l2[largest].astype(np.float32),
        "linf": outcomes.linf[largest].astype(np.float32),
        "l0": outcomes.l0[largest].astype(np.float32),
        "gap": outcomes.gaps[largest].astype(np.float16),
    }
    if outcomes.targets is not None:
        arrays["targets"] = outcomes.targets.astype(np.uint8)
    if arm.similarity:
        arrays["ssim"] = outcomes.ssim[largest].astype(np.float32)
    if arm.strip_of is None:
        return arrays
    # The image of a strip is the last of the examples.
    return arrays | {
        "picture": outcomes.example_images[-1].astype(np.float32),
        "adversarial": outcomes.examples[largest, -1].astype(np.float32),
        "probabilities": outcomes.example_probabilities[[0, 1 + largest], -1],
        "label": np.array(arm.strip_of),
    }


def fooled(kept: Arrays) -> np.ndarray:
    """The images of an arm that are right and get another class at its largest epsilon, bool [N].

    Distances are means over these.
    """
    (clean, *_, attacked), labels = kept["predictions"], kept["labels"]
    return (clean == labels) & (attacked != labels) & (attacked >= 0)

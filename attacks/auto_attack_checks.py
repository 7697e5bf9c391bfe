"""What AutoAttack warns of: models that it may find more robust than they are.

Croce and Hein, "Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse
Parameter-free Attacks", 2020, arXiv 2003.01690, and the checks of the authors' code. Outputs that
are probabilities are refused before (`attacks.engine.classifier`).
"""

from collections.abc import Sequence

import numpy as np

from attacks.apgd import APGD
from attacks.engine.attack import Attack
from attacks.engine.errors import warn
from attacks.engine.task import Task
from attacks.ensemble_log import EnsembleLog

#: The share of images that Square may break although nothing with a gradient does.
SQUARE = 0.002
#: The share of images whose gradient may be zero.
ZERO_GRADIENT = 0.05


def warn_of_model(task: Task, version: str) -> None:
    """Of a random model that is not attacked as one, and of one that adapts to each image."""
    is_random = task.classifier.spread > 0
    if is_random and version != "rand":
        warn(
            f"AutoAttack's version is {version!r} for a model that is random at inference: each "
            "step follows one draw; version='rand' follows the mean of several"
        )
    if version == "rand" and not is_random and len(task.images):
        warn(
            "AutoAttack's version is 'rand' for a model that gives the same outputs twice; "
            "version='standard' has more attacks"
        )
    if task.classifier.takes_gradients:
        warn(
            "model takes gradients of its own at inference, as defenses do that adapt to each "
            "image: what withstands AutoAttack may fall to an attack made for this defense"
        )


def warn_of_zero_gradients(task: Task, attacks: Sequence[Attack]) -> None:
    """Of a loss that pixels do not change, seen on the first batch; APGD does not move there.

    It is the first loss other than the cross-entropy, which saturates where a model is sure.
    """
    climbing = (each for each in attacks if isinstance(each, APGD))
    attack = next((each for each in climbing if each.loss != "cross-entropy"), None)
    batch = next(task.batches(), None)
    if attack is None or batch is None:
        return
    if np.mean(attack.zero_gradient(task, batch)) > ZERO_GRADIENT:
        warn(
            f"the gradient of the loss {attack.loss!r} is zero on more than {ZERO_GRADIENT:.0%} of "
            "the first images, which gradient attacks leave where they are: what withstands "
            "AutoAttack may be hidden, not robust"
        )


def warn_of_square(log: EnsembleLog) -> None:
    """Of images that all attacks with a gradient leave and the black box breaks."""
    if len(log.attacks) > 1 and log.attacks[-1] == "Square":
        if log.broken[-1] > SQUARE * len(log.broken_by):
            warn(
                f"Square breaks more than {SQUARE:.1%} of the images after all attacks with a "
                "gradient: their gradients may be masked; run Square with more queries, or an "
                "attack made for this defense"
            )

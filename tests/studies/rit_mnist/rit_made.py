"""Results of the RIT study made by hand, and the verdicts on them."""

import numpy as np
import pandas as pd

from harness.claims import Standing
from made import made_arm, made_results, verdicts_on
from studies.rit_mnist import arms as rit_mnist
from studies.rit_mnist.claims import CLAIMS

LEVELS = np.array([0.0, *rit_mnist.EPSILONS])
PLACE = {"case": "rit_cnn/mnist", "published_dataset": "mnist", "dataset": "mnist"}
BASELINE, RETRAINED, UNTRAINED = "undefended", "fgsm_retrained", "fgsm_untrained"
PGD_TRAINED = "pgd_retrained"
CONFIRMED, REFUTED, UNDECIDED = "confirmed", "refuted", "undecided"
NO_DIFFERENCE = "no difference"


def line(*accuracies, at=(0, 0.1, 0.2, 0.3, 0.4, 0.9)) -> np.ndarray:
    """Accuracies at all epsilons, straight between those at some of them."""
    return np.interp(LEVELS, at, accuracies)


def flat(accuracy: float) -> np.ndarray:
    return np.full(len(LEVELS), accuracy)


#: 99 % without attack, 79 % at 0.1, 24 % at 0.2, 10 % from 0.4 on.
PUBLISHED = line(0.99, 0.79, 0.24, 0.17, 0.1, 0.1)
#: The curves that the post describes, by network: those under FGSM, and those under PGD.
UNDER_FGSM = {
    BASELINE: PUBLISHED,
    RETRAINED: line(0.98, 0.7, 0.17, 0.05, 0.05, at=(0, 0.2, 0.3, 0.4, 0.9)),
    UNTRAINED: line(0.97, 0.5, 0.12, 0.08, 0.08, at=(0, 0.1, 0.3, 0.4, 0.9)),
}
UNDER_PGD = {
    BASELINE: line(0.99, 0.3, 0.15, 0, 0, 0),
    RETRAINED: line(0.98, 0.7, 0.4, 0.1, 0, 0),
    PGD_TRAINED: line(0.98, 0.9, 0.75, 0.6, 0.3, 0),
}


def under(attack, curves, images=1000, protocol="faithful", seeds=(0,)):
    """Arms; at each epsilon so large a share of the images, the first ones, is correct."""
    return [
        made_arm(
            LEVELS,
            np.arange(images) < np.round(accuracies * images)[:, np.newaxis],
            arm=f"{protocol} {role} {attack} {seed}",
            **dict(PLACE, protocol=protocol, role=role, attack=attack, seed=seed),
        )
        for role, accuracies in curves.items()
        for seed in seeds
    ]


def results_of(*arms, shares=(0.98,), classes=((8,),), losses=None):
    """Results of arms from `under`.

    Args:
        shares: of the predictions that a class gets under FGSM, by epsilon, over and over; class
            1 gets the others.
        classes: these classes, for each seed.
        losses: by network the losses of each seed, epoch by epoch.
    """
    trained = [(role, seed) for role, runs in (losses or {}).items() for seed in range(len(runs))]
    return made_results(
        *[arm for some in arms for arm in some],
        trainings=[
            {"case": "rit_cnn/mnist", "role": role, "seed": seed, "stage": f"{role} {seed}"}
            for role, seed in trained
        ]
        or [{"case": "none", "stage": "none"}],
        histories=pd.DataFrame(
            [
                {"stage": f"{role} {seed}", "loss": loss}
                for role, seed in trained
                for loss in losses[role][seed]
            ]
        ),
        compared=rit_mnist.COMPARED,
        examples={
            f"faithful {BASELINE} FGSM {seed}": {
                "confusion": predicted(shares, each),
                "strip_predictions": np.where(LEVELS < 0.2, 5, 8),
            }
            for seed, each in enumerate(classes)
        },
    )


def predicted(shares, classes) -> np.ndarray:
    """What 1,000 images of class 5 are taken for, at every epsilon."""
    confusion = np.zeros([len(LEVELS), 10, 10], int)
    for index in range(len(LEVELS)):
        share, single = shares[index % len(shares)], classes[index % len(classes)]
        confusion[index, 5, single] = round(1000 * share)
        confusion[index, 5, 1] = round(1000 * (1 - share))
    return confusion


def verdicts_of(results, claim=None, standing=Standing.PUBLISHED) -> pd.DataFrame:
    """The verdicts on one claim, or on all."""
    some = [each for each in CLAIMS if claim in (None, each.id)]
    return verdicts_on(some, results, standing)


def outcomes(results, claim) -> list[str]:
    return list(verdicts_of(results, claim)["outcome"])


#: After the first epoch and the last, for three seeds around what is printed.
AS_PRINTED = {
    RETRAINED: [(0.203, 0.002), (0.204, 0.0021), (0.202, 0.0019)],
    UNTRAINED: [(0.102, 0.002), (0.101, 0.0021), (0.103, 0.0019)],
}
DESCRIBED = results_of(
    under("FGSM", UNDER_FGSM, 10_000), under("PGD", UNDER_PGD, 10_000), losses=AS_PRINTED
)

"""The numbers that the RIT blog prints, as they are measured."""

from collections.abc import Callable
from functools import partial

import numpy as np

from evaluation import Curve, Estimate, NotRun
from harness.arms import Protocol
from harness.links import Link
from harness.results import Results
from studies.rit_mnist import curves
from studies.rit_mnist.arms import GRID, MEASURED_UNDER, PICTURED

_RETRAINED, _UNTRAINED, _PGD = "fgsm_retrained", "fgsm_untrained", "pgd_retrained"
#: Two networks whose curves meet, by what is printed: the first is above up to there, or, where
#: `True` is written, from there on. In the order of RIT-8a, RIT-8b, RIT-11a and RIT-11b.
MEETINGS = {
    "epsilon where baseline and retrained curves meet": (_RETRAINED, "undefended", False),
    "epsilon where retrained and untrained curves meet": (_RETRAINED, _UNTRAINED, False),
    "epsilon up to which PGD-trained beats baseline": (_PGD, "undefended", False),
    "epsilon from which PGD-trained beats FGSM-trained": (_PGD, _RETRAINED, True),
}


def measure(results: Results, link: Link, protocol: Protocol) -> Estimate:
    """The number a link asks for: accuracies in percent, epsilons in [0, 1].

    Faithful is under FGSM, corrected under the worst of all attacks for every image. What is the
    same in both protocols is in the faithful column alone.
    """
    under = {"attack": MEASURED_UNDER[protocol], "protocol": protocol}
    if link.kind in MEETINGS:
        first, second, from_there_on = MEETINGS[link.kind]
        upper, lower = (second, first) if from_there_on else (first, second)
        return curves.crossing(*curves.attacked(results, upper, lower, **under))
    if link.kind in _OF_A_NETWORK:
        if protocol != Protocol.FAITHFUL:
            raise NotRun(f"{link.kind} in the {protocol} protocol")
        return _OF_A_NETWORK[link.kind](results, link.role)
    (curve,) = curves.attacked(results, link.role, **under)
    if link.kind in _OF_A_CURVE:
        return _OF_A_CURVE[link.kind](curve)
    correct = curves.plateau(curve) if link.kind == "plateau" else curve.at(grey=link.epsilon_grey)
    return Estimate.accuracy(correct).times(100)


def _clean_accuracy(results: Results, role: str) -> Estimate:
    (curve,) = curves.attacked(results, role)
    return curve.accuracies[0].times(100)


def _loss(results: Results, role: str, epoch: int) -> Estimate:
    return Estimate.over_seeds(curves.losses(results, role)[:, epoch])


def _wrong_class(results: Results, role: str, at: np.ndarray) -> Estimate:
    """The class that images of the pictured class get most often instead, at epsilons bool [E]."""
    counts = curves.confusion(results, role)[:, PICTURED]
    predicted = counts[at].sum(axis=0)
    predicted[PICTURED] = 0
    return Estimate(float(predicted.argmax()), images=int(counts[0].sum()))


def _first_error(results: Results, role: str) -> Estimate:
    """The epsilon from which the image that is shown is wrong; NaN if it never is."""
    wrong = GRID[curves.pictured(results, role)[0]["strip_predictions"] != PICTURED]
    return Estimate(float(wrong[0]) if len(wrong) else float("nan"))


_OF_A_CURVE: dict[str, Callable[[Curve], Estimate]] = {
    "median limit": curves.median_limit,
    "largest step": curves.largest_step,
    "constant from": curves.constant_from,
}
_OF_A_NETWORK: dict[str, Callable[[Results, str], Estimate]] = {
    "clean accuracy": _clean_accuracy,
    "first loss": partial(_loss, epoch=0),
    "last loss": partial(_loss, epoch=-1),
    "wrong class": partial(_wrong_class, at=GRID == 0.2),
    "wrong class beyond": partial(_wrong_class, at=GRID > 0.2),
    "first error": _first_error,
}

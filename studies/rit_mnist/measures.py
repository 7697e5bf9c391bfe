"""The numbers that the RIT blog prints, as they are measured."""

from collections.abc import Callable
from functools import partial

import numpy as np

from evaluation import Curve, Estimate
from harness.arms import Protocol
from harness.links import Link
from harness.results import Results
from studies.rit_mnist import curves
from studies.rit_mnist.arms import CASE, EPSILONS, MEASURED_UNDER, PICTURED
from studies.rit_mnist.published import MEETINGS


def measure(results: Results, link: Link, protocol: Protocol) -> Estimate | None:
    """The number a link asks for, or `None` where nothing was run.

    Accuracies are in percent, epsilons in [0, 1]. Faithful is under FGSM, corrected under the
    worst of all attacks for every image.
    """
    attack = MEASURED_UNDER[protocol]
    if link.kind == "meeting":
        first, second, from_there_on = MEETINGS[link.role]
        both = curves.attacked(results, (first, second), attack, protocol)
        return curves.crossing(*both, from_there_on) if both else None
    if link.kind in _OF_A_NETWORK:
        # Both protocols attack the same networks: one column has their numbers.
        return _OF_A_NETWORK[link.kind](results, link) if protocol == Protocol.FAITHFUL else None
    curve = results.curve(case=CASE, role=link.role, attack=attack, protocol=protocol)
    return None if curve is None else _of_curve(curve, link)


def _of_curve(curve: Curve, link: Link) -> Estimate | None:
    if link.kind == "median limit":
        return curves.median_limit(curve)
    if link.kind == "accuracy under attack":
        correct = curve.at(grey=link.epsilon_grey)
        return None if correct is None else Estimate.accuracy(correct).times(100)
    beyond = curves.plateau(curve).correct
    if len(beyond) < 2:
        return None  # at fewer epsilons all that follows would mean something else
    if link.kind == "largest step":
        return curves.largest_step(curve)
    if link.kind == "constant from":
        return curves.constant_from(curve)
    return Estimate.accuracy(beyond.reshape(-1, curve.images)).times(100)


def _clean_accuracy(results: Results, link: Link) -> Estimate | None:
    attacked = curves.attacked(results, [link.role])
    return attacked[0].accuracies[0].times(100) if attacked else None


def _loss(results: Results, link: Link, epoch: int) -> Estimate | None:
    losses = curves.losses(results, link.role)
    return None if losses is None else Estimate.over_seeds(losses[:, epoch])


def _wrong_class(results: Results, link: Link, at: np.ndarray) -> Estimate | None:
    """The class that images of the pictured class get most often instead, at epsilons bool [E]."""
    counts = curves.confusion(results, link.role)
    if counts is None:
        return None
    predicted = counts[1:, PICTURED][at].sum(axis=0)
    predicted[PICTURED] = 0
    return Estimate(float(predicted.argmax()), images=int(counts[0, PICTURED].sum()))


def _first_error(results: Results, link: Link) -> Estimate | None:
    """The epsilon from which the image that is shown is wrong; NaN if it never is."""
    shown = curves.strip(results, link.role)
    if shown is None:
        return None
    wrong = np.flatnonzero(shown[1] != PICTURED)
    return Estimate((0.0, *EPSILONS)[wrong[0]] if len(wrong) else float("nan"))


_GRID = np.array(EPSILONS)
_OF_A_NETWORK: dict[str, Callable[[Results, Link], Estimate | None]] = {
    "clean accuracy": _clean_accuracy,
    "first loss": partial(_loss, epoch=0),
    "last loss": partial(_loss, epoch=-1),
    "wrong class": partial(_wrong_class, at=np.isclose(_GRID, 0.2)),
    "wrong class beyond": partial(_wrong_class, at=_GRID > 0.2 + curves.ROUNDING),
    "first error": _first_error,
}

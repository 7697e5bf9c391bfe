"""The numbers that the RIT blog printed, as they are measured."""

import numpy as np

from harness.links import Link
from harness.results import Results
from studies.rit_mnist.arms import EPSILONS, MEETINGS, PICTURED
from studies.rit_mnist.claims import losses
from studies.rit_mnist.curves import (
    Outcome,
    accuracy,
    confusion,
    constant_from,
    crossing,
    largest_step,
    median_limit,
    outcome,
    plateau,
    strip,
)


class Measure:
    """Computes the number a link asks for, or `None` where nothing was run.

    Faithful is under FGSM, corrected under the worst of all attacks for every image.
    """

    def __init__(self, results: Results):
        self.results = results

    def __call__(self, link: Link, protocol: str) -> tuple | None:
        """(value, low, high, images), accuracies in percent, epsilons in [0, 1]."""
        if link.kind in _OF_THE_NETWORKS:
            # Both protocols attack the same networks.
            found = _OF_THE_NETWORKS[link.kind] if protocol == "faithful" else None
            return found and found(self.results, link)
        if link.kind == "meeting":
            first, second, rises = MEETINGS[link.role]
            curves = [self._curve(role, protocol) for role in (first, second)]
            if any(curve is None for curve in curves):
                return None
            return crossing(*curves, rises=rises)
        curve = self._curve(link.role, protocol)
        return curve and _OF_ONE_CURVE[link.kind](curve, link)

    def _curve(self, role: str, protocol: str) -> Outcome | None:
        return outcome(self.results, role, "FGSM" if protocol == "faithful" else None, protocol)


def _clean_accuracy(results: Results, link: Link):
    found = outcome(results, link.role)
    return found and _percent(found.correct[0])


def _loss(epoch: int):
    def measured(results: Results, link: Link):
        found = losses(results, link.role)
        return None if found is None else _plain(found[:, epoch].mean(), len(found))

    return measured


def _wrong_class(beyond: bool):
    """The class that images of the pictured class get most often instead of it."""

    def measured(results: Results, link: Link):
        counts = confusion(results, link.role)
        if counts is None:
            return None
        of_class = counts[1:, PICTURED].copy()
        of_class[:, PICTURED] = 0
        grid = np.array(EPSILONS)
        chosen = grid > 0.2 + 1e-9 if beyond else np.isclose(grid, 0.2)
        wrong = of_class[chosen].sum(axis=0)
        return _plain(wrong.argmax(), int(counts[0, PICTURED].sum()))

    return measured


def _first_error(results: Results, link: Link):
    found = strip(results, link.role)
    if found is None:
        return None
    _, predictions = found
    wrong = np.flatnonzero(predictions != PICTURED)
    return _plain(np.array([0, *EPSILONS])[wrong[0]] if len(wrong) else np.nan, 1)


def _accuracy(curve: Outcome, link: Link):
    correct = curve.at(link.epsilon_grey / 255)
    return None if correct is None else _percent(correct)


def _plateau(curve: Outcome, link: Link):
    beyond = plateau(curve)
    if len(beyond) < 2:
        return None
    return _percent(beyond.reshape(-1, curve.images))


def _largest_step(curve: Outcome, link: Link):
    # Of fewer epsilons it would mean something else.
    return largest_step(curve) if len(plateau(curve)) > 1 else None


def _constant_from(curve: Outcome, link: Link):
    return _plain(constant_from(curve), curve.images) if len(plateau(curve)) > 1 else None


_OF_THE_NETWORKS = {
    "clean accuracy": _clean_accuracy,
    "first loss": _loss(0),
    "last loss": _loss(-1),
    "wrong class": _wrong_class(beyond=False),
    "wrong class beyond": _wrong_class(beyond=True),
    "first error": _first_error,
}
_OF_ONE_CURVE = {
    "accuracy under attack": _accuracy,
    "plateau": _plateau,
    "largest step": _largest_step,
    "constant from": _constant_from,
    "median limit": lambda curve, link: median_limit(curve),
}


def _percent(correct: np.ndarray):
    return *(100 * value for value in accuracy(correct)), correct.shape[1]


def _plain(value: float, images: int):
    """A number without an interval."""
    return float(value), np.nan, np.nan, images

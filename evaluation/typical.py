"""Which images stand for an attack in a picture."""

import numpy as np

from evaluation.outcomes import Outcomes


def nearest_median(distances: np.ndarray, among: np.ndarray, count: int) -> np.ndarray:
    """The images whose distance is nearest the median of some of them.

    Args:
        distances: float [N].
        among: bool [N], the images that are chosen from, and whose median it is.

    Returns:
        Their indices, int [count] or as many as there are, the nearest one first.
    """
    rows = np.flatnonzero(among)
    if not len(rows):
        return rows
    away = np.abs(distances[rows] - np.median(distances[rows]))
    return rows[np.argsort(away, kind="stable")[:count]]


def typical(outcomes: Outcomes, count: int) -> np.ndarray:
    """Images that were right and that the attack turned, of the median L2 distance.

    Returns:
        At the largest epsilon, the indices that `nearest_median` gives.
    """
    if not len(outcomes.epsilons):
        return np.arange(0)
    largest = int(np.argmax(outcomes.epsilons))
    return nearest_median(outcomes.l2[largest], outcomes.fooled[largest], count)

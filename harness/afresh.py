"""Formulas behind the numbers of a report, written a second time so that a fault shows."""

from collections import Counter
from math import sqrt

import numpy as np

#: 95 % of a normal distribution lie within so many deviations.
_Z = 1.959963984540054


def wilson(correct: int, count: int) -> tuple[float, float]:
    """The ends of Wilson's 95 % interval, in closed form."""
    share, square = correct / count, _Z**2 / count
    half = _Z * sqrt(share * (1 - share) / count + square / (4 * count))
    return (
        0.0 if correct == 0 else (share + square / 2 - half) / (1 + square),
        1.0 if correct == count else (share + square / 2 + half) / (1 + square),
    )


def newcombe(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """The ends of Newcombe's 95 % interval (1998, method 10) of a paired difference."""
    count = len(first)
    cells = Counter(zip(first.tolist(), second.tolist(), strict=True))
    a, b, c, d = (cells[key] for key in ((1, 1), (1, 0), (0, 1), (0, 0)))
    (low_1, high_1), (low_2, high_2) = wilson(a + b, count), wilson(a + c, count)
    share_1, share_2 = (a + b) / count, (a + c) / count
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    excess = float(a * d - b * c)
    if excess > 0:
        excess = max(excess - count / 2, 0)
    phi = excess / sqrt(margins) if margins else 0.0

    def reach(one: float, other: float) -> float:
        return sqrt(max(one**2 - 2 * phi * one * other + other**2, 0))

    return (
        share_1 - share_2 - reach(share_1 - low_1, high_2 - share_2),
        share_1 - share_2 + reach(high_1 - share_1, share_2 - low_2),
    )


def bonett_price(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """The ends of Bonett and Price's 95 % interval (2012) of a paired difference."""
    count = len(first) + 2
    gained = (np.count_nonzero(first & ~second) + 1) / count
    lost = (np.count_nonzero(~first & second) + 1) / count
    half = _Z * sqrt((gained + lost - (gained - lost) ** 2) / count)
    return max(gained - lost - half, -1.0), min(gained - lost + half, 1.0)


def macro_f1(labels: np.ndarray, predicted: np.ndarray) -> float:
    """The mean of the F1 of all classes that are a label or a prediction."""
    scores = []
    for each in np.union1d(labels, predicted[predicted >= 0]):
        right = np.count_nonzero((labels == each) & (predicted == each))
        scores.append(2 * right / (np.count_nonzero(labels == each) + (predicted == each).sum()))
    return float(np.mean(scores))

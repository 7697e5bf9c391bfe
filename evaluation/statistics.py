"""Intervals of proportions and of paired differences, by formula."""

from functools import lru_cache

import numpy as np
from scipy import stats


@lru_cache(maxsize=2**14)
def wilson(correct: int, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion, as fractions.

    Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.

    Raises:
        ValueError: `count` is below 1 or `correct` is not within 0 and `count`.
    """
    if not 0 <= correct <= count or count < 1:
        raise ValueError(f"correct is {correct} of count {count}; accepted: 0 <= correct <= count")
    interval = stats.binomtest(int(correct), int(count)).proportion_ci(confidence, "wilson")
    return float(interval.low), float(interval.high)


def newcombe(
    first: np.ndarray, second: np.ndarray, confidence: float = 0.95
) -> tuple[float, float]:
    """The interval of the difference of two paired proportions, as fractions.

    Newcombe, "Improved Confidence Intervals for the Difference between Binomial Proportions
    Based on Paired Data", 1998, method 10.

    Args:
        first, second: outcomes of the same images, bool [N].
    """
    count = len(first)
    both, neither = int(np.sum(first & second)), int(np.sum(~first & ~second))
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    share_1, share_2 = (both + only_first) / count, (both + only_second) / count
    low_1, high_1 = wilson(both + only_first, count, confidence)
    low_2, high_2 = wilson(both + only_second, count, confidence)
    product = (
        (both + only_first)
        * (only_second + neither)
        * (both + only_second)
        * (only_first + neither)
    )
    covariance = float(both * neither - only_first * only_second)
    if covariance > 0:  # continuity correction, only towards independence
        covariance = max(covariance - count / 2, 0)
    phi = covariance / product**0.5 if product else 0.0
    down = (share_1 - low_1) ** 2 + (high_2 - share_2) ** 2
    down -= 2 * phi * (share_1 - low_1) * (high_2 - share_2)
    up = (high_1 - share_1) ** 2 + (share_2 - low_2) ** 2
    up -= 2 * phi * (high_1 - share_1) * (share_2 - low_2)
    difference = share_1 - share_2
    return difference - max(down, 0) ** 0.5, difference + max(up, 0) ** 0.5


def adjusted_wald(
    differences: np.ndarray, most: float = 1.0, confidence: float = 0.95
) -> tuple[float, float]:
    """The interval of the mean of a difference for each image, none beyond `most` either way.

    As if there were two images more, one with the difference `most` and one with `-most`, so that
    images which all agree do not make an interval of no width. Where the differences are those
    of one pair of outcomes it is the interval of Bonett and Price, "Adjusted Wald Confidence
    Interval for a Difference of Binomial Proportions Based on Paired Data", 2012.

    Args:
        differences: float [N].
    """
    values = np.concatenate([np.asarray(differences, np.float64), [most, -most]])
    half = stats.norm.ppf((1 + confidence) / 2) * values.std() / len(values) ** 0.5
    center = values.mean()
    return max(center - half, -most), min(center + half, most)

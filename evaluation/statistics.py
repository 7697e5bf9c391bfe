"""Intervals and paired tests of accuracies."""

from dataclasses import dataclass

import numpy as np
from scipy import stats


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


@dataclass(frozen=True)
class Paired:
    """Accuracy of `first` minus accuracy of `second` on the same images.

    Attributes:
        difference: as a fraction.
        low, high: 95 % interval.
        p_value: of no difference, two-sided.
        count: images.
    """

    difference: float
    low: float
    high: float
    p_value: float
    count: int

    @property
    def sign(self) -> int:
        """1 or -1 when the interval excludes zero, else 0."""
        return int(self.low > 0) - int(self.high < 0)


def paired_difference(first: np.ndarray, second: np.ndarray) -> Paired:
    """Compares two outcomes, bool [N], of the same images.

    The p-value is McNemar's exact one (1947: a sign test of the images on which the two
    differ); the interval is Newcombe's (1998, method 10) for paired proportions.
    """
    first, second = _same_shape(first, second, 1)
    only_first = int(np.sum(first & ~second))
    only_second = int(np.sum(second & ~first))
    both = int(np.sum(first & second))
    neither = len(first) - both - only_first - only_second
    p_value = 1.0
    if only_first + only_second:
        p_value = float(stats.binomtest(only_first, only_first + only_second).pvalue)
    low, high = _newcombe(both, only_first, only_second, neither)
    return Paired((only_first - only_second) / len(first), low, high, p_value, len(first))


def mean_paired_difference(
    first: np.ndarray, second: np.ndarray, draws: int = 2000, seed: int = 0
) -> Paired:
    """Compares outcomes averaged over settings, bool [settings, N], of the same images.

    The settings of one image (epsilons, seeds of a training) belong together, so images are
    what the bootstrap draws; see `bootstrap_mean`.
    """
    first, second = _same_shape(first, second, 2)
    # Sums, which are whole numbers: means that are zero must not differ from it by rounding.
    return bootstrap_mean((first.astype(float) - second).sum(axis=0), len(first), draws, seed)


def bootstrap_mean(
    per_image: np.ndarray, divisor: float = 1.0, draws: int = 2000, seed: int = 0
) -> Paired:
    """The mean of `per_image` / `divisor`, float [N], with a percentile interval over images.

    The p-value is the share of draws beyond zero, doubled.
    """
    generator = np.random.default_rng(seed)
    count = len(per_image)
    # Draws of images with replacement, as how often each is drawn.
    weights = generator.multinomial(count, np.full(count, 1 / count), size=draws)
    means = weights @ per_image / (divisor * count)
    low, high = np.quantile(means, [0.025, 0.975])
    beyond = min(np.mean(means <= 0), np.mean(means >= 0))
    p_value = min(1.0, 2 * max(beyond, 1 / draws))
    difference = per_image.sum() / (divisor * count)
    return Paired(float(difference), float(low), float(high), float(p_value), count)


def _newcombe(both: int, only_first: int, only_second: int, neither: int) -> tuple[float, float]:
    count = both + only_first + only_second + neither
    first, second = (both + only_first) / count, (both + only_second) / count
    low_1, high_1 = wilson(both + only_first, count)
    low_2, high_2 = wilson(both + only_second, count)
    product = (
        (both + only_first)
        * (only_second + neither)
        * (both + only_second)
        * (only_first + neither)
    )
    covariance = both * neither - only_first * only_second
    if covariance > 0:  # continuity correction, only towards independence
        covariance = max(covariance - count / 2, 0)
    phi = covariance / product**0.5 if product else 0.0
    down = (first - low_1) ** 2 + (high_2 - second) ** 2
    down -= 2 * phi * (first - low_1) * (high_2 - second)
    up = (high_1 - first) ** 2 + (second - low_2) ** 2
    up -= 2 * phi * (high_1 - first) * (second - low_2)
    difference = first - second
    return difference - max(down, 0) ** 0.5, difference + max(up, 0) ** 0.5


def _same_shape(first, second, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.asarray(first), np.asarray(second)
    for name, outcome in (("first", first), ("second", second)):
        if outcome.dtype != bool:  # predictions, say, would be taken for "correct"
            raise ValueError(f"{name} has type {outcome.dtype}; accepted: bool, correct or not")
    if first.shape != second.shape or first.ndim != dimensions or not first.size:
        raise ValueError(
            f"first has shape {first.shape} and second {second.shape}; accepted: two equal, "
            f"non-empty shapes of {dimensions} dimension(s)"
        )
    return first, second

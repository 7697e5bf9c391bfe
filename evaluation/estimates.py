"""A number with its interval: the one form in which measurements are compared and shown."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy import stats

from evaluation.statistics import adjusted_wald, newcombe, wilson

#: Bootstrap samples behind an interval.
DRAWS = 2000


@dataclass(frozen=True, eq=False)
class Estimate:
    """A measured number with its 95 % interval.

    Accuracies and their differences are fractions; `percent` and `points` show them times 100.

    Attributes:
        value: as measured; NaN where there is no such number.
        low, high: ends of the interval; NaN for a number without one.
        images: how many the number stands on.
        draws: bootstrap samples of the number, float [D]. Estimates of the same images share
            their samples, so that differences and ratios of them are paired. `None` where the
            interval has a formula.
    """

    value: float
    low: float = float("nan")
    high: float = float("nan")
    images: int = 1
    draws: np.ndarray | None = field(default=None, repr=False)

    @classmethod
    def exact(cls, value: float) -> "Estimate":
        """A number whose interval is not known, taken as it is."""
        return cls(value, value, value)

    @classmethod
    def share(cls, share: float, images: int) -> "Estimate":
        """A share of `images`, with Wilson's interval."""
        return cls(float(share), *wilson(round(share * images), images), images)

    @classmethod
    def accuracy(cls, correct: np.ndarray) -> "Estimate":
        """Of outcomes, bool [..., N]: their mean, with Wilson's interval for N images.

        With several seeds, images and not seeds make the interval.
        """
        return cls.share(float(correct.mean()), correct.shape[-1])

    @classmethod
    def paired(cls, first: np.ndarray, second: np.ndarray, confidence: float = 0.95) -> "Estimate":
        """Accuracy of `first` minus that of `second`, bool [..., N], on the same N images.

        One pair of outcomes per image has Newcombe's interval, see `statistics.newcombe`. With
        several (seeds, epsilons) it is that of `difference`.

        Raises:
            ValueError: other shapes or types, or no image.
        """
        first, second = _outcomes(first, second)
        images = first.shape[-1]
        first, second = first.reshape(-1, images), second.reshape(-1, images)
        if len(first) == 1:
            value = float(first.mean() - second.mean())
            return cls(value, *newcombe(first[0], second[0], confidence), images)
        # Sums are whole numbers: a difference of zero does not become one of rounding.
        per_image = (first.astype(float) - second).sum(axis=0) / len(first)
        return cls.difference(per_image, confidence=confidence)

    @classmethod
    def difference(
        cls, per_image: np.ndarray, most: float = 1.0, confidence: float = 0.95
    ) -> "Estimate":
        """The mean of a difference of accuracies for each image, float [N].

        Args:
            most: what the difference of one image can be, either way. See
                `statistics.adjusted_wald` for the interval.
        """
        per_image = np.asarray(per_image, np.float64)
        value = float(per_image.mean())
        return cls(value, *adjusted_wald(per_image, most, confidence), len(per_image))

    @classmethod
    def mean(cls, per_image: np.ndarray) -> "Estimate":
        """The mean of a number for each image, float [N], by a bootstrap over images.

        Not for accuracies and their differences, of which few values tell little: see `accuracy`
        and `difference`.
        """
        values = np.asarray(per_image, np.float64)

        def mean(weights: np.ndarray) -> np.ndarray:
            return weights.astype(np.float64) @ values / len(values)

        return cls.bootstrap(mean, len(values))

    @classmethod
    def bootstrap(
        cls,
        statistic: Callable[[np.ndarray], np.ndarray],
        images: int,
        discrete: bool = False,
    ) -> "Estimate":
        """A number of a set of images, by a bootstrap over them.

        Args:
            statistic: the number, float [D], for each row of weights, float32 [D, images]: how
                often every image is drawn. NaN where a sample does not have the number.
            discrete: whether the number takes few values, so that an end of the interval has to
                be one of them.
        """
        value = float(statistic(np.ones([1, images], np.float32))[0])
        return cls.of_draws(value, statistic(resampled(images)), images, discrete)

    @classmethod
    def of_draws(
        cls, value: float, draws: np.ndarray, images: int, discrete: bool = False
    ) -> "Estimate":
        """A number with its bootstrap samples, whose quantiles are the interval.

        A sample without the number (NaN) counts as infinite.
        """
        if not len(draws):
            return cls(value, images=images, draws=draws)
        known = np.nan_to_num(draws, nan=np.inf, posinf=np.inf, neginf=-np.inf)
        # There is nothing between an infinite sample and another.
        method: Literal["nearest", "linear"]
        method = "nearest" if discrete or not np.isfinite(known).all() else "linear"
        low, high = np.quantile(known, [0.025, 0.975], method=method)
        return cls(value, float(low), float(high), images, draws)

    @classmethod
    def over_seeds(cls, values: Sequence[float]) -> "Estimate":
        """The mean of one number per seed, with a t interval; without one below three seeds."""
        mean = float(np.mean(values))
        if len(values) < 3:
            return cls(mean, images=len(values))
        interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        return cls(mean, float(interval.low), float(interval.high), len(values))

    @property
    def sign(self) -> int:
        """1 or -1 where the interval excludes zero, else 0."""
        return self.above(0.0)

    def above(self, bound: float) -> int:
        """1 where the whole interval lies above `bound`, -1 where it lies below, else 0."""
        return int(self.low > bound) - int(self.high < bound)

    def widened(self, comparisons: int) -> "Estimate":
        """With the interval that holds for so many such numbers at once, by Bonferroni."""
        factor = stats.norm.isf(0.025 / comparisons) / stats.norm.isf(0.025)
        low = self.value - factor * (self.value - self.low)
        high = self.value + factor * (self.high - self.value)
        return replace(self, low=low, high=high)

    def times(self, factor: float) -> "Estimate":
        """The number in another unit."""
        low, high = sorted((factor * self.low, factor * self.high))
        draws = None if self.draws is None else factor * self.draws
        return Estimate(factor * self.value, low, high, self.images, draws)

    def __sub__(self, other: "Estimate") -> "Estimate":
        """The difference; paired where both are of the same images."""
        mine, others = _both_draws(self, other)
        images = min(self.images, other.images)
        return Estimate.of_draws(self.value - other.value, mine - others, images)

    def __truediv__(self, other: "Estimate") -> "Estimate":
        """The ratio; paired where both are of the same images."""
        mine, others = _both_draws(self, other)
        with np.errstate(divide="ignore", invalid="ignore"):
            # A sample of nothing to nothing says nothing.
            draws = (mine / others)[(mine != 0) | (others != 0)]
        value = self.value / other.value if other.value else np.inf
        return Estimate.of_draws(value, draws, min(self.images, other.images))

    def percent(self, digits: int = 1) -> str:
        """A fraction in percent: "91.4 [89.1, 93.2]"."""
        return self.times(100).text(digits)

    def points(self, digits: int = 1) -> str:
        """A difference of fractions in percentage points: "+2.3 [-0.1, +4.7]"."""
        return self.times(100)._shown(f"+z.{digits}f")

    def text(self, digits: int = 3) -> str:
        """With so many decimals: "0.914 [0.891, 0.932]"."""
        return self._shown(f"z.{digits}f")

    def short(self, digits: int = 3) -> str:
        """With so many significant digits: "0.914 [0.891, 0.932]"."""
        return self._shown(f".{digits}g")

    def _shown(self, form: str) -> str:
        """With "nowhere" for a number that there is not and "no bound" for an infinite one."""

        def shown(number: float) -> str:
            if np.isfinite(number):
                return f"{number:{form}}"
            return "nowhere" if np.isnan(number) else "no bound"

        value, low, high = map(shown, (self.value, self.low, self.high))
        if np.isnan(self.low) or (np.isnan(self.value) and np.isinf(self.low)):
            return value
        return f"{value} [{low}, {high}]"


def average(estimates: Iterable[Estimate]) -> Estimate:
    """The mean of one estimate or more that have bootstrap samples."""
    every = list(estimates)
    draws = np.mean([_draws(each) for each in every], axis=0)
    value = float(np.mean([each.value for each in every]))
    return Estimate.of_draws(value, draws, min(each.images for each in every))


@lru_cache(maxsize=4)
def resampled(images: int) -> np.ndarray:
    """How often each of `images` is drawn in each bootstrap sample, float32 [DRAWS, images]."""
    generator = np.random.default_rng(0)
    drawn = generator.multinomial(images, np.full(images, 1 / images), size=DRAWS)
    return drawn.astype(np.float32)


def _draws(estimate: Estimate) -> np.ndarray:
    if estimate.draws is None:
        raise ValueError(f"estimate is {estimate}; accepted: one with bootstrap samples")
    return estimate.draws


def _both_draws(first: Estimate, second: Estimate) -> tuple[np.ndarray, np.ndarray]:
    return _draws(first), _draws(second)


def _outcomes(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.asarray(first), np.asarray(second)
    for name, outcome in (("first", first), ("second", second)):
        if outcome.dtype != bool:  # predictions, say, would be taken for "correct"
            raise ValueError(f"{name} has type {outcome.dtype}; accepted: bool, correct or not")
    if first.shape != second.shape or not first.size:
        raise ValueError(
            f"first has shape {first.shape} and second {second.shape}; accepted: two equal, "
            "non-empty shapes"
        )
    return first, second

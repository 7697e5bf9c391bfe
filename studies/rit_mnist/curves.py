"""What the RIT study reads off curves, predictions and losses."""

from collections.abc import Iterable

import numpy as np

from evaluation import Curve, Estimate, alike
from harness.arms import Protocol
from harness.results import Results
from studies.rit_mnist.arms import CASE, PUBLISHED_EPSILONS

#: Added to a bound, so that an epsilon equal to it does not lie beyond it by rounding.
ROUNDING = 1e-9


def attacked(
    results: Results,
    roles: Iterable[str],
    attack: str | tuple[str, ...] = "FGSM",
    protocol: Protocol = Protocol.FAITHFUL,
) -> list[Curve]:
    """One curve for each of some networks, or none at all if one of them was not run.

    Args:
        attack: of several ones the worst counts for every image.
    """
    where = {"case": CASE, "protocol": protocol, "attack": attack}
    every = [results.curve(role=role, **where) for role in roles]
    return [] if any(curve is None for curve in every) else every


def area_gain(first: Curve, second: Curve, up_to: float = 0.3) -> Estimate:
    """How much higher the accuracy of `first` is, on average over epsilons from 0 to `up_to`."""
    first, second = alike(first, second)
    return Estimate.mean(_areas(first, up_to) - _areas(second, up_to))


def _areas(curve: Curve, up_to: float) -> np.ndarray:
    """float [N]; the trapezoids below each image's curve, over `up_to`."""
    kept = curve.where(curve.epsilons <= up_to + ROUNDING)
    return np.trapezoid(kept.per_image, kept.epsilons, axis=0) / up_to


def crossing(first: Curve, second: Curve, from_there_on: bool = False) -> Estimate:
    """The smallest epsilon up to which `first` is above `second`; NaN if there is none.

    Between the epsilons of the curves it is interpolated. An end of the interval is infinite
    where more than a fortieth of the bootstrap samples have no crossing.

    Args:
        from_there_on: whether it is the epsilon from which `first` is above instead.
    """
    upper, lower = reversed(alike(first, second)) if from_there_on else alike(first, second)
    # Sums over seeds and images are whole numbers, so curves that are equal differ by exactly 0.
    gain = (upper.correct.sum(axis=1) - lower.correct.sum(axis=1)).astype(np.float32)

    def crossings(weights: np.ndarray) -> np.ndarray:
        return np.array([_crossing(upper.epsilons, each) for each in weights @ gain.T])

    return Estimate.bootstrap(crossings, upper.images)


def _crossing(epsilons: np.ndarray, gain: np.ndarray) -> float:
    """Where `gain` [E] falls from above zero to below for the first time, else NaN.

    Curves that are the same from somewhere on, as at zero, do not cross.
    """
    kept = np.flatnonzero(gain)
    epsilons, gain = epsilons[kept], gain[kept]
    falls = np.flatnonzero((gain[:-1] > 0) & (gain[1:] < 0))
    if not len(falls):
        return float("nan")
    at = falls[0]
    share = gain[at] / (gain[at] - gain[at + 1])
    return float(epsilons[at] + share * (epsilons[at + 1] - epsilons[at]))


def median_limit(curve: Curve) -> Estimate:
    """The median over images of the largest epsilon up to which each is classified correctly.

    An image that is wrong without attack has 0. The interval is that of the order statistics.
    """
    held = np.logical_and.accumulate(curve.correct, axis=0).sum(axis=0)  # [seeds, N]
    limits = np.sort(curve.epsilons[np.maximum(held, 1) - 1].ravel())
    half = 0.98 / np.sqrt(curve.images)  # of a binomial share near one half
    low, value, high = np.quantile(
        limits, [max(0, 0.5 - half), 0.5, min(1, 0.5 + half)], method="inverted_cdf"
    )
    return Estimate(float(value), float(low), float(high), curve.images)


def steps(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    """Falls between the post's epsilons, per image float [9, N], and where each ends."""
    published = curve.only(PUBLISHED_EPSILONS)
    return -np.diff(published.per_image, axis=0), published.epsilons[1:]


def largest_step(curve: Curve) -> Estimate:
    """The epsilon at the end of the largest fall."""
    falls, ends = steps(curve)

    def largest(weights: np.ndarray) -> np.ndarray:
        return ends[(weights @ falls.T).argmax(axis=1)]

    return Estimate.bootstrap(largest, curve.images, discrete=True)


def constant_from(curve: Curve, tolerance: float = 0.02) -> Estimate:
    """The smallest of the post's epsilons from which on accuracies differ by `tolerance` at most.

    NaN if not even the last two do. It has no interval.
    """
    published = curve.only(PUBLISHED_EPSILONS)
    accuracies = published.correct.mean(axis=(1, 2))
    spreads = np.array([np.ptp(accuracies[start:]) for start in range(len(accuracies) - 1)])
    held = published.epsilons[:-1][spreads <= tolerance]
    return Estimate(float(held[0]) if len(held) else float("nan"), images=curve.images)


def plateau(curve: Curve, beyond: float = 0.4) -> Curve:
    """At the post's epsilons beyond one of them."""
    published = curve.only(PUBLISHED_EPSILONS)
    return published.where(published.epsilons > beyond + ROUNDING)


def confusion(results: Results, role: str) -> np.ndarray | None:
    """How often each true class gets each prediction under FGSM, all seeds together.

    Returns:
        int [1 + E, classes, classes], the clean images first, or `None` if it was not run.
    """
    kept = _kept(results, role)
    return np.sum([arrays["confusion"] for arrays in kept], axis=0) if kept else None


def strip(results: Results, role: str) -> tuple[np.ndarray, np.ndarray] | None:
    """One image of the pictured class under FGSM at every epsilon, in the first run.

    Returns:
        Pictures uint8 [1 + E, height, width, channels] with predictions int [1 + E], the clean
        image first, or `None` if it was not run.
    """
    kept = _kept(results, role)
    return (kept[0]["strip"], kept[0]["strip_predictions"]) if kept else None


def _kept(results: Results, role: str) -> list[dict[str, np.ndarray]]:
    """What is kept of a network under FGSM, which both protocols have alike, run by run."""
    for protocol in Protocol:
        arms = results.arms(case=CASE, protocol=protocol, role=role, attack="FGSM")
        if arms:
            return [results.examples[arm] for arm in arms]
    return []


def entropy(counts: np.ndarray) -> np.ndarray:
    """Entropy of predicted classes in bits, float [E], from counts int [E, classes]."""
    shares = counts / counts.sum(axis=1, keepdims=True)
    return 0 - (shares * np.log2(np.where(shares > 0, shares, 1))).sum(axis=1)


def losses(results: Results, role: str) -> np.ndarray | None:
    """Training losses of a network, float [seeds, epochs]; `None` if it was not trained."""
    rows = results.trained(case=CASE, role=role).sort_values("seed", kind="stable")
    stages = rows["stage"].unique()
    if not len(stages):
        return None
    return np.stack([results.history(stage)["loss"] for stage in stages])

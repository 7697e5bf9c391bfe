"""What the RIT study reads off curves, predictions and losses."""

from functools import partial

import numpy as np
from scipy import stats
from scipy.interpolate import make_interp_spline

from evaluation import Curve, Estimate, NotRun, alike
from harness.arms import Protocol
from harness.results import Results
from studies.rit_mnist.arms import CASE, PLATEAU, PUBLISHED_EPSILONS

#: Of predicted classes in bits, float [E], from counts int [E, classes].
entropy = partial(stats.entropy, base=2, axis=1)


def attacked(
    results: Results,
    *roles: str,
    attack: str | tuple[str, ...] = "FGSM",
    protocol: Protocol = Protocol.FAITHFUL,
) -> list[Curve]:
    """A curve for each network; of several attacks the worst counts for every image."""
    where = {"case": CASE, "protocol": protocol, "attack": attack}
    return [results.curve(role=role, **where) for role in roles]


def gain_at(epsilon: float, first: Curve, second: Curve) -> Estimate:
    """How much higher the accuracy of `first` is at one epsilon."""
    return Estimate.paired(*(curve.at(epsilon) for curve in alike(first, second)))


def area_gain(first: Curve, second: Curve, up_to: float = 0.3, start: float = 0.0) -> Estimate:
    """How much higher the accuracy of `first` is, on average over epsilons from `start` on."""
    first, second = alike(first, second)
    return Estimate.difference(_mean(first, start, up_to) - _mean(second, start, up_to))


def _mean(curve: Curve, start: float, up_to: float) -> np.ndarray:
    """float [N], of each image's curve, which is straight between the epsilons."""
    if curve.epsilons[-1] < up_to:
        raise NotRun(f"up_to is {up_to}; accepted: up to {curve.epsilons[-1]}")
    straight = make_interp_spline(curve.epsilons, curve.per_image, k=1)
    return straight.integrate(start, up_to) / (up_to - start)


def crossing(first: Curve, second: Curve) -> Estimate:
    """The smallest epsilon up to which `first` is above `second`; NaN if there is none.

    Between the epsilons of the curves it is interpolated. An end of the interval is infinite
    where more than a fortieth of the bootstrap samples have no crossing.
    """
    upper, lower = alike(first, second)
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


def limits(curve: Curve) -> np.ndarray:
    """The largest epsilon up to which each image is classified correctly, float [seeds, N].

    An image that is wrong without attack has 0.
    """
    held = np.logical_and.accumulate(curve.correct, axis=0).sum(axis=0)
    return curve.epsilons[np.maximum(held, 1) - 1]


def median_limit(curve: Curve) -> Estimate:
    """The median of `limits`, with the interval of the order statistics."""
    half = 0.98 / np.sqrt(curve.images)  # of a binomial share near one half
    shares = np.clip([0.5 - half, 0.5, 0.5 + half], 0, 1)
    low, value, high = np.quantile(limits(curve), shares, method="inverted_cdf")
    return Estimate(float(value), float(low), float(high), curve.images)


def _as_published(curve: Curve) -> np.ndarray:
    """bool [10, seeds, N] without attack and at each of the post's epsilons."""
    return np.stack([curve.at(epsilon) for epsilon in (0.0, *PUBLISHED_EPSILONS)])


def steps(curve: Curve) -> np.ndarray:
    """Falls to each of the post's epsilons from the one before, per image float [9, N]."""
    return -np.diff(_as_published(curve).mean(axis=1), axis=0)


def largest_step(curve: Curve) -> Estimate:
    """The epsilon at the end of the largest fall."""
    falls, ends = steps(curve), np.array(PUBLISHED_EPSILONS)

    def largest(weights: np.ndarray) -> np.ndarray:
        return ends[(weights @ falls.T).argmax(axis=1)]

    return Estimate.bootstrap(largest, curve.images, discrete=True)


def constant_from(curve: Curve) -> Estimate:
    """The smallest of the post's epsilons from which on accuracies differ by 2 points at most.

    NaN if not even the last two do. It has no interval.
    """
    accuracies = _as_published(curve).mean(axis=(1, 2))
    for start, epsilon in enumerate((0.0, *PUBLISHED_EPSILONS[:-1])):
        if np.ptp(accuracies[start:]) <= 0.02:
            return Estimate(epsilon, images=curve.images)
    return Estimate(float("nan"), images=curve.images)


def plateau(curve: Curve) -> np.ndarray:
    """bool [5, seeds, N] at the post's epsilons beyond 0.4."""
    return np.stack([curve.at(epsilon) for epsilon in PLATEAU])


def confusion(results: Results, role: str) -> np.ndarray:
    """How often each class gets each prediction under FGSM, int [1 + E, classes, classes]."""
    return np.sum([kept["confusion"] for kept in pictured(results, role)], axis=0)


def pictured(results: Results, role: str) -> list[dict[str, np.ndarray]]:
    """What is kept of a network under FGSM, run by run; see `harness.pictures.strip`."""
    for protocol in Protocol:  # both have the same
        arms = results.arms(case=CASE, protocol=protocol, role=role, attack="FGSM")
        if arms:
            return [results.examples[arm] for arm in arms]
    raise NotRun(f"{role} under FGSM")


def losses(results: Results, role: str) -> np.ndarray:
    """Training losses of a network, float [seeds, epochs]."""
    rows = results.trained(case=CASE, role=role).sort_values("seed", kind="stable")
    if rows.empty:
        raise NotRun(f"training of {role}")
    return np.stack([results.history(stage)["loss"] for stage in rows["stage"].unique()])

"""What the RIT study reads off accuracy curves: areas, crossings, limits; with 95 % intervals."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from evaluation import Paired, bootstrap_mean, wilson
from harness.results import Results
from studies.rit_mnist.arms import CASE, PUBLISHED_EPSILONS

#: Images are what the bootstrap draws; the seeds of one image belong together.
DRAWS = 1000


@dataclass(frozen=True, eq=False)
class Outcome:
    """One network under attack.

    Attributes:
        epsilons: float [E] in [0, 1], 0 (the clean images) first.
        correct: bool [E, seeds, N].
    """

    epsilons: np.ndarray
    correct: np.ndarray

    @property
    def images(self) -> int:
        return self.correct.shape[2]

    @property
    def per_image(self) -> np.ndarray:
        """float [E, N], the mean over seeds."""
        return self.correct.mean(axis=1)

    def at(self, epsilon: float) -> np.ndarray | None:
        """bool [seeds, N] at one of the epsilons, `None` for another."""
        found = np.flatnonzero(np.isclose(self.epsilons, epsilon))
        return self.correct[found[0]] if len(found) else None

    def only(self, epsilons) -> "Outcome":
        """At these epsilons and 0 alone."""
        kept = np.isclose(self.epsilons[:, np.newaxis], [0, *epsilons]).any(axis=1)
        return Outcome(self.epsilons[kept], self.correct[kept])

    def first(self, images: int) -> "Outcome":
        return Outcome(self.epsilons, self.correct[:, :, :images])


def outcome(
    results: Results,
    role: str,
    attack: str | None = "FGSM",
    protocol: str = "faithful",
) -> Outcome | None:
    """One network under an attack, or `None` where it was not run.

    With `attack=None` under the worst of all attacks of the protocol for every image, at the
    epsilons and on the images that they share; those with a single epsilon are left out.
    """
    table = results.table
    rows = table[
        (table["case"] == CASE)
        & (table["protocol"] == protocol)
        & (table["role"] == role)
        & ((table["attack"] == attack) | (attack is None))
    ]
    if rows.empty:
        return None
    by_attack = [_of_attack(results, of_attack) for _, of_attack in rows.groupby("attack")]
    if attack is None:
        by_attack = [each for each in by_attack if len(each.epsilons) > 2]
    shared = [
        epsilon
        for epsilon in by_attack[0].epsilons
        if all(np.isclose(each.epsilons, epsilon).any() for each in by_attack)
    ]
    images = min(each.images for each in by_attack)
    alike = [each.only(shared).first(images) for each in by_attack]
    worst = np.logical_and.reduce([each.correct for each in alike])
    return Outcome(alike[0].epsilons, worst)


def _of_attack(results: Results, rows) -> Outcome:
    arms = rows.sort_values("seed", kind="stable")["arm"].unique()
    epsilons = rows[rows["arm"] == arms[0]]["epsilon"].to_numpy()
    return Outcome(epsilons, np.stack([results.correct[arm] for arm in arms], axis=1))


def confusion(results: Results, role: str) -> np.ndarray | None:
    """How often each true class gets each prediction under FGSM, all seeds together.

    Returns:
        int [1 + E, classes, classes], the clean images first, or `None` if it was not run.
    """
    shown = _shown(results, role)
    return np.sum([each["confusion"] for each in shown], axis=0) if shown else None


def strip(results: Results, role: str) -> tuple[np.ndarray, np.ndarray] | None:
    """One image of the pictured class under FGSM at every epsilon, of the first seed.

    Returns:
        Pictures uint8 [1 + E, height, width, channels] with predictions int [1 + E], the clean
        image first, or `None` if it was not run.
    """
    shown = _shown(results, role)
    return (shown[0]["strip"], shown[0]["strip_predictions"]) if shown else None


def _shown(results: Results, role: str) -> list[dict[str, np.ndarray]]:
    """What is kept of the network under FGSM for pictures, by seed."""
    table = results.table
    rows = table[
        (table["case"] == CASE) & (table["role"] == role) & (table["attack"] == "FGSM")
    ].sort_values(["protocol", "seed"], ascending=[False, True], kind="stable")
    # Both protocols have the same FGSM.
    rows = rows[rows["protocol"] == rows["protocol"].iloc[0]] if len(rows) else rows
    return [results.examples[arm] for arm in rows["arm"].unique()]


def entropy(counts: np.ndarray) -> np.ndarray:
    """Of predicted classes, int [E, classes], in bits."""
    shares = counts / counts.sum(axis=1, keepdims=True)
    return 0 - (shares * np.log2(np.where(shares > 0, shares, 1))).sum(axis=1)


def alike(*outcomes: Outcome) -> tuple[Outcome, ...]:
    """The same, on the images that all have."""
    images = min(each.images for each in outcomes)
    return tuple(each.first(images) for each in outcomes)


def accuracy(correct: np.ndarray) -> tuple[float, float, float]:
    """(accuracy, low, high) of outcomes [seeds, N]; images, not seeds, make the interval."""
    return float(correct.mean()), *wilson(
        round(correct.mean() * correct.shape[1]), correct.shape[1]
    )


def mean_gain(first: np.ndarray, second: np.ndarray) -> Paired:
    """Accuracy of outcomes [seeds, N] minus that of others on the same images."""
    return bootstrap_mean(first.mean(axis=0) - second.mean(axis=0), draws=DRAWS)


def area_gain(first: Outcome, second: Outcome, up_to: float = 0.3) -> Paired:
    """How much higher the accuracy of `first` is, on average over epsilons from 0 to `up_to`."""
    first, second = alike(first, second)
    return bootstrap_mean(_areas(first, up_to) - _areas(second, up_to), draws=DRAWS)


def _areas(of: Outcome, up_to: float) -> np.ndarray:
    """float [N]; the trapezoids below each image's curve, over `up_to`."""
    kept = of.epsilons <= up_to + 1e-9
    return np.trapezoid(of.per_image[kept], of.epsilons[kept], axis=0) / up_to


class Read(NamedTuple):
    """A number read off curves; NaN where the curves do not have it."""

    value: float
    low: float
    high: float
    images: int

    def __str__(self) -> str:
        if np.isnan(self.value):
            return "nowhere"
        low, high = (
            f"{end:.3g}" if np.isfinite(end) else "nowhere" for end in (self.low, self.high)
        )
        return f"{self.value:.3g} [{low}, {high}]"

    def is_near(self, published: float, tolerance: float) -> int:
        """1 if the interval is within `tolerance` of `published`, -1 if apart from it, else 0."""
        if np.isnan(self.value):
            return -1
        nearest, farthest = published - tolerance - 1e-9, published + tolerance + 1e-9
        if nearest <= self.low and self.high <= farthest:
            return 1
        return -1 if self.low > farthest or self.high < nearest else 0


def crossing(first: Outcome, second: Outcome, rises: bool = False) -> Read:
    """The smallest epsilon up to which `first` is above `second`, between the grid interpolated.

    With `rises` the smallest one from which it is above. An end of the interval is infinite
    where more than a fortieth of the draws have no crossing.
    """
    first, second = alike(first, second)
    gain = first.per_image - second.per_image
    sign = -1 if rises else 1
    generator = np.random.default_rng(0)
    weights = generator.multinomial(first.images, np.full(first.images, 1 / first.images), DRAWS)
    value = _crossing(first.epsilons, sign * gain.mean(axis=1))
    drawn = np.array([_crossing(first.epsilons, sign * g) for g in weights @ gain.T])
    low, high = np.quantile(np.nan_to_num(drawn, nan=np.inf), [0.025, 0.975], method="nearest")
    return Read(value, float(low), float(high), first.images)


def _crossing(epsilons: np.ndarray, gain: np.ndarray) -> float:
    """Where `gain` [E] falls from above zero to below for the first time, else NaN.

    Curves that are the same from somewhere on, as at zero, do not cross.
    """
    kept = np.flatnonzero(gain)
    epsilons, gain = epsilons[kept], gain[kept]
    for at in range(1, len(gain)):
        if gain[at - 1] > 0 > gain[at]:
            share = gain[at - 1] / (gain[at - 1] - gain[at])
            return float(epsilons[at - 1] + share * (epsilons[at] - epsilons[at - 1]))
    return float("nan")


def median_limit(of: Outcome) -> Read:
    """The median over images of the largest epsilon up to which each is classified correctly.

    An image that is wrong without attack has 0. The interval is that of the order statistics.
    """
    held = np.logical_and.accumulate(of.correct, axis=0).sum(axis=0)  # [seeds, N]
    limits = np.sort(of.epsilons[np.maximum(held, 1) - 1].ravel())
    half = 0.98 * np.sqrt(of.images) / of.images  # of a binomial share near one half
    low, value, high = np.quantile(
        limits, [max(0, 0.5 - half), 0.5, min(1, 0.5 + half)], method="inverted_cdf"
    )
    return Read(float(value), float(low), float(high), of.images)


def steps(of: Outcome) -> tuple[np.ndarray, np.ndarray]:
    """Falls between the post's epsilons, per image float [9, N], and where each ends."""
    published = of.only(PUBLISHED_EPSILONS)
    return -np.diff(published.per_image, axis=0), published.epsilons[1:]


def largest_step(of: Outcome) -> Read:
    """The end of the largest fall; the interval has all ends that the bootstrap finds there."""
    falls, ends = steps(of)
    generator = np.random.default_rng(0)
    weights = generator.multinomial(of.images, np.full(of.images, 1 / of.images), DRAWS)
    found = np.quantile(ends[(weights @ falls.T).argmax(axis=1)], [0.025, 0.975], method="nearest")
    return Read(float(ends[falls.mean(axis=1).argmax()]), *map(float, found), of.images)


def constant_from(of: Outcome, tolerance: float = 0.02) -> float:
    """The smallest of the post's epsilons from which on accuracies differ by `tolerance` at most.

    NaN if not even the last two do.
    """
    published = of.only(PUBLISHED_EPSILONS)
    accuracies = published.per_image.mean(axis=1)
    spreads = [np.ptp(accuracies[start:]) for start in range(len(accuracies) - 1)]
    held = np.flatnonzero(np.array(spreads) <= tolerance)
    return float(published.epsilons[held[0]]) if len(held) else float("nan")


def plateau(of: Outcome, beyond: float = 0.4) -> np.ndarray:
    """Outcomes beyond an epsilon of the post, bool [E, seeds, N]."""
    published = of.only(PUBLISHED_EPSILONS)
    return published.correct[published.epsilons > beyond + 1e-9]

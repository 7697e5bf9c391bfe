"""The numbers that the NTU study printed, as they are measured."""

import numpy as np

from evaluation import mean_paired_difference, wilson
from harness.links import Link
from harness.results import Results

#: In grey levels; the study's epsilons are below.
_BEYOND = 0.85


class Measure:
    """Computes the number a link asks for, or `None` where nothing was run.

    With several seeds an accuracy is their mean, and images, not seeds, make its interval.
    """

    def __init__(self, results: Results):
        self.results = results

    def __call__(self, link: Link, protocol: str) -> tuple | None:
        """(value, low, high, images), accuracies in percent, epsilons in grey levels."""
        compute = {
            "accuracy under attack": self._accuracy,
            "clean accuracy": self._clean_accuracy,
            "mean drop": self._mean_drop,
            "mean gain": self._mean_gain,
            "plateau": self._plateau,
            "rise": self._rise,
            "better up to": self._better_up_to,
        }[link.kind]
        return compute(link, protocol)

    def published_range(self, case: str, protocol: str, role: str, attack: str):
        """For the study's epsilons: (clean [seeds, N], attacked [8, seeds, N]), or `None`."""
        found = self.results.outcomes(case, protocol, role, attack)
        if found is None:
            return None
        epsilons, correct = found
        return correct[0], correct[(epsilons > 0) & (epsilons < _BEYOND)]

    def _accuracy(self, link: Link, protocol: str):
        found = self.results.outcomes(link.cases[0], protocol, link.role, link.attacks[0])
        if found is None:
            return None
        (index,) = np.flatnonzero(np.isclose(found[0], link.epsilon_grey))
        return _percent(found[1][index])

    def _clean_accuracy(self, link: Link, protocol: str):
        trainings = self.results.trainings
        rows = trainings[
            (trainings["case"] == link.cases[0])
            & (trainings["protocol"] == protocol)
            & (trainings["variant"] == "main")
            & (trainings["role"] == "undefended")
        ]
        if rows.empty:
            return None
        images = int(rows[f"{link.split}_images"].iloc[0])
        accuracy = rows[f"{link.split}_accuracy"].mean()
        low, high = wilson(round(accuracy * images), images)
        return 100 * accuracy, 100 * low, 100 * high, images

    def _mean_drop(self, link: Link, protocol: str):
        attacked = self.published_range(link.cases[0], protocol, link.role, link.attacks[0])
        # The study measures every drop from the undefended network; corrected, from its own.
        reference = "undefended" if protocol == "faithful" else link.role
        clean = self.published_range(link.cases[0], protocol, reference, link.attacks[0])
        if attacked is None or clean is None:
            return None
        return _difference(np.broadcast_to(clean[0], attacked[1].shape), attacked[1], link.factor)

    def _mean_gain(self, link: Link, protocol: str):
        student = self.published_range(link.cases[0], protocol, "student", link.attacks[0])
        undefended = self.published_range(link.cases[0], protocol, "undefended", link.attacks[0])
        if student is None or undefended is None:
            return None
        return _difference(student[1], undefended[1], link.factor)

    def _plateau(self, link: Link, protocol: str):
        roles = ("undefended", "student") if link.role == "all" else (link.role,)
        found = [
            self._over_curves(link, protocol, [role], _constant_from, np.max) for role in roles
        ]
        found = [value for value in found if value is not None]
        return max(found, key=lambda value: value[0]) if found else None

    def _rise(self, link: Link, protocol: str):
        return self._over_curves(link, protocol, [link.role], _first_rise, np.nanmin)

    def _better_up_to(self, link: Link, protocol: str):
        return self._over_curves(link, protocol, ["student", "undefended"], _better_range, min)

    def _over_curves(self, link: Link, protocol: str, roles, read, combine):
        """Reads one epsilon off the curves of each case and attack, and combines them."""
        values, images = [], 0
        for case in link.cases:
            for attack in link.attacks:
                found = [self.results.outcomes(case, protocol, role, attack) for role in roles]
                if any(part is None for part in found):
                    continue
                inside = found[0][0] < _BEYOND
                accuracies = [correct[inside].mean(axis=(1, 2)) for _, correct in found]
                values.append(read(found[0][0][inside], *accuracies))
                images = max(images, found[0][1].shape[2])
        if not values:
            return None
        value = np.nan if np.isnan(values).all() else float(combine(values))
        return value, np.nan, np.nan, images


def _constant_from(epsilons: np.ndarray, accuracies: np.ndarray) -> float:
    """The smallest epsilon from which on the accuracy does not change; NaN if it always does."""
    changes = np.flatnonzero(np.diff(accuracies) != 0)
    start = changes[-1] + 1 if len(changes) else 0
    return float(epsilons[start]) if start < len(epsilons) - 1 else float("nan")


def _first_rise(epsilons: np.ndarray, accuracies: np.ndarray) -> float:
    """The smallest attacked epsilon at which accuracy exceeds that at the one before."""
    rises = np.flatnonzero(np.diff(accuracies[1:]) > 0)
    return float(epsilons[rises[0] + 2]) if len(rises) else float("nan")


def _better_range(epsilons: np.ndarray, student: np.ndarray, undefended: np.ndarray) -> float:
    """The largest epsilon up to which the student is better at every one; 0 for none."""
    better = student[1:] > undefended[1:]
    return float(epsilons[len(better) if better.all() else int(np.argmin(better))])


def _percent(correct: np.ndarray):
    """Of correct, bool [seeds, N]: (accuracy, low, high) in percent, and N."""
    images = correct.shape[1]
    low, high = wilson(round(correct.mean() * images), images)
    return 100 * float(correct.mean()), 100 * low, 100 * high, images


def _difference(first: np.ndarray, second: np.ndarray, factor: float):
    """Of outcomes [8, seeds, N], which stay together for an image."""
    images = first.shape[-1]
    paired = mean_paired_difference(first.reshape(-1, images), second.reshape(-1, images))
    unit = 100 * factor
    low, high = sorted((unit * paired.low, unit * paired.high))
    return unit * paired.difference, low, high, paired.count

"""The numbers that the NTU study printed, as they are measured."""

from collections.abc import Callable

import numpy as np

from evaluation import Curve, Estimate
from harness.arms import MAIN, Case, Protocol, Role
from harness.links import Link
from harness.results import Results

#: In grey levels; the study's epsilons are below.
BEYOND = 0.85


def measure(results: Results, link: Link, protocol: Protocol) -> Estimate | None:
    """The number a link asks for, accuracies in percent and epsilons in grey levels.

    With several seeds an accuracy is their mean, and images, not seeds, make its interval.
    """
    return _MEASURES[link.kind](results, link, protocol)


def in_range(
    results: Results, case: Case, protocol: Protocol, role: str, attack: str
) -> Curve | None:
    """The curve that stands beside a published one, at the study's epsilons."""
    curve = results.compared_curve(case, protocol, role, attack=attack)
    return None if curve is None else curve.where(curve.grey < BEYOND)


def _accuracy(results: Results, link: Link, protocol: Protocol) -> Estimate | None:
    curve = results.compared_curve(link.cases[0], protocol, link.role, attack=link.attacks[0])
    if curve is None:
        return None
    return Estimate.accuracy(curve.at(grey=link.epsilon_grey)).times(100)


def _clean_accuracy(results: Results, link: Link, protocol: Protocol) -> Estimate | None:
    return clean_accuracy(results, link.cases[0], protocol, link.split)


def clean_accuracy(results: Results, case: Case, protocol: Protocol, split: str) -> Estimate | None:
    """Of the undefended network, in percent."""
    rows = results.trained(case=case, protocol=protocol, variant=MAIN, role=Role.UNDEFENDED)
    if rows.empty:
        return None
    accuracy, images = rows[f"{split}_accuracy"].mean(), int(rows[f"{split}_images"].iloc[0])
    return Estimate.share(accuracy, images).times(100)


def _mean_drop(results: Results, link: Link, protocol: Protocol) -> Estimate | None:
    # The study measures every drop from the undefended network; corrected, from its own.
    reference = Role.UNDEFENDED if protocol == Protocol.FAITHFUL else link.role
    place = link.cases[0], protocol
    attacked = in_range(results, *place, link.role, link.attacks[0])
    clean = in_range(results, *place, reference, link.attacks[0])
    if attacked is None or clean is None:
        return None
    under_attack = attacked.correct[1:]
    unattacked = np.broadcast_to(clean.correct[0], under_attack.shape)
    return Estimate.paired(unattacked, under_attack).times(100 * link.factor)


def _mean_gain(results: Results, link: Link, protocol: Protocol) -> Estimate | None:
    gain = mean_gain(results, link.cases[0], protocol, link.attacks[0], Role.UNDEFENDED)
    return None if gain is None else gain.times(100 * link.factor)


def mean_gain(
    results: Results, case: Case, protocol: Protocol, attack: str, reference: str
) -> Estimate | None:
    """Accuracy of the student minus that of another network, over the study's epsilons."""
    student, other = (
        in_range(results, case, protocol, role, attack) for role in (Role.STUDENT, reference)
    )
    if student is None or other is None:
        return None
    return Estimate.paired(student.correct[1:], other.correct[1:])


def _plateau(results: Results, link: Link, protocol: Protocol) -> Estimate | None:
    roles = (Role.UNDEFENDED, Role.STUDENT) if link.role == "all" else (link.role,)
    read = [_read_off(results, link, protocol, (role,), _constant_from, np.max) for role in roles]
    return max((each for each in read if each), key=lambda each: each.value, default=None)


def _rise(results: Results, link: Link, protocol: Protocol) -> Estimate | None:
    return _read_off(results, link, protocol, (link.role,), _first_rise, np.nanmin)


def _better_up_to(results: Results, link: Link, protocol: Protocol) -> Estimate | None:
    roles = (Role.STUDENT, Role.UNDEFENDED)
    return _read_off(results, link, protocol, roles, _better_range, min)


def _read_off(
    results: Results,
    link: Link,
    protocol: Protocol,
    roles: tuple[str, ...],
    read: Callable[..., float],
    combine: Callable,
) -> Estimate | None:
    """One epsilon read off the curves of each case and attack, combined over them."""
    values, images = [], 0
    for case in link.cases:
        for attack in link.attacks:
            curves = [in_range(results, case, protocol, role, attack) for role in roles]
            if None not in curves:
                accuracies = [curve.correct.mean(axis=(1, 2)) for curve in curves]
                values.append(read(curves[0].grey, *accuracies))
                images = max(images, curves[0].images)
    if not values:
        return None
    value = np.nan if np.isnan(values).all() else float(combine(values))
    return Estimate(value, images=images)


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


_MEASURES = {
    "accuracy under attack": _accuracy,
    "clean accuracy": _clean_accuracy,
    "mean drop": _mean_drop,
    "mean gain": _mean_gain,
    "plateau": _plateau,
    "rise": _rise,
    "better up to": _better_up_to,
}

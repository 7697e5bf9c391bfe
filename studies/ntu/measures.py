"""The numbers that the NTU study printed, as they are measured."""

from collections.abc import Callable

import numpy as np

from evaluation import Curve, Estimate, NotRun
from harness.arms import MAIN, Case, Protocol, Role
from harness.links import Link
from harness.results import Results, where_run

#: In grey levels; the study's epsilons are below.
BEYOND = 0.85
#: The networks of which the study prints accuracies.
PRINTED = (Role.UNDEFENDED, Role.STUDENT)


def measure(results: Results, link: Link, protocol: Protocol) -> Estimate:
    """The number a link asks for, accuracies in percent and epsilons in grey levels.

    With several seeds an accuracy is their mean, and images, not seeds, make its interval.
    """
    return MEASURES[link.kind](results, link, protocol).times(link.factor)


def in_range(
    results: Results, case: Case, protocol: str, role: str, attack: str, variant: str = MAIN
) -> Curve:
    """The curve that stands beside a published one, at the study's epsilons."""
    curve = results.compared_curve(case, protocol, role, attack=attack, variant=variant)
    return curve.where(curve.grey < BEYOND)


def pair(
    results: Results, case: Case, protocol: str, attack: str, reference: str = Role.UNDEFENDED
) -> tuple[Curve, Curve]:
    """The student and the network that it is compared with."""
    student = in_range(results, case, protocol, Role.STUDENT, attack)
    return student, in_range(results, case, protocol, reference, attack)


def _accuracy(results: Results, link: Link, protocol: Protocol) -> Estimate:
    curve = in_range(results, link.cases[0], protocol, link.role, link.attacks[0])
    return Estimate.accuracy(curve.at(grey=link.epsilon_grey)).times(100)


def _clean_accuracy(results: Results, link: Link, protocol: Protocol) -> Estimate:
    place = {"case": link.cases[0], "protocol": protocol, "variant": MAIN}
    rows = results.trained(role=Role.UNDEFENDED, **place)
    if rows.empty:
        raise NotRun(f"the undefended network of {link.cases[0]}, {protocol}")
    accuracy, images = (rows[f"{link.split}_{what}"].mean() for what in ("accuracy", "images"))
    return Estimate.share(accuracy, int(images)).times(100)


def _mean_drop(results: Results, link: Link, protocol: Protocol) -> Estimate:
    case, attack = link.cases[0], link.attacks[0]
    # The study measures every drop from the undefended network; corrected, from its own.
    reference = Role.UNDEFENDED if protocol == Protocol.FAITHFUL else link.role
    attacked = in_range(results, case, protocol, link.role, attack).correct[1:]
    clean = in_range(results, case, protocol, reference, attack).correct[0]
    return Estimate.paired(np.broadcast_to(clean, attacked.shape), attacked).times(100)


def _mean_gain(results: Results, link: Link, protocol: Protocol) -> Estimate:
    return mean_gain(results, link.cases[0], protocol, link.attacks[0], Role.UNDEFENDED).times(100)


def mean_gain(results: Results, case: Case, protocol: str, attack: str, reference: str) -> Estimate:
    """Accuracy of the student minus that of another network, over the study's epsilons."""
    student, other = pair(results, case, protocol, attack, reference)
    return Estimate.paired(student.correct[1:], other.correct[1:])


def _read_off(results: Results, link: Link, protocol: Protocol) -> Estimate:
    """One epsilon, read off the curve of each case, attack and network, or pair of networks."""
    read, choose = _READINGS[link.kind]
    networks: list[tuple[str, ...]] = [(role,) for role in PRINTED if link.role in (role, "all")]
    if link.kind == "better up to":
        networks = [PRINTED]

    def read_one(case: Case, attack: str, roles: tuple[str, ...]) -> tuple[float, int]:
        curves = [in_range(results, case, protocol, role, attack) for role in roles]
        accuracies = (curve.correct.mean(axis=(1, 2)) for curve in curves)
        return read(curves[0].grey, *accuracies), curves[0].images

    every = list(where_run(read_one, link.cases, link.attacks, networks))
    if not every:
        raise NotRun(f"{link.kind}, {protocol}")
    epsilons, images = zip(*every, strict=True)
    epsilon = float(choose(epsilons))
    return Estimate(epsilon if np.isfinite(epsilon) else np.nan, images=max(images))


def _constant_from(epsilons: np.ndarray, accuracies: np.ndarray) -> float:
    """The smallest epsilon from which on the accuracy does not change."""
    changes = np.flatnonzero(np.diff(accuracies) != 0)
    start = changes[-1] + 1 if len(changes) else 0
    return epsilons[start] if start < len(epsilons) - 1 else np.inf


def _first_rise(epsilons: np.ndarray, accuracies: np.ndarray) -> float:
    """The smallest attacked epsilon at which accuracy exceeds that at the one before."""
    rises = np.flatnonzero(np.diff(accuracies[1:]) > 0)
    return epsilons[rises[0] + 2] if len(rises) else np.inf


def _better_range(epsilons: np.ndarray, undefended: np.ndarray, student: np.ndarray) -> float:
    """The largest epsilon up to which the student is better at every one; 0 for none."""
    better = student[1:] > undefended[1:]
    return epsilons[len(better) if better.all() else np.argmin(better)]


#: How an epsilon is read off the accuracies, infinite where there is none, and which one counts.
_READINGS: dict[str, tuple[Callable[..., float], Callable[..., float]]] = {
    "plateau": (_constant_from, max),
    "rise": (_first_rise, min),
    "better up to": (_better_range, min),
}
#: By kind of link.
MEASURES = {
    "accuracy under attack": _accuracy,
    "clean accuracy": _clean_accuracy,
    "mean drop": _mean_drop,
    "mean gain": _mean_gain,
    **dict.fromkeys(_READINGS, _read_off),
}

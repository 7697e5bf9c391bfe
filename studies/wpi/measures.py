"""The numbers that the WPI study printed, as they are measured."""

import numpy as np

from evaluation import Estimate, NotRun, average
from harness.arms import Protocol
from harness.links import Link
from harness.results import Results, where_run
from studies.wpi.defenses import NONE, Defense, named
from studies.wpi.profiles import MNIST
from studies.wpi.scores import Place


def measure(results: Results, link: Link, protocol: Protocol) -> Estimate:
    """F1 scores as fractions, accuracies and gaps in percent, times as ratios."""
    places = [Place(results, case, protocol) for case in link.cases]
    if link.kind == "time ratio":
        return _time_ratio(places[0], named(link.role), link.attacks)
    measures = {"F1 score": _f1, "accuracy under attack": _accuracy, "confidence gap": _gap}
    return measures[link.kind](places, named(link.role), *link.attacks).times(link.factor)


def _f1(places: list[Place], defense: Defense, attack: str) -> Estimate:
    return places[0].compared(defense, attack).f1


def _accuracy(places: list[Place], defense: Defense, attack: str) -> Estimate:
    """The mean over the data sets that were run."""
    attacked = list(where_run(lambda place: place.compared(defense, attack).correct, places))
    if not attacked:
        raise NotRun(f"accuracy under {attack}")
    return average(Estimate.mean(correct.mean(axis=0)) for correct in attacked)


def _gap(places: list[Place], defense: Defense, attack: str) -> Estimate:
    """Between the two highest probabilities of the image that is pictured."""
    second, first = np.sort(places[0].details(defense, attack)["probabilities"][1])[-2:]
    return Estimate(float(first - second))


def _time_ratio(place: Place, defense: Defense, attacks: tuple[str, ...]) -> Estimate:
    """To the undefended network, or to clean images, or to MNIST; without an interval."""
    if defense != NONE:
        reference = _seconds(place, NONE, attacks)
    elif attacks:
        reference = _seconds(place, NONE)
    else:
        reference = _seconds(Place(place.results, MNIST, place.protocol), NONE)
    ratio = _seconds(place, defense, attacks) / reference
    if not np.isfinite(ratio):
        raise NotRun(f"{place.case}, {place.protocol}: times of {defense}")
    return Estimate(ratio, images=int(place.rows()["images"].iloc[0]))


def _seconds(place: Place, defense: Defense, attacks: tuple[str, ...] = ()) -> float:
    """Faithful: as the study counts, crafting and inference together."""
    if not attacks:
        return place.inference_seconds(defense)
    crafting = place.crafting_seconds(defense, *attacks)
    if place.protocol == Protocol.CORRECTED:
        return crafting
    return crafting + place.inference_seconds(defense)

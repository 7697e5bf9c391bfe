"""The numbers that the WPI study printed, as they are measured."""

from contextlib import suppress

import numpy as np

from evaluation import Estimate, average
from harness.arms import Protocol
from harness.links import Link
from harness.results import Results
from studies.wpi.defenses import NONE, Defense, named
from studies.wpi.profiles import MNIST
from studies.wpi.scores import Missing, Place


def measure(results: Results, link: Link, protocol: Protocol) -> Estimate | None:
    """F1 scores as fractions, accuracies and gaps in percent, times as ratios."""
    places = [Place(results, case, protocol) for case in link.cases]
    measures = {"F1 score": _f1, "accuracy under attack": _accuracy, "confidence gap": _gap}
    try:
        if link.kind == "time ratio":
            return _time_ratio(places[0], named(link.role), link.attacks)
        return measures[link.kind](places, named(link.role), *link.attacks).times(link.factor)
    except Missing:
        return None


def _f1(places: list[Place], defense: Defense, attack: str) -> Estimate:
    return places[0].compared(defense, attack).f1


def _accuracy(places: list[Place], defense: Defense, attack: str) -> Estimate:
    """The mean over the data sets that were run."""
    accuracies = []
    for place in places:
        with suppress(Missing):
            correct = place.compared(defense, attack).correct
            accuracies.append(Estimate.mean(correct.mean(axis=0)))
    if not accuracies:
        raise Missing(f"accuracy under {attack}")
    return average(accuracies)


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
        raise Missing(f"{place.case}, {place.protocol}: times of {defense}")
    return Estimate(ratio, images=int(place.rows()["images"].iloc[0]))


def _seconds(place: Place, defense: Defense, attacks: tuple[str, ...] = ()) -> float:
    """Faithful: as the study counts, crafting and inference together."""
    if not attacks:
        return place.inference_seconds(defense)
    crafting = place.crafting_seconds(defense, *attacks)
    if place.protocol == Protocol.CORRECTED:
        return crafting
    return crafting + place.inference_seconds(defense)

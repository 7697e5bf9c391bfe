"""The numbers that the WPI study printed, as they are measured."""

import numpy as np

from evaluation import Estimate, NotRun, average
from harness.arms import Protocol
from harness.links import Link
from harness.results import Results, where_run
from studies.wpi.defenses import DEFENSES, NONE, Defense
from studies.wpi.profiles import MNIST
from studies.wpi.scores import Place

#: What a printed time is a ratio to; else it is the undefended network under the same attack.
TO_CLEAN, TO_MNIST = "to the clean images", "to MNIST"


def measure(results: Results, link: Link, protocol: Protocol) -> Estimate:
    """F1 scores as fractions, accuracies and gaps in percent, times as ratios."""
    places = [Place(results, case, protocol) for case in link.cases]
    (defense,) = (each for each in DEFENSES if each.name == link.role)
    return MEASURES[link.kind](places, defense, link).times(link.factor)


def _f1(places: list[Place], defense: Defense, link: Link) -> Estimate:
    return places[0].compared(defense, *link.attacks).f1


def _accuracy(places: list[Place], defense: Defense, link: Link) -> Estimate:
    """The mean over the data sets that were run."""
    attacked = list(where_run(lambda place: place.compared(defense, *link.attacks), places))
    if not attacked:
        raise NotRun(f"accuracy under {', '.join(link.attacks)}")
    return average(Estimate.mean(each.correct.mean(axis=0)) for each in attacked)


def _gap(places: list[Place], defense: Defense, link: Link) -> Estimate:
    """Between the two highest probabilities of the image that is pictured."""
    probabilities = places[0].details(defense, *link.attacks)["probabilities"][1]
    second, first = np.sort(probabilities)[-2:]
    return Estimate(float(first - second))


def _time_ratio(places: list[Place], defense: Defense, link: Link) -> Estimate:
    """Without an interval."""
    (place,) = places
    reference = Place(place.results, MNIST, place.protocol) if link.ratio_to == TO_MNIST else place
    attacks = () if link.ratio_to == TO_CLEAN else link.attacks
    ratio = _seconds(place, defense, link.attacks) / _seconds(reference, NONE, attacks)
    return Estimate(ratio, images=int(place.rows(defense)["images"].iloc[0]))


def _seconds(place: Place, defense: Defense, attacks: tuple[str, ...]) -> float:
    """Faithful: as the study counts, crafting and inference together."""
    if not attacks:
        return place.inference_seconds(defense)
    crafting = place.crafting_seconds(defense, *attacks)
    if place.protocol == Protocol.CORRECTED:
        return crafting
    return crafting + place.inference_seconds(defense)


#: By what `published.csv` calls them.
MEASURES = {
    "F1 score": _f1,
    "accuracy under attack": _accuracy,
    "confidence gap": _gap,
    "time ratio": _time_ratio,
}

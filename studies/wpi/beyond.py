"""What the page of the WPI study shows beyond the study: attacks towards a class, and squeezing."""

from functools import partial
from itertools import product
from typing import Any

import numpy as np

from evaluation import Estimate, NotRun
from harness.arms import MAIN, Case, Protocol
from harness.results import Arrays, Results, where_run
from studies.wpi import defenses
from studies.wpi.arms import SQUEEZING, TARGETED
from studies.wpi.attacks import BLIND, WITH_BUDGETS, WITHIN_BUDGET
from studies.wpi.defenses import SMOOTHED, Defense
from studies.wpi.details import fooled
from studies.wpi.scores import Place


def targeted(place: Place, defense: Defense, attack: str) -> dict[str, Any]:
    """How many images an attack turns, beside how many it makes the class drawn for them.

    At the budget of the attack, of the images that are right without attack in every seed.

    Raises:
        NotRun: there is no such image.
    """
    free, bound = place.direct(defense, attack), place.direct(defense, attack, TARGETED)
    kept = place.details(defense, attack, TARGETED)
    rows = place.clean(defense).correct.all(axis=0)
    if not rows.any():
        raise NotRun(f"{place}: an image that {defense} has right")
    turned = (~free.correct & (free.predicted >= 0))[:, rows]
    reached = (bound.predicted == kept["targets"])[:, rows]
    return {
        "images": int(rows.sum()),
        "untargeted: another class, %": Estimate.accuracy(turned).percent(),
        "targeted: the target, %": Estimate.accuracy(reached).percent(),
        "targeted: not its own class, %": Estimate.accuracy(~bound.correct[:, rows]).percent(),
        "less for the target, points": Estimate.paired(turned, reached).points(),
        "times as far": ""
        if attack in WITHIN_BUDGET
        else _times_as_far(place.details(defense, attack), kept),
    }


def _times_as_far(free: Arrays, bound: Arrays) -> str:
    """Mean L2 to the target over that to any class, where both are found; first seed."""
    both = fooled(free) & fooled(bound) & (bound["predictions"][-1] == bound["targets"])
    if not both.any():
        return ""
    to_target, to_any = (Estimate.mean(each["l2"][both].astype(float)) for each in (bound, free))
    return (to_target / to_any).text(2)


def squeezing(place: Place, attack: str) -> dict[str, str]:
    """Accuracy under an attack made through the squeezing, beside one made through the blur."""
    squeezed = defenses.squeezed(place.case.dataset)
    through, blurred = place.direct(squeezed, attack, SQUEEZING), place.direct(SMOOTHED, attack)
    return {
        "through the squeezing, %": through.accuracy.percent(),
        "from the plain network, %": place.transferred(
            squeezed, attack, SQUEEZING
        ).accuracy.percent(),
        "through the blur, %": blurred.accuracy.percent(),
        "squeezing less blur, both through it, points": Estimate.paired(
            through.correct, blurred.correct
        ).points(),
    }


def squeezed(results: Results, case: Case) -> str:
    """A sentence on one data set: the squeezing beside the blur, without attack and at worst."""
    place = Place(results, case, Protocol.CORRECTED)
    attacks = [*place.by_key(partial(squeezing, place), WITH_BUDGETS)]
    squeezed = defenses.squeezed(case.dataset)
    filters = ((squeezed, SQUEEZING), (SMOOTHED, MAIN))
    clean = [place.clean(*each).accuracy.percent() for each in filters]
    left = [_left(place, *each, attacks) for each in filters]
    worst = [Estimate.accuracy(each).percent() for each in left]
    says = (
        f"{place.data}: without attack {clean[0]} % are right through the squeezing and {clean[1]} "
        f"% through the blur; where every image faces the worst of {', '.join(attacks)} at "
        f"their budgets, made either way, {worst[0]} % and {worst[1]} %, a difference of "
        f"{Estimate.paired(*left).points()} points"
    )
    for blind in where_run(place.direct, [squeezed], [BLIND], [SQUEEZING]):
        says += f"; Square through the squeezing leaves {blind.accuracy.percent()} %"
    return says + "."


def _left(place: Place, defense: Defense, variant: str, attacks: list[str]) -> np.ndarray:
    """The images that no attack turns, made through a filter or on the plain network."""
    ways = (place.direct, place.transferred)
    each = [way(defense, attack, variant).correct for way, attack in product(ways, attacks)]
    return np.logical_and.reduce(each)

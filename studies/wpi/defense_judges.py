"""The judges of WPI's claims about defenses; what F1 is counted at, `claims` tells."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

from evaluation import Estimate, NotRun, average
from harness.arms import MAIN, Protocol
from harness.results import Results, where_run
from harness.rule import Judgement, direction, equality, throughout, together, within
from studies.wpi import defenses
from studies.wpi.attacks import ATTACKS, CW, DEEPFOOL, IFGSM, SWAP
from studies.wpi.defenses import ADVERSARIAL, DISTILLED, MASKED, NONE, SINGLE, SMOOTHED, Defense
from studies.wpi.profiles import CASES, MNIST
from studies.wpi.scores import Place

NO_CHANGE = 0.02  # of F1 (WPI-10a and 12)
NEAR_CLEAN = 0.9  # a share of the clean F1 (WPI-13a)
NEARLY_DOUBLE = 1.5, 2.5  # a ratio of F1 (WPI-13b)
FAILURE = 0.1  # a gain of F1 (WPI-13c)
SAME_TIME = 0.1  # a change, as a share of the time (WPI-17)

#: How attacks on the blur are crafted (WPI-11).
WAYS = {"from the plain network": Place.transferred, "through the blur": Place.direct}
#: Defenses that add to what a network computes of clean images, and the others (WPI-17).
ADDING = (SMOOTHED, defenses.MASKED_LOGITS)
ADDING_NOTHING = tuple(each for each in SINGLE if each not in ADDING)

Judged = tuple[Judgement, str]


def listed(numbers: Mapping[Any, Any], written: Callable[[Any], str] = Estimate.text) -> str:
    return ", ".join(f"{name} {written(number)}" for name, number in numbers.items())


def above_zero(differences: Mapping[Any, Estimate]) -> Judgement:
    return throughout(differences.values(), direction)


def training_helps(place: Place) -> Judged:
    # WPI-A1: corrected, also an attack that it was not trained on.
    gains = place.gains(ADVERSARIAL, place.attacks)
    return above_zero(gains), f"F1 gains: {listed(gains)}"


def training_is_best(place: Place) -> Judged:
    compared = defenses.FAITHFUL if place.protocol == Protocol.FAITHFUL else (NONE, *SINGLE)
    means = {defense: place.mean_f1(defense, place.attacks) for defense in compared}
    over = {each: means[ADVERSARIAL] - means[each] for each in compared if each != ADVERSARIAL}
    return above_zero(over), f"mean F1 over {len(place.attacks)} attacks: {listed(means)}"


def clean_kept(place: Place) -> Judged:
    change = place.clean(ADVERSARIAL).f1 - place.clean(NONE).f1
    evidence = f"clean F1 changes by {change.text()}; criterion: falls by less than {NO_CHANGE}"
    return within(change, least=-NO_CHANGE), evidence


def higher_clean(place: Place, first: Defense, second: Defense, variant: str = MAIN) -> Judged:
    """Whether the clean F1 of the first network is higher; `variant` is that of the second."""
    f1 = {first: place.clean(first).f1, second: place.clean(second, variant).f1}
    more = f1[first] - f1[second]
    return direction(more), f"clean F1: {listed(f1)}, a difference of {more.text()}"


def smoothing_gains(place: Place, way: str) -> dict[str, Estimate]:
    plain = place.f1(NONE)
    return {each: WAYS[way](place, SMOOTHED, each).f1 - plain[each] for each in ATTACKS}


def smoothing_helps(place: Place, way: str) -> Judged:
    gains = smoothing_gains(place, way)
    return above_zero(gains), f"F1 gains: {listed(gains)}"


def smoothing_helps_most(place: Place, way: str) -> Judged:
    gains = smoothing_gains(place, way)
    pairs = product((DEEPFOOL, SWAP), (IFGSM, CW))
    over = {f"{more} over {less}": gains[more] - gains[less] for more, less in pairs}
    return above_zero(over), f"differences between F1 gains: {listed(over)}"


def useless(place: Place, defense: Defense) -> Judged:
    gains = place.gains(defense)
    evidence = f"F1 changes: {listed(gains)}; criterion: none above {NO_CHANGE}"
    if defense == defenses.MASKED_SEEN and place.protocol == Protocol.CORRECTED:
        evidence += "; true by construction, as attacks made on the plain network count too"
    return throughout(gains.values(), partial(within, most=NO_CHANGE)), evidence


def unaffected(place: Place, defense: Defense) -> Judged:
    plain, masked = (place.direct(each, SWAP) for each in (NONE, defense))
    other, change = (plain.predicted != masked.predicted).any(axis=0), masked.f1 - plain.f1
    evidence = f"under the pixel swap F1 changes by {change.text()}, and {other.sum()} of "
    evidence += f"{len(other)} images get another class; criterion: F1 within {NO_CHANGE}"
    if defense == defenses.MASKED_SEEN:
        evidence += "; true by construction, as the network is the same but for its gradient"
    if defense == defenses.MASKED_UPDATES:
        evidence += "; the weights are others, so that some classes differ in any case"
    return equality(change, NO_CHANGE), evidence


def near_clean(place: Place) -> Judged:
    f1, clean = place.compared(DISTILLED, DEEPFOOL).f1, place.clean(DISTILLED).f1
    share = f1 / clean
    evidence = f"F1 {f1.text()} of {clean.text()} without attack, a share of {share.text()}"
    return within(share, least=NEAR_CLEAN), f"{evidence}; criterion: above {NEAR_CLEAN}"


def doubled(place: Place) -> Judged:
    distilled, plain = (place.compared(each, SWAP).f1 for each in (DISTILLED, NONE))
    ratio, (least, most) = distilled / plain, NEARLY_DOUBLE
    evidence = f"F1 {distilled.text()} distilled and {plain.text()} undefended, a ratio of "
    return within(ratio, least, most), f"{evidence}{ratio.text()}; criterion: {least} to {most}"


def distillation_fails(place: Place) -> Judged:
    gains = place.gains(DISTILLED, (CW, IFGSM))
    judgement = throughout(gains.values(), partial(within, most=FAILURE))
    return judgement, f"F1 gains: {listed(gains)}; criterion: a gain below {FAILURE}"


def mean_gain(place: Place, defense: Defense) -> Estimate:
    """What a defense adds to F1, over the attacks."""
    return average(place.gains(defense).values())


def better_on_mnist(place: Place) -> Judged:
    """By the defenses that were run on both data sets."""
    mnist = replace(place, case=MNIST)
    more = place.by_key(lambda each: mean_gain(mnist, each) - mean_gain(place, each), SINGLE)
    mean = average(more.values())
    evidence = f"mean F1 gain over the attacks, on MNIST minus here: {listed(more)}; mean "
    return direction(mean), f"{evidence}{mean.text()}"


def network_based(place: Place) -> Judged:
    gains = place.by_key(partial(mean_gain, place), SINGLE)
    others = [gains[each] for each in (SMOOTHED, *MASKED) if each in gains]
    if not {ADVERSARIAL, DISTILLED} <= set(gains) or not others:
        raise NotRun(f"{place}: defenses of both kinds")
    more = average([gains[ADVERSARIAL], gains[DISTILLED]]) - average(others)
    behind = [
        f"{ours} behind {other}"
        for ours, other in product((ADVERSARIAL, DISTILLED), (SMOOTHED, *MASKED))
        if other in gains and gains[ours].value < gains[other].value
    ]
    evidence = f"mean F1 gains: {listed(gains)}; the mean of the first group minus that of the "
    evidence += f"second {more.text()}; singly, {', '.join(behind) or 'none is behind another'}"
    return direction(more), evidence


def time_ratio(place: Place, defense: Defense) -> float:
    """Of classifying clean images, to the undefended network."""
    return place.inference_seconds(defense) / place.inference_seconds(NONE)


def noise_of_times(results: Results) -> tuple[float, str]:
    """The largest factor between the times of networks that compute the same, and how it was found.

    Raises:
        NotRun: no two of them were timed.
    """
    places = [Place(results, *each) for each in product(CASES, Protocol)]
    same = list(where_run(time_ratio, places, ADDING_NOTHING))
    if not same:
        raise NotRun("two networks that compute the same")
    noise = max(max(ratio, 1 / ratio) for ratio in same)
    evidence = f"in {len(same)} pairs of networks that compute the same, times of inference differ "
    return noise, f"{evidence}by up to a factor of {noise:.2f}, which makes the interval"


def same_time(place: Place) -> Judged:
    """Of the defenses that add to what a network computes, beside the noise of all times.

    What they add is a larger share of the time of a narrower network.
    """
    ratios = place.by_key(partial(time_ratio, place), ADDING)
    noise, found = noise_of_times(place.results)
    judgement = together(
        within(Estimate(ratio, ratio / noise, ratio * noise), 1 - SAME_TIME, 1 + SAME_TIME)
        for ratio in ratios.values()
    )
    evidence = f"clean inference, defended / undefended: {listed(ratios, '{:.2f}'.format)}; the "
    evidence += f"same: within {SAME_TIME:.0%}; {found}"
    return Judgement(judgement.ruling), evidence  # more images would not make times quieter


def combination_better(place: Place) -> Judged:
    parts = (ADVERSARIAL, SMOOTHED)
    f1 = {defense: place.mean_f1(defense) for defense in (defenses.COMBINED, *parts)}
    over = {part: f1[defenses.COMBINED] - f1[part] for part in parts}
    words = f"mean F1 over the {len(ATTACKS)} attacks of the study: {listed(f1)}"
    return above_zero(over), f"{words}; more than {listed(over)}"

"""The claims of the WPI study, judged by what was measured.

F1 is macro F1. Faithful F1 is at any distance but IFGSM's. Corrected F1 of a defense is at the
budget of each attack, for every image under the better of two ways of crafting; attacks are
compared with each other at any distance but IFGSM's, as their budgets are of different norms.
Intervals are of a bootstrap over images, paired on the same images. Times have none.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from evaluation import Estimate, NotRun, average
from harness.arms import MAIN, Case, Protocol
from harness.claims import Claim, Finding, Ruling, at_each, by_sign, directions
from harness.results import Results, run_by_key
from studies.wpi.arms import OTHER_STEPS, WITHOUT_TEACHER
from studies.wpi.attacks import ATTACKS, CW, DEEPFOOL, EVERY_ATTACK, IFGSM, STEP_ATTACKS, SWAP
from studies.wpi.defenses import (
    ADVERSARIAL,
    COMBINED,
    DISTILLED,
    FAITHFUL,
    HARD_LABELS,
    MASKED,
    MASKED_SEEN,
    MASKED_UPDATES,
    NONE,
    SINGLE,
    SMOOTHED,
    Defense,
)
from studies.wpi.details import fooled
from studies.wpi.profiles import CASES, GTSRB, MNIST, PROFILES
from studies.wpi.published import gtsrb_under_cw
from studies.wpi.scores import Place

EXCELLENT = 0.9  # an F1 (WPI-1)
MARGINAL = 1.5  # a ratio of times; a larger one is much slower (WPI-2, 4 and 5)
NEAR_PRINTED = 0.1  # an F1 to the printed one (WPI-5)
CLOSE = 0.1  # a gap between two probabilities, to the boundary (WPI-8)
NO_CHANGE = 0.02  # of F1 (WPI-10 and 12)
NEAR_CLEAN, FAILURE = 0.9, 0.1  # a share of the clean F1, and a gain of F1 (WPI-13)
SAME_TIME = 0.1  # a change, as a share of the time (WPI-17)

Judged = tuple[Ruling, str]


class Undecided(Exception):
    """Why nothing can be said at a place."""


def at_each_place(
    number: int, statement: str, parts: Mapping[str, Any] | None = None
) -> Callable[[Callable[..., Judged]], Claim]:
    """Makes a claim of a judge of one place.

    Args:
        parts: what the judge is asked of separately at each place, by its name.
    """

    def claim(judge: Callable[..., Judged]) -> Claim:
        def finding(results: Results, case: Case, protocol: Protocol, part: str = "") -> Finding:
            place = Place(results, case, protocol)
            try:
                ruling, evidence = judge(place, *([parts[part]] if parts else []))
            except Undecided as reason:
                ruling, evidence = Ruling.UNDECIDED, str(reason)
            return Finding(f"{place}, {part}" if part else str(place), ruling, evidence)

        keys = (CASES, Protocol, *([parts] if parts else []))
        return Claim(f"WPI-{number}", statement, at_each(finding, *keys))

    return claim


def listed(numbers: Mapping[Any, Estimate]) -> str:
    return ", ".join(f"{name} {number.text()}" for name, number in numbers.items())


def crafting(place: Place) -> tuple[dict[str, float], str]:
    """Milliseconds per image without defense, by attack and in words."""
    times = {attack: 1000 * place.crafting_seconds(NONE, attack) for attack in ATTACKS}
    if not np.isfinite([*times.values()]).all():
        raise NotRun(f"{place.case}, {place.protocol}: crafting times")
    words = ", ".join(f"{attack} {time:.3g}" for attack, time in times.items())
    return times, f"milliseconds of crafting an image: {words}"


def search_of_cw(place: Place) -> tuple[bool, str]:
    """Whether CW searched as long as in the paper profile, and how long it did."""
    names = (place.results.run["profile"], "paper")
    here, paper = (PROFILES[name].cw[place.protocol] for name in names)
    words = f"CW in {here.search_steps} x {here.steps} steps"
    if here == paper:
        return True, words
    return False, f"{words}, {paper.search_steps} x {paper.steps} in the paper profile"


def distances(
    place: Place, attacks: Iterable[str], variant: str = MAIN
) -> dict[str, dict[str, Estimate]]:
    """Means without defense, by measure and attack, over the images that all attacks fool."""
    kept = {attack: place.details(NONE, attack, variant) for attack in attacks}
    rows = np.logical_and.reduce([fooled(each) for each in kept.values()])
    if rows.sum() < 2:
        raise Undecided(f"{rows.sum()} images are fooled by all of {', '.join(kept)}")
    return {
        name: {attack: Estimate.mean(each[measure][rows]) for attack, each in kept.items()}
        for name, measure in (("L2", "l2"), ("SSIM", "ssim"), ("L-inf", "linf"), ("L0", "l0"))
    }


def mean_gains(place: Place) -> dict[Defense, Estimate]:
    """What the defenses that were run add to F1, over the attacks."""
    gains = run_by_key(lambda defense: average(place.gains(defense).values()), SINGLE)
    if not gains:
        raise NotRun(f"{place.case}, {place.protocol}: defenses")
    return gains


def baseline(results: Results, protocol: Protocol) -> Finding:
    f1 = {case.dataset: Place(results, case, protocol).clean(NONE).f1 for case in CASES}
    mnist, cifar10, gtsrb = f1.values()
    levels = [each.above(EXCELLENT) for each in (mnist, gtsrb)]
    evidence = f"clean F1 {listed(f1)}; excellent from {EXCELLENT} on"
    scales = PROFILES[results.run["profile"]].scales.values()
    if any(scale.width < 1 or scale.images or scale.epochs for scale in scales):
        # The whole network on all images would be better: a low score says nothing.
        levels = [max(level, 0) for level in levels]
        evidence += ", which a smaller network or fewer images cannot refute"
    order = [(each - cifar10).sign for each in (mnist, gtsrb)]
    return Finding(protocol, by_sign(levels + order), evidence)


@at_each_place(2, "IFGSM is effective and by far the fastest attack")
def ifgsm_effective_and_fastest(place: Place) -> Judged:
    f1, clean = place.furthest_f1()[IFGSM], place.clean(NONE).f1
    times, words = crafting(place)
    second = min(times[attack] for attack in ATTACKS if attack != IFGSM)
    signs = [(clean.times(0.5) - f1).sign, 1 if second > MARGINAL * times[IFGSM] else -1]
    effect = f"F1 {f1.text()} of {clean.text()} without attack (effective: less than half)"
    return by_sign(signs), f"{effect}; {words} ({search_of_cw(place)[1]})"


@at_each_place(3, "DeepFool gives the lowest F1 of all attacks")
def deepfool_lowest(place: Place) -> Judged:
    f1 = place.furthest_f1()
    above = [f1[attack] - f1[DEEPFOOL] for attack in ATTACKS if attack != DEEPFOOL]
    return directions(*above), f"F1: {listed(f1)}"


@at_each_place(4, "DeepFool is only marginally slower than IFGSM")
def deepfool_marginally_slower(place: Place) -> Judged:
    times, _ = crafting(place)
    ratio = times[DEEPFOOL] / times[IFGSM]
    evidence = f"{ratio:.2f} times as long (marginal: below {MARGINAL})"
    ruling = Ruling.CONFIRMED if 1 < ratio < MARGINAL else Ruling.REFUTED
    return ruling, f"{evidence}; a reduced profile shortens neither attack"


@at_each_place(5, "CW is less successful and much slower")
def cw_weaker_and_slower(place: Place) -> Judged:
    f1, (times, _), (full, search) = place.furthest_f1(), crafting(place), search_of_cw(place)
    more = f1[CW] - average([f1[IFGSM], f1[DEEPFOOL]])
    slower = times[CW] / max(times[IFGSM], times[DEEPFOOL])
    weak, others, near = [more.sign], [1 if slower > MARGINAL else -1], ""
    if place.case == GTSRB:
        printed = gtsrb_under_cw()
        weak.append(f1[CW].above(printed - NEAR_PRINTED))
        others.append(-f1[CW].above(printed + NEAR_PRINTED))
        near = f" (near {printed:g}: within {NEAR_PRINTED})"
    if not full:
        # A longer search lowers F1 and takes longer: a high F1 and a short time say nothing.
        weak = [min(sign, 0) for sign in weak]
        others = [max(sign, 0) for sign in others]
        search += ", so neither weakness nor speed is confirmed"
    return by_sign(weak + others), (
        f"F1 {f1[CW].text()}, {more.text()} above the mean of IFGSM and DeepFool{near}; "
        f"{slower:.1f} times as long as the slower of them; {search}"
    )


@at_each_place(
    6, "CW and IFGSM images stay closest to the original, pixel swap is the most visible"
)
def distances_in_order(place: Place) -> Judged:
    means = distances(place, ATTACKS)
    l2, ssim = means["L2"], means["SSIM"]
    pairs = [(SWAP, attack) for attack in ATTACKS if attack != SWAP]
    pairs += [(DEEPFOOL, attack) for attack in (IFGSM, CW)]
    differences = [l2[farther] - l2[nearer] for farther, nearer in pairs]
    differences += [ssim[nearer] - ssim[farther] for farther, nearer in pairs]
    evidence = "; ".join(f"{name}: {listed(by_attack)}" for name, by_attack in means.items())
    judged = f"over {l2[SWAP].images} images fooled by all (judged by L2 and SSIM)"
    return directions(*differences), f"means {judged}: {evidence}"


@at_each_place(7, "pixel swap is the least effective and slowest attack")
def swap_least_and_slowest(place: Place) -> Judged:
    f1, (times, words), (full, search) = place.furthest_f1(), crafting(place), search_of_cw(place)
    others = [attack for attack in ATTACKS if attack != SWAP]
    # A CW that takes longer may be slower than the pixel swap.
    slowest = int(full) if all(times[SWAP] > times[attack] for attack in others) else -1
    signs = [(f1[SWAP] - f1[attack]).sign for attack in others]
    return by_sign([*signs, slowest]), f"F1: {listed(f1)}; {words} ({search})"


@at_each_place(8, "DeepFool and pixel swap images lie close to the decision boundary")
def close_to_the_boundary(place: Place) -> Judged:
    shares, words = {}, []
    for attack in ATTACKS:
        kept = place.details(NONE, attack)
        gaps = kept["gap"][fooled(kept)].astype(float)
        if len(gaps):
            shares[attack] = Estimate.accuracy(gaps < CLOSE)
            share = f"below {CLOSE} on {shares[attack].percent(0)} %"
            words.append(f"{attack} median {np.median(gaps):.3f}, {share}")
    evidence = f"gap between the two highest probabilities: {'; '.join(words)}"
    if not {DEEPFOOL, SWAP} <= set(shares):
        raise Undecided(f"{evidence}; DeepFool or the pixel swap fools no image")
    signs = [shares[attack].above(0.5) for attack in (DEEPFOOL, SWAP)]
    return by_sign(signs), f"{evidence} (close: below on most images)"


@at_each_place(9, "adversarial training improves F1 under all attacks and is the best defense")
def adversarial_training_best(place: Place) -> Judged:
    faithful = place.protocol == Protocol.FAITHFUL
    # WPI-A1: also an attack that it was not trained on.
    attacks = ATTACKS if faithful else EVERY_ATTACK
    gains = place.gains(ADVERSARIAL, attacks)
    defenses = [each for each in (NONE, *SINGLE) if each in FAITHFUL or not faithful]
    means = {defense: place.mean_f1(defense, attacks) for defense in defenses}
    over = [means[ADVERSARIAL] - means[each] for each in defenses if each != ADVERSARIAL]
    evidence = f"F1 gains: {listed(gains)}; mean F1 over the attacks: {listed(means)}"
    return directions(*gains.values(), *over), evidence


@at_each_place(10, "adversarial training keeps clean accuracy except on MNIST")
def clean_kept(place: Place) -> Judged:
    change = place.clean(ADVERSARIAL).f1 - place.clean(NONE).f1
    sign, claimed = change.above(-NO_CHANGE), f"falls by less than {NO_CHANGE}"
    if place.case == MNIST:
        sign, claimed = -change.sign, "falls"
    return by_sign([sign]), f"clean F1 changes by {change.text()}; claimed: {claimed}"


@at_each_place(
    11,
    "smoothing helps under every attack, most of all DeepFool and pixel swap",
    {"from the plain network": Place.transferred, "through the blur": Place.direct},
)
def smoothing_helps(place: Place, way: Callable) -> Judged:
    plain = place.f1(NONE)
    gains = {attack: way(place, SMOOTHED, attack).f1 - plain[attack] for attack in ATTACKS}
    over = {
        f"{most} over {less}": gains[most] - gains[less]
        for most in (DEEPFOOL, SWAP)
        for less in (IFGSM, CW)
    }
    evidence = f"F1 gains: {listed(gains)}; their differences: {listed(over)}"
    return directions(*gains.values(), *over.values()), evidence


@at_each_place(
    12,
    "gradient masking has no useful effect and cannot affect the black-box attack",
    {str(defense): defense for defense in MASKED},
)
def masking_useless(place: Place, defense: Defense) -> Judged:
    gains = place.gains(defense)
    # A loss is no useful effect either.
    ruling = by_sign(-gain.above(NO_CHANGE) for gain in gains.values())
    evidence = f"F1 changes: {listed(gains)} (useful: above {NO_CHANGE})"
    if defense != MASKED_SEEN:
        return ruling, evidence
    # Without a gradient there is nothing to mask.
    plain, masked = (place.direct(each, SWAP).predicted for each in (NONE, defense))
    if np.array_equal(plain, masked):
        return ruling, f"{evidence}; pixel swap identical: yes"
    return Ruling.REFUTED, f"{evidence}; pixel swap identical: no"


@at_each_place(
    13,
    "distillation lifts F1 under DeepFool near the clean one, nearly doubles it under pixel swap, "
    "fails under CW and IFGSM",
)
def distillation(place: Place) -> Judged:
    plain, distilled = place.f1(NONE), place.f1(DISTILLED)
    near = distilled[DEEPFOOL] / place.clean(DISTILLED).f1
    doubled, times = 0, "undefined"
    if plain[SWAP].value:
        ratio = distilled[SWAP] / plain[SWAP]
        doubled, times = ratio.inside(1.5, 2.5), ratio.text()
    fails = [(plain[attack] - distilled[attack]).above(-FAILURE) for attack in (CW, IFGSM)]
    return by_sign([near.above(NEAR_CLEAN), doubled, *fails]), (
        f"F1: {listed(distilled)}, without distillation {listed(plain)}; under DeepFool "
        f"{near.text()} of the clean F1 (near: {NEAR_CLEAN}), under the pixel swap {times} times "
        f"the undefended (nearly double: 1.5 to 2.5); to fail: a gain below {FAILURE}"
    )


@at_each_place(14, "distillation raises clean accuracy on CIFAR-10 and GTSRB")
def distillation_raises_clean(place: Place) -> Judged:
    if place.case == MNIST:
        raise NotRun("the claim leaves MNIST out")
    student, plain = place.clean(DISTILLED).f1, place.clean(NONE).f1
    control = place.clean(HARD_LABELS, WITHOUT_TEACHER).f1
    over = {"the undefended network": student - plain, HARD_LABELS: student - control}
    return directions(*over.values()), f"clean F1 over {listed(over)}"


def better_on_mnist(results: Results, protocol: Protocol) -> Finding:
    gains = {case.dataset: mean_gains(Place(results, case, protocol)) for case in CASES}
    means = {dataset: average(each.values()) for dataset, each in gains.items()}
    mnist, *others = means.values()
    evidence = f"mean F1 gain over defenses and attacks: {listed(means)}"
    return Finding(protocol, directions(*(mnist - other for other in others)), evidence)


@at_each_place(16, "adversarial training and distillation beat blur and masking")
def network_based_better(place: Place) -> Judged:
    gains = mean_gains(place)
    others = [gains[each] for each in (SMOOTHED, *MASKED) if each in gains]
    if not {ADVERSARIAL, DISTILLED} <= set(gains) or not others:
        raise NotRun(f"{place.case}, {place.protocol}: defenses of both kinds")
    difference = average([gains[ADVERSARIAL], gains[DISTILLED]]) - average(others)
    minus = f"network based minus the others {difference.text()}"
    return directions(difference), f"mean F1 gains: {listed(gains)}; {minus}"


@at_each_place(17, "defenses hardly change prediction time")
def same_time(place: Place) -> Judged:
    plain = place.inference_seconds(NONE)
    ratios = {defense: place.inference_seconds(defense) / plain for defense in SINGLE}
    ratios = {defense: ratio for defense, ratio in ratios.items() if np.isfinite(ratio)}
    if not ratios:
        raise NotRun(f"{place.case}, {place.protocol}: times of inference")
    changed = {defense for defense, ratio in ratios.items() if abs(ratio - 1) > SAME_TIME}
    words = ", ".join(f"{defense} {ratio:.2f}" for defense, ratio in ratios.items())
    evidence = f"clean inference, defended / undefended, medians over arms: {words}"
    evidence += f"; the same: within {SAME_TIME:.0%}"
    # These pass clean images through the same graph as the undefended network does: their
    # ratios tell whether times can be compared at all.
    if changed & {ADVERSARIAL, MASKED_UPDATES, DISTILLED}:
        raise Undecided(f"{evidence}; the machine was not quiet: one graph differs from itself")
    return Ruling.REFUTED if changed else Ruling.CONFIRMED, evidence


@at_each_place(18, "adversarial training plus smoothing is better than either")
def combination_better(place: Place) -> Judged:
    f1 = {defense: place.mean_f1(defense) for defense in (COMBINED, ADVERSARIAL, SMOOTHED)}
    over = [f1[COMBINED] - f1[part] for part in (ADVERSARIAL, SMOOTHED)]
    return directions(*over), f"mean F1 over the attacks: {listed(f1)}"


@at_each_place(19, "IFGSM perturbations are small because of the small step and momentum")
def momentum_small(place: Place) -> Judged:
    l2 = distances(place, STEP_ATTACKS, OTHER_STEPS)["L2"]
    coarse, fine, coarse_without, fine_without = l2.values()
    return directions(coarse - fine, coarse_without - coarse, fine_without - fine), (
        f"mean L2 of what IFGSM adds until its first success, over {coarse.images} images that "
        f"were right and that all four fool: {listed(l2)}"
    )


_EXCELLENT = "the baseline is excellent on MNIST and GTSRB, weaker on CIFAR-10"
_ON_MNIST = "defenses work better on MNIST than on the others"
_NEEDS = "compares data sets: the arms of all three were not run"
CLAIMS = (
    Claim("WPI-1", _EXCELLENT, at_each(baseline, Protocol), _NEEDS),
    ifgsm_effective_and_fastest,
    deepfool_lowest,
    deepfool_marginally_slower,
    cw_weaker_and_slower,
    distances_in_order,
    swap_least_and_slowest,
    close_to_the_boundary,
    adversarial_training_best,
    clean_kept,
    smoothing_helps,
    masking_useless,
    distillation,
    distillation_raises_clean,
    Claim("WPI-15", _ON_MNIST, at_each(better_on_mnist, Protocol), _NEEDS),
    network_based_better,
    same_time,
    combination_better,
    momentum_small,
)

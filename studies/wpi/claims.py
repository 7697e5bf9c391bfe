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
from harness.links import printed
from harness.results import Results
from studies.wpi import defenses
from studies.wpi.arms import OTHER_STEPS, WITHOUT_TEACHER
from studies.wpi.attacks import ATTACKS, CW, DEEPFOOL, IFGSM, STEP_ATTACKS, SWAP
from studies.wpi.defenses import ADVERSARIAL, DISTILLED, MASKED, NONE, SINGLE, SMOOTHED, Defense
from studies.wpi.details import fooled
from studies.wpi.profiles import CASES, GTSRB, MNIST, PROFILES
from studies.wpi.published import FOLDER
from studies.wpi.scores import Place

EXCELLENT = 0.9  # an F1 (WPI-1)
MARGINAL = 1.5  # a ratio of times; a larger one is much slower (WPI-2, 4 and 5)
NEAR_PRINTED = 0.1  # an F1 to the printed one (WPI-5)
CLOSE = 0.1  # a gap between two probabilities, to the boundary (WPI-8)
NO_CHANGE = 0.02  # of F1 (WPI-10 and 12)
NEAR_CLEAN, FAILURE = 0.9, 0.1  # a share of the clean F1, and a gain of F1 (WPI-13)
SAME_TIME = 0.1  # a change, as a share of the time (WPI-17)

Judged = tuple[Ruling, str]
#: How attacks on the blur are crafted (WPI-11).
WAYS = {"from the plain network": Place.transferred, "through the blur": Place.direct}


def claim(
    number: int, statement: str, *parts: Iterable[Any]
) -> Callable[[Callable[..., Judged]], Claim]:
    """Makes a claim of a judge of one place and one of each of `parts`."""

    def claim_of(judge: Callable[..., Judged]) -> Claim:
        def finding(results: Results, case: Case, protocol: Protocol, *part: Any) -> Finding:
            place = Place(results, case, protocol)
            return Finding(", ".join(map(str, (place, *part))), *judge(place, *part))

        return Claim(f"WPI-{number}", statement, at_each(finding, CASES, Protocol, *parts))

    return claim_of


def listed(numbers: Mapping[Any, Any], written: Callable[[Any], str] = Estimate.text) -> str:
    return ", ".join(f"{name} {written(number)}" for name, number in numbers.items())


def crafting(place: Place) -> tuple[dict[str, float], str]:
    """Milliseconds per image without defense, by attack and in words."""
    times = {attack: 1000 * place.crafting_seconds(NONE, attack) for attack in ATTACKS}
    return times, f"milliseconds of crafting an image: {listed(times, '{:.3g}'.format)}"


def search_of_cw(place: Place) -> tuple[bool, str]:
    """Whether CW searched as long as in the paper profile, and how long it did."""
    names = (place.results.run["profile"], "paper")
    here, paper = (PROFILES[name].cw[place.protocol] for name in names)
    words = f"CW in {here.search_steps} x {here.steps} steps"
    if here != paper:
        words += f", {paper.search_steps} x {paper.steps} in the paper profile"
    return here == paper, words


def distances(
    place: Place, attacks: Iterable[str], variant: str = MAIN
) -> tuple[int, dict[str, dict[str, Estimate]]]:
    """How many images all attacks fool without defense; if two, means by measure and attack."""
    kept = {attack: place.details(NONE, attack, variant) for attack in attacks}
    rows = np.logical_and.reduce([fooled(each) for each in kept.values()])
    images = int(rows.sum())
    if images < 2:
        return images, {}
    return images, {
        name: {attack: Estimate.mean(each[measure][rows]) for attack, each in kept.items()}
        for name, measure in (("L2", "l2"), ("SSIM", "ssim"), ("L-inf", "linf"), ("L0", "l0"))
    }


def mean_gains(place: Place) -> dict[Defense, Estimate]:
    """What the defenses that were run add to F1, over the attacks."""
    return place.by_key(lambda defense: average(place.gains(defense).values()), SINGLE)


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


@claim(2, "IFGSM is effective and by far the fastest attack")
def ifgsm_effective_and_fastest(place: Place) -> Judged:
    f1, clean, (times, words) = place.furthest_f1()[IFGSM], place.clean(NONE).f1, crafting(place)
    second = min(times[attack] for attack in ATTACKS if attack != IFGSM)
    signs = [(clean.times(0.5) - f1).sign, 1 if second > MARGINAL * times[IFGSM] else -1]
    effect = f"F1 {f1.text()} of {clean.text()} without attack (effective: less than half)"
    return by_sign(signs), f"{effect}; {words} ({search_of_cw(place)[1]})"


@claim(3, "DeepFool gives the lowest F1 of all attacks")
def deepfool_lowest(place: Place) -> Judged:
    f1 = place.furthest_f1()
    above = [f1[attack] - f1[DEEPFOOL] for attack in ATTACKS if attack != DEEPFOOL]
    return directions(*above), f"F1: {listed(f1)}"


@claim(4, "DeepFool is only marginally slower than IFGSM")
def deepfool_marginally_slower(place: Place) -> Judged:
    times, _ = crafting(place)
    ratio = times[DEEPFOOL] / times[IFGSM]
    evidence = f"{ratio:.2f} times as long (marginal: below {MARGINAL})"
    ruling = Ruling.CONFIRMED if 1 < ratio < MARGINAL else Ruling.REFUTED
    return ruling, f"{evidence}; a reduced profile shortens neither attack"


@claim(5, "CW is less successful and much slower")
def cw_weaker_and_slower(place: Place) -> Judged:
    f1, (times, _), (full, search) = place.furthest_f1(), crafting(place), search_of_cw(place)
    more = f1[CW] - average([f1[IFGSM], f1[DEEPFOOL]])
    slower = times[CW] / max(times[IFGSM], times[DEEPFOOL])
    weak, others, near = [more.sign], [1 if slower > MARGINAL else -1], ""
    if place.case == GTSRB:
        score = printed(FOLDER, table="Table 7", metric="F1 score", dataset="GTSRB")
        weak.append(f1[CW].above(score - NEAR_PRINTED))
        others.append(-f1[CW].above(score + NEAR_PRINTED))
        near = f" (near {score:g}: within {NEAR_PRINTED})"
    if not full:
        # A longer search lowers F1 and takes longer: a high F1 and a short time say nothing.
        weak = [min(sign, 0) for sign in weak]
        others = [max(sign, 0) for sign in others]
        search += ", so neither weakness nor speed is confirmed"
    return (
        by_sign(weak + others),
        f"F1 {f1[CW].text()}, {more.text()} above the mean of IFGSM and DeepFool{near}; "
        f"{slower:.1f} times as long as the slower of them; {search}",
    )


@claim(6, "CW and IFGSM images stay closest to the original, pixel swap is the most visible")
def distances_in_order(place: Place) -> Judged:
    images, means = distances(place, ATTACKS)
    if not means:
        return Ruling.UNDECIDED, f"images that all attacks fool: {images}"
    l2, ssim = means["L2"], means["SSIM"]
    pairs = [(SWAP, attack) for attack in ATTACKS if attack != SWAP]
    pairs += [(DEEPFOOL, attack) for attack in (IFGSM, CW)]
    differences = [l2[farther] - l2[nearer] for farther, nearer in pairs]
    differences += [ssim[nearer] - ssim[farther] for farther, nearer in pairs]
    evidence = "; ".join(f"{name}: {listed(by_attack)}" for name, by_attack in means.items())
    judged = f"over {images} images fooled by all (judged by L2 and SSIM)"
    return directions(*differences), f"means {judged}: {evidence}"


@claim(7, "pixel swap is the least effective and slowest attack")
def swap_least_and_slowest(place: Place) -> Judged:
    f1, (times, words), (full, search) = place.furthest_f1(), crafting(place), search_of_cw(place)
    others = [attack for attack in ATTACKS if attack != SWAP]
    # A CW that takes longer may be slower than the pixel swap.
    slowest = int(full) if all(times[SWAP] > times[attack] for attack in others) else -1
    signs = [(f1[SWAP] - f1[attack]).sign for attack in others]
    return by_sign([*signs, slowest]), f"F1: {listed(f1)}; {words} ({search})"


@claim(8, "DeepFool and pixel swap images lie close to the decision boundary")
def close_to_the_boundary(place: Place) -> Judged:
    kept = {attack: place.details(NONE, attack) for attack in ATTACKS}
    gaps = {attack: each["gap"][fooled(each)].astype(float) for attack, each in kept.items()}
    shares = {attack: Estimate.accuracy(each < CLOSE) for attack, each in gaps.items() if len(each)}
    words = "; ".join(
        f"{attack} median {np.median(gaps[attack]):.3f}, below {CLOSE} on {share.percent(0)} %"
        for attack, share in shares.items()
    )
    evidence = f"gap between the two highest probabilities: {words}"
    if not {DEEPFOOL, SWAP} <= set(shares):
        return Ruling.UNDECIDED, f"{evidence}; DeepFool or the pixel swap fools no image"
    signs = [shares[attack].above(0.5) for attack in (DEEPFOOL, SWAP)]
    return by_sign(signs), f"{evidence} (close: below on most images)"


@claim(9, "adversarial training improves F1 under all attacks and is the best defense")
def adversarial_training_best(place: Place) -> Judged:
    # WPI-A1: corrected, also an attack that it was not trained on.
    gains = place.gains(ADVERSARIAL, place.attacks)
    faithful = place.protocol == Protocol.FAITHFUL
    compared = defenses.FAITHFUL if faithful else (NONE, *SINGLE)
    means = {defense: place.mean_f1(defense, place.attacks) for defense in compared}
    over = [means[ADVERSARIAL] - means[each] for each in compared if each != ADVERSARIAL]
    evidence = f"F1 gains: {listed(gains)}; mean F1 over the attacks: {listed(means)}"
    return directions(*gains.values(), *over), evidence


@claim(10, "adversarial training keeps clean accuracy except on MNIST")
def clean_kept(place: Place) -> Judged:
    change = place.clean(ADVERSARIAL).f1 - place.clean(NONE).f1
    sign, claimed = change.above(-NO_CHANGE), f"falls by less than {NO_CHANGE}"
    if place.case == MNIST:
        sign, claimed = -change.sign, "falls"
    return by_sign([sign]), f"clean F1 changes by {change.text()}; claimed: {claimed}"


@claim(11, "smoothing helps under every attack, most of all DeepFool and pixel swap", WAYS)
def smoothing_helps(place: Place, way: str) -> Judged:
    plain = place.f1(NONE)
    gains = {each: WAYS[way](place, SMOOTHED, each).f1 - plain[each] for each in ATTACKS}
    over = {
        f"{most} over {less}": gains[most] - gains[less]
        for most in (DEEPFOOL, SWAP)
        for less in (IFGSM, CW)
    }
    evidence = f"F1 gains: {listed(gains)}; their differences: {listed(over)}"
    return directions(*gains.values(), *over.values()), evidence


@claim(12, "gradient masking has no useful effect and cannot affect the black-box attack", MASKED)
def masking_useless(place: Place, defense: Defense) -> Judged:
    gains = place.gains(defense)
    # A loss is no useful effect either.
    ruling = by_sign(-gain.above(NO_CHANGE) for gain in gains.values())
    evidence = f"F1 changes: {listed(gains)} (useful: above {NO_CHANGE})"
    if defense == defenses.MASKED_SEEN:
        # Without a gradient there is nothing to mask.
        plain, masked = (place.direct(each, SWAP).predicted for each in (NONE, defense))
        identical = np.array_equal(plain, masked)
        ruling = ruling if identical else Ruling.REFUTED
        evidence += f"; pixel swap identical: {'yes' if identical else 'no'}"
    return ruling, evidence


@claim(
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
    return (
        by_sign([near.above(NEAR_CLEAN), doubled, *fails]),
        f"F1: {listed(distilled)}, without distillation {listed(plain)}; under DeepFool "
        f"{near.text()} of the clean F1 (near: {NEAR_CLEAN}), under the pixel swap {times} times "
        f"the undefended (nearly double: 1.5 to 2.5); to fail: a gain below {FAILURE}",
    )


@claim(14, "distillation raises clean accuracy on CIFAR-10 and GTSRB")
def distillation_raises_clean(place: Place) -> Judged:
    if place.case == MNIST:
        raise NotRun("the claim leaves MNIST out")
    student, plain = place.clean(DISTILLED).f1, place.clean(NONE).f1
    control = place.clean(defenses.HARD_LABELS, WITHOUT_TEACHER).f1
    over = {"the undefended network": student - plain, defenses.HARD_LABELS: student - control}
    return directions(*over.values()), f"clean F1 over {listed(over)}"


def better_on_mnist(results: Results, protocol: Protocol) -> Finding:
    gains = {case.dataset: mean_gains(Place(results, case, protocol)) for case in CASES}
    means = {dataset: average(each.values()) for dataset, each in gains.items()}
    mnist, *others = means.values()
    evidence = f"mean F1 gain over defenses and attacks: {listed(means)}"
    return Finding(protocol, directions(*(mnist - other for other in others)), evidence)


@claim(16, "adversarial training and distillation beat blur and masking")
def network_based_better(place: Place) -> Judged:
    gains = mean_gains(place)
    others = [gains[each] for each in (SMOOTHED, *MASKED) if each in gains]
    if not {ADVERSARIAL, DISTILLED} <= set(gains) or not others:
        raise NotRun(f"{place}: defenses of both kinds")
    difference = average([gains[ADVERSARIAL], gains[DISTILLED]]) - average(others)
    minus = f"network based minus the others {difference.text()}"
    return directions(difference), f"mean F1 gains: {listed(gains)}; {minus}"


@claim(17, "defenses hardly change prediction time")
def same_time(place: Place) -> Judged:
    plain = place.inference_seconds(NONE)
    ratios = place.by_key(lambda defense: place.inference_seconds(defense) / plain, SINGLE)
    changed = {defense for defense, ratio in ratios.items() if abs(ratio - 1) > SAME_TIME}
    evidence = "clean inference, defended / undefended, medians over arms: "
    evidence += f"{listed(ratios, '{:.2f}'.format)}; the same: within {SAME_TIME:.0%}"
    # These pass clean images through the same graph as the undefended network does: their
    # ratios tell whether times can be compared at all.
    if changed & {ADVERSARIAL, defenses.MASKED_UPDATES, DISTILLED}:
        evidence += "; the machine was not quiet: one graph differs from itself"
        return Ruling.UNDECIDED, evidence
    return Ruling.REFUTED if changed else Ruling.CONFIRMED, evidence


@claim(18, "adversarial training plus smoothing is better than either")
def combination_better(place: Place) -> Judged:
    parts = (ADVERSARIAL, SMOOTHED)
    f1 = {defense: place.mean_f1(defense) for defense in (defenses.COMBINED, *parts)}
    over = [f1[defenses.COMBINED] - f1[part] for part in parts]
    return directions(*over), f"mean F1 over the attacks: {listed(f1)}"


@claim(19, "IFGSM perturbations are small because of the small step and momentum")
def momentum_small(place: Place) -> Judged:
    images, means = distances(place, STEP_ATTACKS, OTHER_STEPS)
    if not means:
        return Ruling.UNDECIDED, f"images that all four fool: {images}"
    coarse, fine, coarse_without, fine_without = means["L2"].values()
    return (
        directions(coarse - fine, coarse_without - coarse, fine_without - fine),
        f"mean L2 of what IFGSM adds until its first success, over {images} images that were "
        f"right and that all four fool: {listed(means['L2'])}",
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

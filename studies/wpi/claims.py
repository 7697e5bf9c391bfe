"""The claims of the WPI study, judged by what was measured.

F1 is macro F1, from 0 to 1. Faithful F1 is at any distance but IFGSM's. Corrected F1 of a defense
is at the budget of each attack, for every image under the better of two ways of crafting; attacks
are compared with each other at any distance but IFGSM's, as their budgets are of different norms.
Intervals are of a bootstrap over images, paired on the same images; those of times, by how far
networks that compute the same differ.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from itertools import chain, product
from math import inf
from typing import Any

import numpy as np

from evaluation import Estimate, average
from harness.arms import MAIN, Case, Protocol
from harness.claims import Claim, Finding, SpeaksOf, at_each
from harness.links import printed
from harness.results import Results, where_run
from harness.rule import Judgement, Ruling, direction, level, throughout, together, within
from studies.wpi import defenses
from studies.wpi.arms import OTHER_STEPS, WITHOUT_TEACHER
from studies.wpi.attacks import ATTACKS, CW, DEEPFOOL, IFGSM, STEP_ATTACKS, SWAP
from studies.wpi.defense_judges import (
    WAYS,
    Judged,
    above_zero,
    better_on_mnist,
    clean_kept,
    combination_better,
    distillation_fails,
    doubled,
    higher_clean,
    listed,
    near_clean,
    network_based,
    noise_of_times,
    same_time,
    smoothing_helps,
    smoothing_helps_most,
    training_helps,
    training_is_best,
    unaffected,
    useless,
)
from studies.wpi.defenses import ADVERSARIAL, DISTILLED, MASKED, NONE
from studies.wpi.details import fooled
from studies.wpi.profiles import CASES, CIFAR10, GTSRB, MNIST
from studies.wpi.published import FOLDER
from studies.wpi.scores import Place

EXCELLENT = 0.9  # an F1 (WPI-1a)
EFFECTIVE = 0.5  # a share of the clean F1 (WPI-2a)
MARGINAL = 1.5  # a ratio of times; a larger one is much slower (WPI-2b, 4 and 5b)
NEAR_PRINTED = 0.1  # a difference of F1 (WPI-5c)
SAME_DISTANCE = 0.01  # a difference of mean L2 or mean SSIM (WPI-6 and 19)
FEWEST = 20  # images over which distances are compared (WPI-6 and 19)
CLOSE, MOST = 0.1, 0.5  # a gap between two probabilities, and a share of images (WPI-8)

#: By what results call them, measures of distance (WPI-6), and the sign of those that judge.
FARTHER = {"L2": ("l2", 1), "SSIM": ("ssim", -1)}


def claim(
    number: str,
    statement: str,
    judge: Callable[..., Judged],
    needs: str,
    cases: Iterable[Case] = CASES,
    *parts: Iterable[Any],
    speaks_of: SpeaksOf = SpeaksOf.MECHANISM,
) -> Claim:
    """A claim that is judged on each data set in each protocol, for each of `parts`."""

    def finding(results: Results, case: Case, protocol: Protocol, *part: Any) -> Finding:
        place = Place(results, case, protocol)
        return Finding(", ".join(map(str, (place, *part))), *judge(place, *part))

    each = at_each(finding, cases, Protocol, *parts)
    return Claim(f"WPI-{number}", statement, each, needs, speaks_of)


def excellent(place: Place) -> Judged:
    f1 = place.clean(NONE).f1
    return within(f1, least=EXCELLENT), f"clean F1 {f1.text()}; excellent: above {EXCELLENT}"


def better_than_cifar10(place: Place) -> Judged:
    here, there = (each.clean(NONE).f1 for each in (place, replace(place, case=CIFAR10)))
    more = here - there
    evidence = f"clean F1 {here.text()}, on CIFAR-10 {there.text()}"
    return direction(more), f"{evidence}, a difference of {more.text()}"


def effective(place: Place) -> Judged:
    f1, clean = place.furthest_f1()[IFGSM], place.clean(NONE).f1
    evidence = f"F1 {f1.text()} of {clean.text()} without attack; effective: below "
    return direction(clean.times(EFFECTIVE) - f1), f"{evidence}{EFFECTIVE:.0%} of it"


def f1_above(place: Place, higher: Iterable[str], lower: Iterable[list[str]]) -> Judged:
    """Whether the F1 under some attacks lies above that under others, or above their mean."""
    f1, above = place.furthest_f1(), {}
    then = {**f1, CW: f1[CW].times(0)}
    for attack, others in product(higher, lower):
        more = [each[attack] - average(each[other] for other in others) for each in (f1, then)]
        above[f"{attack} over {' and '.join(others)}"] = place.with_search(*more)
    evidence = f"F1: {listed(f1)}; differences: {listed(above)}; {place.search_of_cw}"
    return above_zero(above), evidence


def times_as_long(
    place: Place,
    slower: Iterable[str],
    faster: Iterable[str],
    least: float = MARGINAL,
    most: float = inf,
) -> Judged:
    """Whether crafting by some attacks takes so many times as long as by others."""
    times = {attack: 1000 * place.crafting_seconds(NONE, attack) for attack in ATTACKS}
    pairs = list(product(slower, faster))
    ratios = {f"{slow} / {fast}": times[slow] / times[fast] for slow, fast in pairs}
    noise, found = next(where_run(noise_of_times, [place.results]), (1.0, "no interval"))
    judgement = together(
        within(
            place.with_search(
                Estimate(ratio, ratio / noise, ratio * noise), _without_end(ratio, *pair)
            ),
            least,
            most,
        )
        for ratio, pair in zip(ratios.values(), pairs, strict=True)
    )
    claimed = f"above {least:g}" if most == inf else f"{least:g} to {most:g}"
    evidence = "milliseconds of crafting an image, by the attacks of this suite: "
    evidence += f"{listed(times, '{:.3g}'.format)}; ratios: "
    evidence += f"{listed(ratios, '{:.2f}'.format)}; criterion: {claimed}; {found}"
    if CW in chain(*pairs):
        evidence += f"; {place.search_of_cw}"
    return Judgement(judgement.ruling), evidence  # more images would not make times quieter


def _without_end(ratio: float, slow: str, fast: str) -> Estimate:
    """A ratio of times if the search of CW went on without end."""
    return Estimate.exact(inf if slow == CW else 0.0 if fast == CW else ratio)


def near_printed(place: Place) -> Judged:
    score = printed(FOLDER, table="Table 7", metric="F1 score", dataset="GTSRB")
    measured = place.furthest_f1()[CW]
    f1 = place.with_search(measured, measured.times(0))
    evidence = f"F1 {f1.text()}; criterion: within {NEAR_PRINTED} of {score}; {place.search_of_cw}"
    return level(f1, score, NEAR_PRINTED), evidence


def goes_farther(
    place: Place,
    pairs: Iterable[tuple[str, str]],
    attacks: Iterable[str] = ATTACKS,
    measures: Iterable[str] = tuple(FARTHER),
    variant: str = MAIN,
) -> Judged:
    """Whether the first attack of each pair goes farther than the second."""
    kept = {attack: place.details(NONE, attack, variant) for attack in attacks}
    rows = np.logical_and.reduce([fooled(each) for each in kept.values()])
    images = f"{int(rows.sum())} images that were right and that all four fool"
    if rows.sum() < FEWEST:
        return Judgement(Ruling.UNDECIDED), f"{images}; compared from {FEWEST} on"
    means = {
        (name, attack): Estimate.mean(each[FARTHER[name][0]][rows])
        for name, (attack, each) in product(measures, kept.items())
    }
    differences = [
        (means[name, far] - means[name, near]).times(FARTHER[name][1])
        for name, (far, near) in product(measures, pairs)
    ]
    words = "; ".join(f"{name} of {attack}: {m.text()}" for (name, attack), m in means.items())
    evidence = f"means over {images}: {words}; no difference: within {SAME_DISTANCE}"
    return throughout(differences, partial(direction, margin=SAME_DISTANCE)), evidence


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
        evidence += "; DeepFool or the pixel swap fools no image"
        return Judgement(Ruling.UNDECIDED), evidence
    judgement = throughout((shares[DEEPFOOL], shares[SWAP]), partial(within, least=MOST))
    return judgement, f"{evidence}; criterion: below on more than {MOST:.0%} of the images"


_CLEAN = "the undefended network"
_ATTACKS = "the four attacks on the undefended network"
_TRAINED = f"every attack on {_CLEAN} and on the adversarially trained one"
_SINGLE = f"every attack on {_CLEAN} and on every single defense"
_BLUR = f"{_ATTACKS} and on smoothing"
_MASKED = f"{_ATTACKS} and on one with gradient masking"
_DISTILLED = f"{_ATTACKS} and on the distilled one"
_CONTROL = f"the distilled network and that with {defenses.HARD_LABELS} (corrected)"
_ON_MNIST_TOO = f"{_ATTACKS} and on a defense, for MNIST and for another data set"
_BOTH_KINDS = f"{_ATTACKS}, on adversarial training, distillation, and smoothing or masking"
_TIMED_ATTACKS = f"{_ATTACKS}, timed on a quiet machine"
_TIMED = (
    f"{_CLEAN}, a defense that leaves the layers alone, and smoothing or masked logits, timed on a "
    "quiet machine"
)
_PARTS = "the four attacks on adversarial training, smoothing, and both together (corrected)"
_IN_STEPS = f"IFGSM with and without momentum in two sizes of steps on {_CLEAN} (corrected)"

_PRINTED = "the F1 under CW stays near 0.46 on GTSRB"
_BOUNDARY = "images of DeepFool and the pixel swap lie close to the decision boundary"
_KEEPS = "adversarial training keeps clean accuracy on CIFAR-10 and GTSRB"
_LOWERS = "adversarial training lowers clean accuracy on MNIST"
_MOST_OF_ALL = "smoothing helps most of all under DeepFool and the pixel swap"
_RAISES = "the distilled network has more clean accuracy than the undefended, on CIFAR-10 and GTSRB"
_SOFT_LABELS = "it has more than a network trained as long, at the same T, on hard labels"
_NETWORK_BASED = "on average adversarial training and distillation beat blur and masking"

_BETTER_ON_MNIST = "on average defenses work better on MNIST"

_LEVEL, _BRIGHT, _COLOUR = SpeaksOf.LEVEL, (MNIST, GTSRB), (CIFAR10, GTSRB)
_BUT = {attack: [each for each in ATTACKS if each != attack] for attack in ATTACKS}
_FASTEST = partial(times_as_long, slower=_BUT[IFGSM], faster=[IFGSM])
_LOWEST = partial(f1_above, higher=_BUT[DEEPFOOL], lower=[[DEEPFOOL]])
_MARGINALLY = partial(times_as_long, slower=[DEEPFOOL], faster=[IFGSM], least=1, most=MARGINAL)
_WEAKER = partial(f1_above, higher=[CW], lower=[[IFGSM, DEEPFOOL]])
_SLOWER = partial(times_as_long, slower=[CW], faster=[IFGSM, DEEPFOOL])
_CLOSEST = partial(goes_farther, pairs=[*product([DEEPFOOL, SWAP], [IFGSM, CW])])
_FARTHEST = partial(goes_farther, pairs=[*product([SWAP], _BUT[SWAP])])
_HIGHEST = partial(f1_above, higher=[SWAP], lower=[[each] for each in _BUT[SWAP]])
_SLOWEST = partial(times_as_long, slower=[SWAP], faster=_BUT[SWAP], least=1)
_SOFT = partial(higher_clean, first=DISTILLED, second=defenses.HARD_LABELS, variant=WITHOUT_TEACHER)
_COARSE, _FINE, _COARSE_WITHOUT, _FINE_WITHOUT = STEP_ATTACKS
_STEPS = partial(goes_farther, attacks=STEP_ATTACKS, measures=["L2"], variant=OTHER_STEPS)
_BY_STEP = partial(_STEPS, pairs=[(_COARSE, _FINE), (_COARSE_WITHOUT, _FINE_WITHOUT)])
_BY_MOMENTUM = partial(_STEPS, pairs=[(_COARSE_WITHOUT, _COARSE), (_FINE_WITHOUT, _FINE)])
CLAIMS = (
    claim("1a", "the baseline is excellent", excellent, _CLEAN, _BRIGHT, speaks_of=_LEVEL),
    claim(
        "1b",
        "the baseline is weaker on CIFAR-10",
        better_than_cifar10,
        _CLEAN,
        _BRIGHT,
        speaks_of=_LEVEL,
    ),
    claim("2a", "IFGSM is effective", effective, _ATTACKS),
    claim("2b", "IFGSM is by far the fastest attack", _FASTEST, _TIMED_ATTACKS),
    claim("3", "DeepFool gives the lowest F1 of all attacks", _LOWEST, _ATTACKS),
    claim("4", "DeepFool is only marginally slower than IFGSM", _MARGINALLY, _TIMED_ATTACKS),
    claim("5a", "CW is less successful than IFGSM and DeepFool", _WEAKER, _ATTACKS),
    claim("5b", "CW is much slower than IFGSM and DeepFool", _SLOWER, _TIMED_ATTACKS),
    claim("5c", _PRINTED, near_printed, _ATTACKS, [GTSRB], speaks_of=_LEVEL),
    claim("6a", "images of CW and IFGSM stay closest to the original", _CLOSEST, _ATTACKS),
    claim("6b", "images of the pixel swap are the most visible", _FARTHEST, _ATTACKS),
    claim("7a", "the pixel swap is the least effective attack", _HIGHEST, _ATTACKS),
    claim("7b", "the pixel swap is the slowest attack", _SLOWEST, _TIMED_ATTACKS),
    claim("8", _BOUNDARY, close_to_the_boundary, _ATTACKS),
    claim("9a", "adversarial training improves F1 under all attacks", training_helps, _TRAINED),
    claim("9b", "adversarial training is the best defense", training_is_best, _SINGLE),
    claim("10a", _KEEPS, clean_kept, _TRAINED, _COLOUR),
    claim("10b", _LOWERS, partial(higher_clean, first=NONE, second=ADVERSARIAL), _TRAINED, [MNIST]),
    claim("11a", "smoothing helps under every attack", smoothing_helps, _BLUR, CASES, WAYS),
    claim("11b", _MOST_OF_ALL, smoothing_helps_most, _BLUR, CASES, WAYS),
    claim("12a", "gradient masking has no useful effect", useless, _MASKED, CASES, MASKED),
    claim("12b", "masking cannot affect the black-box attack", unaffected, _MASKED, CASES, MASKED),
    claim("13a", "distillation lifts F1 under DeepFool near the clean one", near_clean, _DISTILLED),
    claim("13b", "distillation nearly doubles F1 under the pixel swap", doubled, _DISTILLED),
    claim("13c", "distillation fails under CW and IFGSM", distillation_fails, _DISTILLED),
    claim("14a", _RAISES, partial(higher_clean, first=DISTILLED, second=NONE), _DISTILLED, _COLOUR),
    claim("14b", _SOFT_LABELS, _SOFT, _CONTROL, _COLOUR),
    claim("15", _BETTER_ON_MNIST, better_on_mnist, _ON_MNIST_TOO, _COLOUR),
    claim("16", _NETWORK_BASED, network_based, _BOTH_KINDS),
    claim("17", "defenses hardly change prediction time", same_time, _TIMED, speaks_of=_LEVEL),
    claim("18", "adversarial training plus smoothing beats either", combination_better, _PARTS),
    claim("19a", "IFGSM's changes are small because of the small step", _BY_STEP, _IN_STEPS),
    claim("19b", "IFGSM's changes are small because of momentum", _BY_MOMENTUM, _IN_STEPS),
)

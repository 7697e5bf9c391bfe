"""The claims of the RIT blog, judged by what was measured.

A claim about an order is judged by a paired difference, one about a value by a tolerance that is
named in the evidence.
"""

from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from evaluation import Estimate, NotRun
from harness.arms import Protocol
from harness.claims import Claim, Finding, SpeaksOf, at_each
from harness.links import Link, printed
from harness.results import Results
from harness.rule import Judgement, Ruling, direction, equality, level, together, within
from studies.rit_mnist import arms, curves, measures
from studies.rit_mnist.arms import PUBLISHED_EPSILONS
from studies.rit_mnist.published import FOLDER, MODELS

_WORST = "the worst of all attacks"


def _clean_accuracy(results: Results) -> Finding:
    (baseline,) = curves.attacked(results, "undefended")
    accuracy = baseline.accuracies[0]
    evidence = (
        f"{accuracy.percent(2)} % of {baseline.images:,} images; confirmed within 98.5 to 99.6 %"
    )
    return Finding(_where(results, "clean images"), within(accuracy, 0.985, 0.996), evidence)


def _plateau(results: Results) -> Finding:
    (baseline,) = curves.attacked(results, "undefended")
    beyond = curves.plateau(baseline)
    accuracies = [Estimate.accuracy(correct) for correct in beyond]
    means = [accuracy.value for accuracy in accuracies]
    spread = Estimate.paired(beyond[np.argmax(means)], beyond[np.argmin(means)])
    return Finding(
        _where(results, "FGSM"),
        together([equality(spread, 0.02), *(level(each, 0.1, 0.05) for each in accuracies)]),
        f"accuracies at 0.5 to 0.9: {', '.join(f'{100 * mean:.1f}' for mean in means)} %; largest "
        f"difference {spread.points()} points, at most 2 points for constant; 5 to 15 % for "
        f"chance; within 2 points of each other from {curves.constant_from(baseline).short()} on",
    )


def _largest_step(results: Results) -> Finding:
    (baseline,) = curves.attacked(results, "undefended")
    falls = curves.steps(baseline)
    at = PUBLISHED_EPSILONS.index(printed(FOLDER, measures="largest step"))
    others = np.delete(falls, at, axis=0)
    rival = others[others.mean(axis=1).argmax()]
    listed = ", ".join(
        f"{-100 * fall.mean():+.1f} at {end:g}"
        for fall, end in zip(falls[:5], PUBLISHED_EPSILONS, strict=False)
    )
    first, second = (Estimate.accuracy(baseline.at(epsilon)).percent(2) for epsilon in (0.1, 0.2))
    return Finding(
        _where(results, "FGSM"),
        direction(Estimate.mean(falls[at] - rival)),
        f"the largest step ends at {curves.largest_step(baseline).short()}; accuracy changes by "
        f"{listed} points; {first} % at 0.1, {second} % at 0.2",
    )


def _useful_range(results: Results) -> Finding:
    parts = [_plateau(results), _largest_step(results)]
    falls = curves.steps(*curves.attacked(results, "undefended")).mean(axis=1)
    share = falls[[0.2 < end <= 0.4 for end in PUBLISHED_EPSILONS]].sum() / falls.sum()
    return Finding(
        _where(results, "FGSM"),
        together(part.judgement for part in parts),
        f"follows from RIT-2 and RIT-3; {share:.0%} of the whole fall lies between 0.2 and 0.4",
    )


def _single_class(results: Results) -> Finding:
    beyond = [round(float(each), 9) in PUBLISHED_EPSILONS and each > 0.2 for each in arms.GRID]
    predicted = curves.confusion(results, "undefended")[beyond].sum(axis=1)
    images, ends = int(predicted[0].sum()), arms.GRID[beyond]
    single = int(predicted.sum(axis=0).argmax())
    shares = [Estimate.share(count / images, images) for count in predicted[:, single]]
    bits = curves.entropy(predicted)
    listed = ", ".join(f"{100 * each.value:.1f} at {end:g}" for each, end in zip(shares, ends))
    return Finding(
        _where(results, "FGSM"),
        together(within(share, least=0.9) for share in shares),
        f"class {single}, predicted most often, gets {listed} % of the predictions, entropy "
        f"{bits.min():.2f} to {bits.max():.2f} bits of {np.log2(predicted.shape[1]):.2f}; "
        "confirmed from 90 % on at every epsilon of the post above 0.2",
    )


def _retrained_is_best(results: Results, protocol: Protocol) -> Finding:
    attack = arms.MEASURED_UNDER[protocol]
    gain = partial(_gain, results, attack=attack, protocol=protocol)
    gains = {
        "retrained over baseline": gain("fgsm_retrained", "undefended"),
        "retrained over untrained": gain("fgsm_retrained", "fgsm_untrained"),
        "baseline over untrained": gain("undefended", "fgsm_untrained"),
    }
    what = "FGSM" if attack == "FGSM" else _WORST
    return _all_above_zero(gains, _where(results, what, protocol))


def _losses(results: Results) -> Finding:
    retrained = curves.losses(results, "fgsm_retrained")
    untrained = curves.losses(results, "fgsm_untrained")
    ratios = retrained[:, 0] / untrained[:, 0]
    at_the_end = np.concatenate([retrained[:, -1], untrained[:, -1]])
    ruling = Ruling.REFUTED if (ratios < 1).all() else Ruling.UNDECIDED
    if ((ratios > 1.5) & (ratios < 2.5)).all() and (at_the_end < 0.003).all():
        ruling = Ruling.CONFIRMED
    return Finding(
        f"{results.label(arms.CASE)}, {len(ratios)} seed{'s' if len(ratios) > 1 else ''}",
        Judgement(ruling),
        f"training loss after epoch 1: retrained {_each(retrained[:, 0])}, untrained "
        f"{_each(untrained[:, 0])}, ratio {_each(ratios)}; after epoch {retrained.shape[1]} (of "
        f"{arms.RECIPE.epochs} published): {_each(retrained[:, -1])} and {_each(untrained[:, -1])}"
        "; confirmed if every ratio is 1.5 to 2.5 and all end below 0.003, refuted if every ratio "
        "is below 1; no interval, as a loss is one number for each seed",
    )


def _meeting(results: Results, name: str) -> Finding:
    epsilon = printed(FOLDER, measures=name)
    first, second, from_there_on = measures.MEETINGS[name]
    met = measures.measure(results, Link(name), Protocol.FAITHFUL)
    gain = _gain(results, first, second, up_to=epsilon)
    # What ends there has to be an advantage.
    advantage = [] if from_there_on else [direction(gain)]
    evidence = (
        f"measured: {met.short()} ({met.images:,} images), published: {epsilon:g}; confirmed "
        f"within 0.05; mean gain for epsilon 0 to {epsilon:g} {gain.points()} points"
    )
    with suppress(NotRun):
        worst = measures.measure(results, Link(name), Protocol.CORRECTED)
        evidence += f"; {_WORST}: {worst.short()}"
    judgement = together([level(met, epsilon, 0.05), *advantage])
    return Finding(_where(results, f"FGSM, {name}"), judgement, evidence)


def _costs_a_point(results: Results) -> Finding:
    baseline, retrained = curves.attacked(results, "undefended", "fgsm_retrained")
    cost = curves.gain_at(0.0, baseline, retrained)
    first, second = (curve.accuracies[0].percent(2) for curve in (baseline, retrained))
    return Finding(
        _where(results, "clean images"),
        level(cost, 0.01, 0.005),
        f"baseline {first} %, retrained {second} %, cost {cost.points()} points of "
        f"{cost.images:,} images; confirmed within 0.5 to 1.5 points",
    )


def _pgd_training_resists_pgd(results: Results, protocol: Protocol) -> Finding:
    over = _gain(results, "pgd_retrained", "fgsm_retrained", attack="PGD", protocol=protocol)
    gains = {"PGD-trained over FGSM-trained": over}
    return _all_above_zero(gains, _where(results, "PGD", protocol))


def _fgsm_training_resists_pgd(results: Results, protocol: Protocol) -> Finding:
    over = _gain(results, "fgsm_retrained", "undefended", attack="PGD", protocol=protocol)
    return _all_above_zero({"FGSM-trained over baseline": over}, _where(results, "PGD", protocol))


def _help_against_pgd_fades(results: Results, protocol: Protocol) -> Finding:
    roles = "fgsm_retrained", "undefended"
    trained, baseline = curves.attacked(results, *roles, attack="PGD", protocol=protocol)
    gains = {
        epsilon: trained.at(epsilon).mean(axis=0) - baseline.at(epsilon).mean(axis=0)
        for epsilon in (0.1, 0.3)
    }
    fades = Estimate.mean(gains[0.1] - gains[0.3])
    listed = " and ".join(
        f"{Estimate.mean(gain).points()} at {epsilon:g}" for epsilon, gain in gains.items()
    )
    return Finding(
        _where(results, "PGD", protocol),
        direction(fades),
        f"gain of the FGSM-trained network over the baseline {listed} points: less by "
        f"{fades.points()}",
    )


def _limit(results: Results, role: str) -> Finding:
    """Whether an image with the limit that the post shows is one of the usual."""
    (curve,) = curves.attacked(results, role)
    stated = printed(FOLDER, measures="median limit", model=MODELS[role])
    limits = curves.limits(curve)
    below, above = (Estimate.accuracy(each) for each in (limits <= stated, limits >= stated))
    return Finding(
        _where(results, f"{arms.NAMES[role]}, under FGSM"),
        together(within(share, least=0.025) for share in (below, above)),
        f"{stated:g} on the one image shown; of {curve.images:,} images {below.percent()} % are "
        f"classified correctly up to there or less, {above.percent()} % up to there or further; "
        f"the median is {curves.median_limit(curve).short()}; confirmed if the image shown is not "
        "among the outermost 2.5 % on either side",
    )


def _fgsm_training_is_better(results: Results, protocol: Protocol) -> Finding:
    gain = partial(_gain, results, "fgsm_retrained", "pgd_retrained", protocol=protocol)
    gains = {
        f"over the PGD-trained under {attack}": gain(attack=attack) for attack in ("FGSM", "PGD")
    }
    return _all_above_zero(gains, _where(results, "FGSM and PGD", protocol))


def _gain(results: Results, first: str, second: str, up_to: float = 0.3, **under: Any) -> Estimate:
    return curves.area_gain(*curves.attacked(results, first, second, **under), up_to)


def _where(results: Results, what: str, protocol: Protocol = Protocol.FAITHFUL) -> str:
    return f"{results.label(arms.CASE)}, {protocol}, {what}"


def _all_above_zero(gains: dict[str, Estimate], where: str) -> Finding:
    listed = "; ".join(f"{words} {gain.points()} points" for words, gain in gains.items())
    return Finding(
        where, together(map(direction, gains.values())), f"mean gain for epsilon 0 to 0.3: {listed}"
    )


def _each(values: np.ndarray) -> str:
    return ", ".join(f"{value:.3g}" for value in values)


_CONSTANT = "FGSM accuracy falls with epsilon and is constant beyond 0.4, at 10 %"
_SINGLE_CLASS = "beyond 0.2 all perturbed images go to a single class (8)"
_BEST = "retrained beats baseline and untrained; untrained is worst"
_TWICE_THE_LOSS = (
    "the retrained network starts at twice the loss of the untrained one (0.203 and 0.102), both "
    "end at 0.002"
)
_MEET = "baseline and retrained curves meet near 0.30, retrained and untrained near 0.37"
_COSTS = "FGSM training costs about 1 point of clean accuracy (99 to 98 %)"
_MOST_ROBUST = "PGD training is most robust to PGD"
_ALSO_HELPS = "FGSM training helps against PGD too"
_FADES = "what FGSM training helps against PGD fades with epsilon"
_BEATS = (
    "under FGSM the PGD-trained network beats the baseline up to 0.33 and the FGSM-trained one "
    "from 0.15"
)
_UP_TO = "correct class up to epsilon 0.15 (baseline), 0.2 (FGSM-trained), 0.25 (PGD-trained)"
_BETTER = "the FGSM-retrained network resists better than the PGD-trained one in both scenarios"

_LEVEL = SpeaksOf.LEVEL
_LIMITS = ("undefended", "fgsm_retrained", "pgd_retrained")
CLAIMS = (
    Claim(
        "RIT-1", "the baseline's test accuracy is 99 %", at_each(_clean_accuracy), speaks_of=_LEVEL
    ),
    Claim("RIT-2", _CONSTANT, at_each(_plateau)),
    Claim(
        "RIT-3",
        "the step to 0.2 is the largest (79 % to 24 %)",
        at_each(_largest_step),
        speaks_of=_LEVEL,
    ),
    Claim(
        "RIT-4",
        "the useful range of epsilon is 0.2 to 0.4",
        at_each(_useful_range),
        speaks_of=_LEVEL,
    ),
    Claim("RIT-5", _SINGLE_CLASS, at_each(_single_class)),
    Claim("RIT-6", _BEST, at_each(_retrained_is_best, Protocol)),
    Claim("RIT-7", _TWICE_THE_LOSS, at_each(_losses), speaks_of=_LEVEL),
    Claim("RIT-8", _MEET, at_each(_meeting, measures.RETRAINED_MEETS), speaks_of=_LEVEL),
    Claim("RIT-9", _COSTS, at_each(_costs_a_point), speaks_of=_LEVEL),
    Claim("RIT-10a", _MOST_ROBUST, at_each(_pgd_training_resists_pgd, Protocol)),
    Claim("RIT-10b", _ALSO_HELPS, at_each(_fgsm_training_resists_pgd, Protocol)),
    Claim("RIT-10c", _FADES, at_each(_help_against_pgd_fades, Protocol)),
    Claim("RIT-11", _BEATS, at_each(_meeting, measures.PGD_TRAINED_BEATS), speaks_of=_LEVEL),
    Claim("RIT-12", _UP_TO, at_each(_limit, _LIMITS), speaks_of=_LEVEL),
    Claim("RIT-13", _BETTER, at_each(_fgsm_training_is_better, Protocol)),
)

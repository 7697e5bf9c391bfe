"""The claims of the RIT blog, judged by what was measured.

How the accuracy of one network changes with epsilon can be seen on any network, and so can whether
training on adversarial examples helps, as all networks are reduced alike. Accuracies, losses, and
where two curves meet depend on how long is trained: they are levels, of which a few epochs do not
tell.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import pairwise

import numpy as np

from evaluation import Estimate
from harness.arms import Protocol
from harness.claims import Claim, Finding, SpeaksOf, at_each
from harness.links import Link, printed
from harness.results import Results
from harness.rule import (
    POINT,
    Judgement,
    direction,
    equality,
    level,
    throughout,
    together,
    within,
)
from studies.rit_mnist import arms, curves, measures
from studies.rit_mnist.arms import PUBLISHED_EPSILONS
from studies.rit_mnist.published import FOLDER, MODELS, baseline_under_fgsm

BASELINE = 0.985, 0.996  # an accuracy (RIT-1)
FLAT_FROM, FLAT = 0.4, 0.02  # an epsilon, and a difference of accuracies that is none (RIT-2)
CHANCE, NEAR_CHANCE = 0.1, 0.05  # accuracies (RIT-2)
SINGLE = 0.9  # a share of the predictions (RIT-5)
TWICE = 1.5, 2.5  # a ratio of losses (RIT-7)
LAST_LOSS, NEAR_LAST = 0.002, 0.001  # losses (RIT-7)
NEAR_MEETING = 0.05  # an epsilon (RIT-8, RIT-11)
COST, NEAR_COST = 0.01, 0.005  # accuracies (RIT-9)
EARLY, LATE = 0.1, 0.3  # epsilons (RIT-10)
OUTERMOST = 0.025  # a share of the images, on either side (RIT-12)

_WORST = "the worst of all attacks"
_BEYOND = f"{arms.PLATEAU[0]:g} to {arms.PLATEAU[-1]:g}"
_ON_FGSM = "fgsm_retrained", "fgsm_untrained"


def _clean_accuracy(results: Results) -> Finding:
    (baseline,) = curves.attacked(results, "undefended")
    accuracy, (least, most) = baseline.accuracies[0], BASELINE
    return Finding(
        _where(results, "clean images"),
        within(accuracy, least, most),
        f"{accuracy.percent(2)} % of {baseline.images:,} images; criterion: within "
        f"{100 * least:g} to {100 * most:g} %",
    )


def _falls(results: Results) -> Finding:
    """As a whole, and without a rise of any size in one of the steps."""
    (baseline,) = curves.attacked(results, "undefended")
    ends = [0.0, *(epsilon for epsilon in PUBLISHED_EPSILONS if epsilon <= FLAT_FROM)]
    outcomes = [baseline.at(epsilon) for epsilon in ends]
    whole = Estimate.paired(outcomes[0], outcomes[-1])
    changes = [Estimate.paired(later, earlier) for earlier, later in pairwise(outcomes)]
    listed = ", ".join(
        f"{change.points()} at {end:g}" for change, end in zip(changes, ends[1:], strict=True)
    )
    return Finding(
        _where(results, "FGSM"),
        together([direction(whole), throughout(changes, partial(within, most=FLAT))]),
        f"accuracy falls by {whole.percent()} points from 0 to {FLAT_FROM:g}; step by step it "
        f"changes by {listed}; a rise of up to {100 * FLAT:g} points counts as none",
    )


def _is_constant(results: Results) -> Finding:
    (baseline,) = curves.attacked(results, "undefended")
    beyond = sorted(curves.plateau(baseline), key=np.mean)
    spread = Estimate.paired(beyond[-1], beyond[0])
    return Finding(
        _where(results, "FGSM"),
        equality(spread, FLAT),
        f"accuracies at {_BEYOND} differ by up to {spread.points()} points; criterion: within "
        f"{100 * FLAT:g}; they are so near from {curves.constant_from(baseline).short()} on",
    )


def _is_at_chance(results: Results) -> Finding:
    (baseline,) = curves.attacked(results, "undefended")
    accuracies = [Estimate.accuracy(correct) for correct in curves.plateau(baseline)]
    return Finding(
        _where(results, "FGSM"),
        throughout(accuracies, partial(level, stated=CHANCE, margin=NEAR_CHANCE)),
        f"accuracies at {_BEYOND}: {', '.join(each.percent() for each in accuracies)} %; "
        f"criterion: within {100 * NEAR_CHANCE:g} points of {100 * CHANCE:g} %, which chance gives",
    )


def _largest_step(results: Results) -> Finding:
    (baseline,) = curves.attacked(results, "undefended")
    falls = curves.steps(baseline)
    epsilon = printed(FOLDER, measures="largest step")
    at = PUBLISHED_EPSILONS.index(epsilon)
    others = np.delete(falls, at, axis=0)
    rival = others[others.mean(axis=1).argmax()]
    lead = Estimate.difference(falls[at] - rival, most=2.0)
    return Finding(
        _where(results, "FGSM"),
        direction(lead),
        f"the largest step ends at {curves.largest_step(baseline).short()}; the one to "
        f"{epsilon:g} is {lead.points()} points larger than the largest other",
    )


def _around_it(results: Results) -> Finding:
    (baseline,) = curves.attacked(results, "undefended")
    stated = {epsilon: baseline_under_fgsm()[epsilon] for epsilon in (0.1, 0.2)}
    measured = {epsilon: Estimate.accuracy(baseline.at(epsilon)) for epsilon in stated}
    listed = ", ".join(
        f"{share.percent(2)} % at {end:g}, published {stated[end]:g} %"
        for end, share in measured.items()
    )
    return Finding(
        _where(results, "FGSM"),
        together(level(measured[each], stated[each] / 100, POINT) for each in stated),
        f"{listed}; criterion: within {100 * POINT:g} point",
    )


def _useful_range(results: Results) -> Finding:
    parts = {"RIT-2b": _is_constant(results), "RIT-3a": _largest_step(results)}
    judged = ", ".join(f"{name} {part.judgement.ruling}" for name, part in parts.items())
    return Finding(
        _where(results, "FGSM"),
        together(part.judgement for part in parts.values()),
        f"{judged}: {'; '.join(part.evidence for part in parts.values())}",
    )


def _single_class(results: Results) -> Finding:
    """For each run the class that its network predicts most often."""
    beyond = [epsilon > 0.2 and epsilon in PUBLISHED_EPSILONS for epsilon in arms.GRID.tolist()]
    kept = curves.pictured(results, "undefended")
    runs = [each["confusion"][beyond].sum(axis=1) for each in kept]
    classes, images = [run.sum(axis=0).argmax() for run in runs], int(runs[0][0].sum())
    counts = np.mean([run[:, single] for run, single in zip(runs, classes, strict=True)], axis=0)
    shares = [Estimate.share(count / images, images) for count in counts]
    listed = ", ".join(
        f"{share.percent()} at {end:g}"
        for share, end in zip(shares, arms.GRID[beyond], strict=True)
    )
    bits = np.concatenate([curves.entropy(run) for run in runs])
    return Finding(
        _where(results, "FGSM"),
        throughout(shares, partial(within, least=SINGLE)),
        f"class {', '.join(map(str, classes))}, predicted most often, gets {listed} % of the "
        f"predictions, entropy {bits.min():.2f} to {bits.max():.2f} bits of "
        f"{np.log2(runs[0].shape[1]):.2f}; criterion: from {100 * SINGLE:g} % on at every epsilon "
        "of the post above 0.2",
    )


def _beats(
    results: Results, protocol: Protocol, pairs: Iterable[tuple[str, str]], attack: str = _WORST
) -> Finding:
    """Whether the first network of each pair is above the second under one attack, or the worst."""
    under = arms.MEASURED_UNDER[protocol] if attack == _WORST else attack
    gains = {
        pair: curves.area_gain(*curves.attacked(results, *pair, attack=under, protocol=protocol))
        for pair in pairs
    }
    listed = "; ".join(
        f"{MODELS[first]} over {MODELS[second]} {gain.points()} points"
        for (first, second), gain in gains.items()
    )
    return Finding(
        _where(results, under if under in ("FGSM", "PGD") else _WORST, protocol),
        throughout(gains.values(), direction),
        f"mean gain for epsilon 0 to 0.3: {listed}",
    )


def _twice_the_loss(results: Results) -> Finding:
    first, second = (curves.losses(results, role)[:, 0] for role in _ON_FGSM)
    ratio, (least, most) = Estimate.over_seeds(first / second), TWICE
    evidence = (
        f"training loss after epoch 1: retrained {_each(first)}, untrained {_each(second)}, ratio "
        f"{ratio.short()}; criterion: within {least:g} to {most:g}"
    )
    return _over_seeds(results, ratio.images, within(ratio, least, most), evidence)


def _same_loss_at_the_end(results: Results) -> Finding:
    losses = [curves.losses(results, role) for role in _ON_FGSM]
    ends = [Estimate.over_seeds(each[:, -1]) for each in losses]
    evidence = (
        f"training loss after epoch {losses[0].shape[1]} (of {arms.RECIPE.epochs} published): "
        f"retrained {ends[0].short()}, untrained {ends[1].short()}; criterion: within "
        f"{NEAR_LAST:g} of {LAST_LOSS:g}"
    )
    judgement = together(level(end, LAST_LOSS, NEAR_LAST) for end in ends)
    return _over_seeds(results, ends[0].images, judgement, evidence)


def _over_seeds(results: Results, seeds: int, judgement: Judgement, evidence: str) -> Finding:
    where = f"{results.label(arms.CASE)}, {seeds} seed{'s' if seeds > 1 else ''}"
    without = "; no interval below three seeds" if seeds < 3 else ""
    return Finding(where, judgement, evidence + without, counted="seeds")


def _meeting(results: Results, name: str) -> Finding:
    """Where two curves meet, and whether one is above up to there or from there on."""
    epsilon = printed(FOLDER, measures=name)
    first, second, from_there_on = measures.MEETINGS[name]
    start, end = (epsilon, FLAT_FROM) if from_there_on else (0.0, epsilon)
    met = measures.measure(results, Link(name), Protocol.FAITHFUL)
    gain = curves.area_gain(*curves.attacked(results, first, second), end, start)
    there = f"measured: {met.short()}"
    if np.isnan(met.value):
        there = "the curves do not meet"
        there += f", in some samples from {met.low:.3g} on" if np.isfinite(met.low) else ""
    evidence = (
        f"{there} ({met.images:,} images), published: {epsilon:g}; criterion: "
        f"within {NEAR_MEETING:g}; mean gain for epsilon {start:g} to {end:g} {gain.points()} "
        "points"
    )
    judgement = together([level(met, epsilon, NEAR_MEETING), direction(gain)])
    return Finding(_where(results, "FGSM"), judgement, evidence)


def _costs_a_point(results: Results) -> Finding:
    baseline, retrained = curves.attacked(results, "undefended", "fgsm_retrained")
    cost = curves.gain_at(0.0, baseline, retrained)
    first, second = (curve.accuracies[0].percent(2) for curve in (baseline, retrained))
    return Finding(
        _where(results, "clean images"),
        level(cost, COST, NEAR_COST),
        f"baseline {first} %, retrained {second} %, cost {cost.points()} points of "
        f"{cost.images:,} images; criterion: within {100 * NEAR_COST:g} points of {100 * COST:g}",
    )


def _help_against_pgd_fades(results: Results, protocol: Protocol) -> Finding:
    """Help has to be there to fade."""
    roles = "fgsm_retrained", "undefended"
    trained, baseline = curves.attacked(results, *roles, attack="PGD", protocol=protocol)
    early, late = (
        trained.at(epsilon).mean(axis=0) - baseline.at(epsilon).mean(axis=0)
        for epsilon in (EARLY, LATE)
    )
    there, left = map(Estimate.difference, (early, late))
    fades = Estimate.difference(early - late, most=2.0)
    return Finding(
        _where(results, "PGD", protocol),
        together([direction(there), direction(fades)]),
        f"gain of the FGSM-trained network over the baseline {there.points()} points at {EARLY:g} "
        f"and {left.points()} at {LATE:g}, a fall of {fades.percent()}",
    )


def _limit(results: Results, role: str) -> Finding:
    """Whether an image with the limit that the post shows is one of the usual."""
    (curve,) = curves.attacked(results, role)
    stated = printed(FOLDER, measures="median limit", model=MODELS[role])
    limits = curves.limits(curve)
    below, above = (Estimate.accuracy(each) for each in (limits <= stated, limits >= stated))
    return Finding(
        _where(results, f"{MODELS[role]}, FGSM"),
        together(within(share, least=OUTERMOST) for share in (below, above)),
        f"{stated:g} on the one image shown; of {curve.images:,} images {below.percent()} % are "
        f"last classified correctly at that or below, {above.percent()} % at that or above; the "
        f"median is {curves.median_limit(curve).short()}; criterion: the "
        f"image shown is not among the outermost {100 * OUTERMOST:g} % on either side",
    )


def _where(results: Results, what: str, protocol: Protocol = Protocol.FAITHFUL) -> str:
    return f"{results.label(arms.CASE)}, {protocol}, {what}"


def _each(values: np.ndarray) -> str:
    return ", ".join(f"{value:.3g}" for value in values)


def _order(*pairs: tuple[str, str], under: str = _WORST) -> Callable[[Results], Iterator[Finding]]:
    """The judge of an order; FGSM is the same in both protocols."""
    protocols = [Protocol.FAITHFUL] if under == "FGSM" else list(Protocol)
    return at_each(_beats, protocols, [pairs], [under])


_SINGLE_CLASS = "beyond 0.2 all perturbed images go to a single class (8)"
_STARTS = "the retrained network starts at twice the loss of the untrained one (0.203 and 0.102)"
_ENDS = "both end at a loss of 0.002"
_BASE_MEETS = "the curves of the baseline and the retrained network meet near 0.30"
_NEW_MEETS = "the curves of the retrained and the untrained network meet near 0.37"
_COSTS = "FGSM training costs about 1 point of clean accuracy (99 to 98 %)"
_MOST_ROBUST = "PGD training is most robust to PGD"
_ALSO_HELPS = "FGSM training helps against PGD too"
_FADES = "what FGSM training helps against PGD fades with epsilon"
_BEATS_BASE = "under FGSM the PGD-trained network beats the baseline up to 0.33"
_BEATS_FGSM = "under FGSM the PGD-trained network beats the FGSM-trained one from 0.15"
_UP_TO = "correct class up to epsilon 0.15 (baseline), 0.2 (FGSM-trained), 0.25 (PGD-trained)"
_BETTER = "the FGSM-retrained network resists {} better than the PGD-trained one"

_BASE = "FGSM on the baseline"
_TWO = f"{_BASE} and the network retrained on its images"
_THREE = f"{_TWO}, and on the untrained one"
_LOSSES = "the networks trained on FGSM's images, retrained and untrained"
_EVERY = "{} on the baseline and on the networks retrained on images of FGSM and of PGD"
_FGSM, _PGD = map(_EVERY.format, ("FGSM", "PGD"))
_PGD_ON_TWO = "PGD on the baseline and on the network retrained on FGSM's images"

_LEVEL = SpeaksOf.LEVEL
_LIMITS = "undefended", "fgsm_retrained", "pgd_retrained"
_MEET = [at_each(_meeting, [name]) for name in measures.MEETINGS]
_OVER_BASE, _LAST = ("fgsm_retrained", "undefended"), ("undefended", "fgsm_untrained")
_PGD_FIRST = ("pgd_retrained", "fgsm_retrained"), ("pgd_retrained", "undefended")
_FGSM_FIRST = ("fgsm_retrained", "pgd_retrained")
CLAIMS = (
    Claim("RIT-1", "the baseline's accuracy is 99 %", at_each(_clean_accuracy), _BASE, _LEVEL),
    Claim("RIT-2a", "accuracy under FGSM falls with epsilon", at_each(_falls), _BASE),
    Claim("RIT-2b", "it is constant beyond 0.4", at_each(_is_constant), _BASE),
    Claim("RIT-2c", "beyond 0.4 it is at 10 %", at_each(_is_at_chance), _BASE, _LEVEL),
    Claim("RIT-3a", "the step to 0.2 is the largest", at_each(_largest_step), _BASE),
    Claim("RIT-3b", "this step is from 79 % to 24 %", at_each(_around_it), _BASE, _LEVEL),
    Claim("RIT-4", "the useful range of epsilon is 0.2 to 0.4", at_each(_useful_range), _BASE),
    Claim("RIT-5", _SINGLE_CLASS, at_each(_single_class), _BASE),
    Claim("RIT-6a", "retrained beats the baseline", _order(_OVER_BASE), _TWO),
    Claim("RIT-6b", "retrained beats untrained", _order(_ON_FGSM), _THREE),
    Claim("RIT-6c", "untrained is worst", _order(_LAST, _ON_FGSM), _THREE),
    Claim("RIT-7a", _STARTS, at_each(_twice_the_loss), _LOSSES, _LEVEL),
    Claim("RIT-7b", _ENDS, at_each(_same_loss_at_the_end), _LOSSES, _LEVEL),
    Claim("RIT-8a", _BASE_MEETS, _MEET[0], _TWO, _LEVEL),
    Claim("RIT-8b", _NEW_MEETS, _MEET[1], _THREE, _LEVEL),
    Claim("RIT-9", _COSTS, at_each(_costs_a_point), _TWO, _LEVEL),
    Claim("RIT-10a", _MOST_ROBUST, _order(*_PGD_FIRST, under="PGD"), _PGD),
    Claim("RIT-10b", _ALSO_HELPS, _order(_OVER_BASE, under="PGD"), _PGD_ON_TWO),
    Claim("RIT-10c", _FADES, at_each(_help_against_pgd_fades, Protocol), _PGD_ON_TWO),
    Claim("RIT-11a", _BEATS_BASE, _MEET[2], _FGSM, _LEVEL),
    Claim("RIT-11b", _BEATS_FGSM, _MEET[3], _FGSM, _LEVEL),
    Claim("RIT-12", _UP_TO, at_each(_limit, _LIMITS), _FGSM, _LEVEL),
    Claim("RIT-13a", _BETTER.format("FGSM"), _order(_FGSM_FIRST, under="FGSM"), _FGSM),
    Claim("RIT-13b", _BETTER.format("PGD"), _order(_FGSM_FIRST, under="PGD"), _PGD),
)

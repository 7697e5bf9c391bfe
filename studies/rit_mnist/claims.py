"""The claims of the RIT blog, judged by what was measured.

A claim about an order is judged by the sign of a paired difference, one about a value by whether
the interval of the measured one lies within a tolerance that is named in the evidence.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np

from evaluation import Curve, Estimate
from harness.arms import Protocol
from harness.claims import Claim, Finding, Ruling, all_of, by_sign, directions, inside
from harness.links import printed
from harness.results import Results
from studies.rit_mnist import curves
from studies.rit_mnist.arms import CASE, EPSILONS, EVERY_ATTACK, MEASURED_UNDER, NAMES, RECIPE
from studies.rit_mnist.curves import ROUNDING, area_gain
from studies.rit_mnist.published import FOLDER, MEETINGS, MODELS

Judged = tuple[Ruling, str]

_WORST = "the worst of all attacks"
_FGSM = {Protocol.FAITHFUL: "FGSM"}
_PGD = dict.fromkeys(Protocol, "PGD")


def about(
    number: int,
    statement: str,
    *roles: str,
    under: Mapping[Protocol, str | tuple[str, ...]] = _FGSM,
    on: str = "",
) -> Callable[[Callable[..., Judged]], Claim]:
    """Makes a claim of a judge of the curves of some networks, wherever all were attacked.

    Args:
        under: the attack, or those of which the worst counts for every image, by protocol.
        on: what is judged; the attack by default.
    """

    def claim(judge: Callable[..., Judged]) -> Claim:
        def findings(results: Results) -> Iterator[Finding]:
            for protocol, attack in under.items():
                networks = curves.attacked(results, roles, attack, protocol)
                if networks:
                    what = on or (_WORST if attack == EVERY_ATTACK else attack)
                    yield Finding(_where(results, what, protocol), *judge(*networks))

        return Claim(f"RIT-{number}", statement, findings)

    return claim


@about(1, "the baseline's test accuracy is 99 %", "undefended", on="clean images")
def clean_accuracy(baseline: Curve) -> Judged:
    accuracy = baseline.accuracies[0]
    return inside(accuracy, 0.985, 0.996), (
        f"{accuracy.percent(2)} % of {baseline.images:,} images; confirmed within 98.5 to 99.6 %"
    )


@about(2, "FGSM accuracy falls with epsilon and is constant beyond 0.4, at 10 %", "undefended")
def plateau_at_chance(baseline: Curve) -> Judged:
    beyond = curves.plateau(baseline)
    means = [accuracy.value for accuracy in beyond.accuracies]
    spread = Estimate.paired(beyond.correct[np.argmax(means)], beyond.correct[np.argmin(means)])
    at_chance = [inside(accuracy, 0.05, 0.15) for accuracy in beyond.accuracies]
    return all_of([inside(spread, -0.02, 0.02), *at_chance]), (
        f"accuracies at 0.5 to 0.9: {', '.join(f'{100 * mean:.1f}' for mean in means)} %; largest "
        f"difference {spread.points()} points, at most 2 points for constant; 5 to 15 % for "
        f"chance; within 2 points of each other from {curves.constant_from(baseline).short()} on"
    )


@about(3, "the step to 0.2 is the largest (79 % to 24 %)", "undefended")
def largest_step(baseline: Curve) -> Judged:
    falls, ends = curves.steps(baseline)
    means = falls.mean(axis=1)
    (at,) = np.flatnonzero(np.isclose(ends, printed(FOLDER, measures="largest step")))
    rival = np.where(np.arange(len(ends)) == at, -np.inf, means).argmax()
    listed = ", ".join(
        f"{100 * fall:+.1f} at {end:g}" for end, fall in zip(ends[:5], -means[:5], strict=True)
    )
    first, second = (Estimate.accuracy(baseline.at(epsilon)).percent(2) for epsilon in (0.1, 0.2))
    return directions(Estimate.mean(falls[at] - falls[rival])), (
        f"the largest step ends at {curves.largest_step(baseline).short()}; accuracy changes by "
        f"{listed} points; {first} % at 0.1, {second} % at 0.2"
    )


@partial(Claim, "RIT-4", "the useful range of epsilon is 0.2 to 0.4")
def useful_range(results: Results) -> Iterator[Finding]:
    parts = [*plateau_at_chance.judge(results), *largest_step.judge(results)]
    for baseline in curves.attacked(results, ["undefended"]):
        falls, ends = curves.steps(baseline)
        means = falls.mean(axis=1)
        share = means[(ends > 0.2 + ROUNDING) & (ends < 0.4 + ROUNDING)].sum() / means.sum()
        yield Finding(
            _where(results, "FGSM"),
            all_of(part.ruling for part in parts),
            f"follows from RIT-2 and RIT-3; {share:.0%} of the whole fall lies between 0.2 and 0.4",
        )


@partial(Claim, "RIT-5", "beyond 0.2 all perturbed images go to a single class (8)")
def single_class(results: Results) -> Iterator[Finding]:
    counts = curves.confusion(results, "undefended")
    if counts is None:
        return
    predicted = counts[1:][np.array(EPSILONS) > 0.2 + ROUNDING].sum(axis=1)
    images = int(predicted[0].sum())
    single = int(predicted.sum(axis=0).argmax())
    shares, bits = predicted[:, single] / images, curves.entropy(predicted)
    yield Finding(
        _where(results, "FGSM"),
        all_of(inside(Estimate.share(share, images), 0.9, 1.0) for share in shares),
        f"class {single}, predicted most often, gets {shares.min():.0%} to {shares.max():.0%} of "
        f"the predictions, entropy {bits.min():.2f} to {bits.max():.2f} bits of "
        f"{np.log2(predicted.shape[1]):.2f}; confirmed from 90 % on at every epsilon above 0.2",
    )


@about(
    6,
    "retrained beats baseline and untrained; untrained is worst",
    *("fgsm_retrained", "undefended", "fgsm_untrained"),
    under=MEASURED_UNDER,
)
def retrained_is_best(retrained: Curve, baseline: Curve, untrained: Curve) -> Judged:
    return _gains(
        {
            "retrained over baseline": area_gain(retrained, baseline),
            "retrained over untrained": area_gain(retrained, untrained),
            "baseline over untrained": area_gain(baseline, untrained),
        }
    )


@partial(
    Claim,
    "RIT-7",
    "the retrained network starts at twice the loss of the untrained one (0.203 and 0.102), both "
    "end at 0.002",
)
def losses(results: Results) -> Iterator[Finding]:
    retrained, untrained = (
        curves.losses(results, role) for role in ("fgsm_retrained", "fgsm_untrained")
    )
    if retrained is None or untrained is None:
        return
    ratios = retrained[:, 0] / untrained[:, 0]
    as_printed = (ratios > 1.5).all() and (ratios < 2.5).all()
    at_the_end = (np.concatenate([retrained[:, -1], untrained[:, -1]]) < 0.003).all()
    ruling = Ruling.REFUTED if (ratios < 1).all() else Ruling.UNDECIDED
    yield Finding(
        f"{results.label(CASE)}, {len(ratios)} seed{'s' if len(ratios) > 1 else ''}",
        Ruling.CONFIRMED if as_printed and at_the_end else ruling,
        f"training loss after epoch 1: retrained {_each(retrained[:, 0])}, untrained "
        f"{_each(untrained[:, 0])}, ratio {_each(ratios)}; after epoch {retrained.shape[1]} (of "
        f"{RECIPE.epochs} published): {_each(retrained[:, -1])} and {_each(untrained[:, -1])}; "
        "confirmed if every ratio is 1.5 to 2.5 and all end below 0.003, refuted if every ratio is "
        "below 1; no interval, as a loss is one number for each seed",
    )


@partial(
    Claim,
    "RIT-8",
    "baseline and retrained curves meet near 0.30, retrained and untrained near 0.37",
)
def curves_meet(results: Results) -> Iterator[Finding]:
    return _meetings(results, "curves meet")


@about(
    9,
    "FGSM training costs about 1 point of clean accuracy (99 to 98 %)",
    *("undefended", "fgsm_retrained"),
    on="clean images",
)
def costs_a_point(baseline: Curve, retrained: Curve) -> Judged:
    cost = Estimate.paired(baseline.correct[0], retrained.correct[0])
    first, second = (curve.accuracies[0].percent(2) for curve in (baseline, retrained))
    return inside(cost, 0.005, 0.015), (
        f"baseline {first} %, retrained {second} %, cost {cost.points()} points of "
        f"{cost.images:,} images; confirmed within 0.5 to 1.5 points"
    )


@about(
    10,
    "PGD training is most robust to PGD; FGSM training helps but fades with epsilon",
    *("pgd_retrained", "fgsm_retrained", "undefended"),
    under=_PGD,
)
def pgd_training_resists_pgd(pgd: Curve, fgsm: Curve, baseline: Curve) -> Judged:
    near, far = (
        fgsm.at(epsilon).mean(axis=0) - baseline.at(epsilon).mean(axis=0) for epsilon in (0.1, 0.3)
    )
    return _gains(
        {
            "PGD-trained over FGSM-trained": area_gain(pgd, fgsm),
            "FGSM-trained over baseline": area_gain(fgsm, baseline),
            "FGSM-trained over baseline, at 0.1 more than at 0.3": Estimate.mean(near - far),
        }
    )


@partial(
    Claim,
    "RIT-11",
    "under FGSM the PGD-trained network beats the baseline up to 0.33 and the FGSM-trained one "
    "from 0.15",
)
def pgd_training_resists_fgsm(results: Results) -> Iterator[Finding]:
    return _meetings(results, "PGD-trained beats")


@partial(
    Claim,
    "RIT-12",
    "correct class up to epsilon 0.15 (baseline), 0.2 (FGSM-trained), 0.25 (PGD-trained)",
)
def limits(results: Results) -> Iterator[Finding]:
    for role in ("undefended", "fgsm_retrained", "pgd_retrained"):
        for curve in curves.attacked(results, [role]):
            limit = printed(FOLDER, measures="median limit", model=MODELS[role])
            median = curves.median_limit(curve)
            yield Finding(
                _where(results, f"{NAMES[role]}, under FGSM"),
                inside(median, limit - 0.025, limit + 0.025),
                f"the median over {median.images:,} images of the largest epsilon up to which an "
                f"image is classified correctly, on a grid of 0.05: {median.short()}; published "
                f"for the images shown: {limit:g}; confirmed within 0.025",
            )


@partial(
    Claim,
    "RIT-13",
    "the FGSM-retrained network resists better than the PGD-trained one in both scenarios",
)
def fgsm_training_is_better(results: Results) -> Iterator[Finding]:
    roles = ("fgsm_retrained", "pgd_retrained")
    for protocol in Protocol:
        gains = {
            f"over the PGD-trained under {attack}": area_gain(*networks)
            for attack in ("FGSM", "PGD")
            if (networks := curves.attacked(results, roles, attack, protocol))
        }
        if gains:
            yield Finding(_where(results, "FGSM and PGD", protocol), *_gains(gains))


def _meetings(results: Results, words: str) -> Iterator[Finding]:
    """Judges those of `MEETINGS` that have these words in their names by what is printed."""
    for name, (first, second, from_there_on) in MEETINGS.items():
        networks = curves.attacked(results, (first, second))
        if words not in name or not networks:
            continue
        epsilon = printed(FOLDER, metric=name)
        met = curves.crossing(*networks, from_there_on)
        gain = area_gain(*networks, up_to=epsilon)
        # What ends there has to be an advantage.
        signs = [] if from_there_on else [gain.sign]
        evidence = (
            f"measured: {met.short()} ({met.images:,} images), published: {epsilon:g}; confirmed "
            f"within 0.05; mean gain for epsilon 0 to {epsilon:g} {gain.points()} points"
        )
        worst = curves.attacked(results, (first, second), EVERY_ATTACK, Protocol.CORRECTED)
        if worst:
            evidence += f"; {_WORST}: {curves.crossing(*worst, from_there_on).short()}"
        ruling = by_sign([met.inside(epsilon - 0.05, epsilon + 0.05), *signs])
        yield Finding(_where(results, f"FGSM, {name}"), ruling, evidence)


def _where(results: Results, what: str, protocol: Protocol = Protocol.FAITHFUL) -> str:
    return f"{results.label(CASE)}, {protocol}, {what}"


def _gains(gains: dict[str, Estimate]) -> Judged:
    """All of them are claimed to be above zero."""
    listed = "; ".join(f"{words} {gain.points()} points" for words, gain in gains.items())
    return directions(*gains.values()), f"mean gain for epsilon 0 to 0.3: {listed}"


def _each(values: np.ndarray) -> str:
    return ", ".join(f"{value:.3g}" for value in values)


CLAIMS = (
    clean_accuracy,
    plateau_at_chance,
    largest_step,
    useful_range,
    single_class,
    retrained_is_best,
    losses,
    curves_meet,
    costs_a_point,
    pgd_training_resists_pgd,
    pgd_training_resists_fgsm,
    limits,
    fgsm_training_is_better,
)

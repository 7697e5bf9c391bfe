"""The claims of the RIT blog, judged by what was measured.

A claim about an order is judged by the sign of a paired difference, one about a value by whether
the interval of the measured one lies within a tolerance that is named in the evidence.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from evaluation import Estimate
from harness.arms import Protocol
from harness.claims import Claim, Finding, Ruling, all_of, by_sign, directions, inside
from harness.curves import Curve
from harness.links import printed
from harness.results import Results
from studies.rit_mnist import curves
from studies.rit_mnist.arms import CASE, EPSILONS, EVERY_ATTACK, MEASURED_UNDER, NAMES, RECIPE
from studies.rit_mnist.curves import ROUNDING, area_gain
from studies.rit_mnist.published import FOLDER, MEETINGS, MODELS

Judge = Callable[[Results], Iterator[Finding]]
_WORST = "the worst of all attacks"
_FGSM = {Protocol.FAITHFUL: "FGSM"}
_PGD = dict.fromkeys(Protocol, "PGD")


def _of_curves(
    judge: Callable[..., tuple[Ruling, str]],
    roles: tuple[str, ...] = ("undefended",),
    on: str = "",
    under: Mapping[Protocol, str | tuple[str, ...]] = _FGSM,
) -> Judge:
    """One finding for each protocol in which all networks were attacked.

    Args:
        judge: gives the ruling and the evidence from the curves of these networks.
        on: what is judged; the attack by default.
    """

    def findings(results: Results) -> Iterator[Finding]:
        for protocol, attack in under.items():
            networks = curves.attacked(results, roles, attack, protocol)
            if networks:
                what = on or (_WORST if attack == EVERY_ATTACK else attack)
                yield Finding(_where(results, what, protocol), *judge(*networks))

    return findings


def _clean_accuracy(baseline: Curve) -> tuple[Ruling, str]:
    accuracy = baseline.accuracies[0]
    return inside(accuracy, 0.985, 0.996), (
        f"{accuracy.percent(2)} % of {baseline.images:,} images; confirmed within 98.5 to 99.6 %"
    )


def _plateau_at_chance(baseline: Curve) -> tuple[Ruling, str]:
    beyond = curves.plateau(baseline)
    means = [accuracy.value for accuracy in beyond.accuracies]
    spread = Estimate.paired(beyond.correct[np.argmax(means)], beyond.correct[np.argmin(means)])
    at_chance = [inside(accuracy, 0.05, 0.15) for accuracy in beyond.accuracies]
    return all_of([inside(spread, -0.02, 0.02), *at_chance]), (
        f"accuracies at 0.5 to 0.9: {', '.join(f'{100 * mean:.1f}' for mean in means)} %; largest "
        f"difference {spread.points()} points, at most 2 points for constant; 5 to 15 % for "
        f"chance; within 2 points of each other from {curves.constant_from(baseline):g} on"
    )


def _step_to_02_is_largest(baseline: Curve) -> tuple[Ruling, str]:
    falls, ends = curves.steps(baseline)
    means = falls.mean(axis=1)
    (at,) = np.flatnonzero(np.isclose(ends, printed(FOLDER, measures="largest step")))
    rival = np.where(np.arange(len(ends)) == at, -np.inf, means).argmax()
    listed = ", ".join(f"{100 * fall:+.1f} at {end:g}" for end, fall in zip(ends[:5], -means))
    first, second = (Estimate.accuracy(baseline.at(epsilon)).percent(2) for epsilon in (0.1, 0.2))
    return directions(Estimate.mean(falls[at] - falls[rival])), (
        f"the largest step ends at {curves.largest_step(baseline).short()}; accuracy changes by "
        f"{listed} points; {first} % at 0.1, {second} % at 0.2"
    )


def _useful_range(baseline: Curve) -> tuple[Ruling, str]:
    rulings = [judge(baseline)[0] for judge in (_plateau_at_chance, _step_to_02_is_largest)]
    falls, ends = curves.steps(baseline)
    means = falls.mean(axis=1)
    share = means[(ends > 0.2 + ROUNDING) & (ends < 0.4 + ROUNDING)].sum() / means.sum()
    return all_of(rulings), (
        f"follows from RIT-2 and RIT-3; {share:.0%} of the whole fall lies between 0.2 and 0.4"
    )


def _single_class(results: Results) -> Iterator[Finding]:
    counts = curves.confusion(results, "undefended")
    if counts is None:
        return
    beyond = counts[1:][np.array(EPSILONS) > 0.2 + ROUNDING].sum(axis=1)  # of predictions
    images = int(beyond[0].sum())
    single = int(beyond.sum(axis=0).argmax())
    shares, bits = beyond[:, single] / images, curves.entropy(beyond)
    yield Finding(
        _where(results, "FGSM"),
        all_of(inside(Estimate.share(share, images), 0.9, 1.0) for share in shares),
        f"class {single}, predicted most often, gets {shares.min():.0%} to {shares.max():.0%} of "
        f"the predictions, entropy {bits.min():.2f} to {bits.max():.2f} bits of "
        f"{np.log2(beyond.shape[1]):.2f}; confirmed from 90 % on at every epsilon above 0.2",
    )


def _retrained_is_best(retrained: Curve, baseline: Curve, untrained: Curve) -> tuple[Ruling, str]:
    return _gains(
        {
            "retrained over baseline": area_gain(retrained, baseline),
            "retrained over untrained": area_gain(retrained, untrained),
            "baseline over untrained": area_gain(baseline, untrained),
        }
    )


def _losses(results: Results) -> Iterator[Finding]:
    both = [curves.losses(results, role) for role in ("fgsm_retrained", "fgsm_untrained")]
    if any(of_role is None for of_role in both):
        return
    (first, last), (other_first, other_last) = ((each[:, 0], each[:, -1]) for each in both)
    ratios = first / other_first
    as_printed = (ratios > 1.5).all() and (ratios < 2.5).all()
    at_the_end = (np.concatenate([last, other_last]) < 0.003).all()
    ruling = Ruling.REFUTED if (ratios < 1).all() else Ruling.UNDECIDED
    yield Finding(
        f"{results.label(CASE)}, {len(ratios)} seed{'s' if len(ratios) > 1 else ''}",
        Ruling.CONFIRMED if as_printed and at_the_end else ruling,
        f"training loss after epoch 1: retrained {_each(first)}, untrained {_each(other_first)}, "
        f"ratio {_each(ratios)}; after epoch {both[0].shape[1]} (of {RECIPE.epochs} published): "
        f"{_each(last)} and {_each(other_last)}; confirmed if every ratio is 1.5 to 2.5 and all "
        "end below 0.003, refuted if every ratio is below 1; no interval, as a loss is one number "
        "for each seed",
    )


def _meetings(words: str) -> Judge:
    """Judges those of `MEETINGS` whose names have these words by the epsilons published."""

    def findings(results: Results) -> Iterator[Finding]:
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
                f"measured: {met.short()} ({met.images:,} images), published: {epsilon:g}; "
                f"confirmed within 0.05; mean gain for epsilon 0 to {epsilon:g} "
                f"{gain.points()} points"
            )
            worst = curves.attacked(results, (first, second), EVERY_ATTACK, Protocol.CORRECTED)
            if worst:
                evidence += f"; {_WORST}: {curves.crossing(*worst, from_there_on).short()}"
            yield Finding(
                _where(results, f"FGSM, {name}"),
                by_sign([met.inside(epsilon - 0.05, epsilon + 0.05), *signs]),
                evidence,
            )

    return findings


def _costs_a_point(baseline: Curve, retrained: Curve) -> tuple[Ruling, str]:
    cost = Estimate.paired(baseline.correct[0], retrained.correct[0])
    return inside(cost, 0.005, 0.015), (
        f"baseline {baseline.accuracies[0].percent(2)} %, retrained "
        f"{retrained.accuracies[0].percent(2)} %, cost {cost.points()} points of "
        f"{baseline.images:,} images; confirmed within 0.5 to 1.5 points"
    )


def _pgd_training_resists_pgd(pgd: Curve, fgsm: Curve, baseline: Curve) -> tuple[Ruling, str]:
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


def _limits(results: Results) -> Iterator[Finding]:
    for role in ("undefended", "fgsm_retrained", "pgd_retrained"):
        for curve in curves.attacked(results, [role]):
            limit = printed(FOLDER, measures="median limit", model=MODELS[role])
            median = curves.median_limit(curve)
            yield Finding(
                _where(results, f"FGSM, {NAMES[role]}"),
                inside(median, limit - 0.025, limit + 0.025),
                f"the median over {median.images:,} images of the largest epsilon up to which an "
                f"image is classified correctly, on a grid of 0.05: {median.short()}; published "
                f"for the images shown: {limit:g}; confirmed within 0.025",
            )


def _fgsm_training_is_better(results: Results) -> Iterator[Finding]:
    for protocol in Protocol:
        both = {
            f"under {attack}": curves.attacked(
                results, ("fgsm_retrained", "pgd_retrained"), attack, protocol
            )
            for attack in ("FGSM", "PGD")
        }
        gains = {words: area_gain(*networks) for words, networks in both.items() if networks}
        if gains:
            yield Finding(_where(results, "FGSM and PGD", protocol), *_gains(gains))


def _where(results: Results, what: str, protocol: Protocol = Protocol.FAITHFUL) -> str:
    return f"{results.label(CASE)}, {protocol}, {what}"


def _gains(gains: dict[str, Estimate]) -> tuple[Ruling, str]:
    """All of them are claimed to be above zero."""
    listed = "; ".join(f"{words} {gain.points()} points" for words, gain in gains.items())
    return directions(*gains.values()), f"mean gain for epsilon 0 to 0.3: {listed}"


def _each(values: np.ndarray) -> str:
    return ", ".join(f"{value:.3g}" for value in values)


CLAIMS = (
    Claim(
        "RIT-1",
        "the baseline's test accuracy is 99 %",
        _of_curves(_clean_accuracy, on="clean images"),
    ),
    Claim(
        "RIT-2",
        "FGSM accuracy falls with epsilon and is constant beyond 0.4, at 10 %",
        _of_curves(_plateau_at_chance),
    ),
    Claim(
        "RIT-3", "the step to 0.2 is the largest (79 % to 24 %)", _of_curves(_step_to_02_is_largest)
    ),
    Claim("RIT-4", "the useful range of epsilon is 0.2 to 0.4", _of_curves(_useful_range)),
    Claim("RIT-5", "beyond 0.2 all perturbed images go to a single class (8)", _single_class),
    Claim(
        "RIT-6",
        "retrained beats baseline and untrained; untrained is worst",
        _of_curves(
            _retrained_is_best,
            ("fgsm_retrained", "undefended", "fgsm_untrained"),
            under=MEASURED_UNDER,
        ),
    ),
    Claim(
        "RIT-7",
        "the retrained network starts at twice the loss of the untrained one (0.203 and 0.102), "
        "both end at 0.002",
        _losses,
    ),
    Claim(
        "RIT-8",
        "baseline and retrained curves meet near 0.30, retrained and untrained near 0.37",
        _meetings("curves meet"),
    ),
    Claim(
        "RIT-9",
        "FGSM training costs about 1 point of clean accuracy (99 to 98 %)",
        _of_curves(_costs_a_point, ("undefended", "fgsm_retrained"), on="clean images"),
    ),
    Claim(
        "RIT-10",
        "PGD training is most robust to PGD; FGSM training helps but fades with epsilon",
        _of_curves(
            _pgd_training_resists_pgd, ("pgd_retrained", "fgsm_retrained", "undefended"), under=_PGD
        ),
    ),
    Claim(
        "RIT-11",
        "under FGSM the PGD-trained network beats the baseline up to 0.33 and the FGSM-trained one "
        "from 0.15",
        _meetings("PGD-trained beats"),
    ),
    Claim(
        "RIT-12",
        "correct class up to epsilon 0.15 (baseline), 0.2 (FGSM-trained), 0.25 (PGD-trained)",
        _limits,
    ),
    Claim(
        "RIT-13",
        "the FGSM-retrained network resists better than the PGD-trained one in both scenarios",
        _fgsm_training_is_better,
    ),
)

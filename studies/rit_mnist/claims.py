"""The claims of the RIT blog, judged by what was measured.

A claim about an order is judged by the sign of a paired difference, one about a value by whether
the interval of the measured one lies within a tolerance that is named in the evidence.
"""

from collections.abc import Callable, Iterator

import numpy as np

from evaluation import bootstrap_mean
from evaluation.statistics import Paired
from harness.claims import CONFIRMED, NOT_RUN, REFUTED, UNDECIDED, Verdict, by_sign
from harness.results import Results
from studies.rit_mnist import published as rit_mnist_published
from studies.rit_mnist.arms import CASE, EPSILONS, MEETINGS, RECIPE
from studies.rit_mnist.curves import (
    DRAWS,
    Outcome,
    accuracy,
    area_gain,
    confusion,
    constant_from,
    crossing,
    entropy,
    largest_step,
    mean_gain,
    median_limit,
    outcome,
    plateau,
    steps,
)

PROTOCOLS = ("faithful", "corrected")
NAMES = {
    "undefended": "baseline",
    "fgsm_retrained": "FGSM, retrained",
    "fgsm_untrained": "FGSM, untrained",
    "pgd_retrained": "PGD, retrained",
    "pgd_untrained": "PGD, untrained",
    "control": "control: more clean updates",
    "on_the_fly": "PGD on the fly",
}
#: (where, outcome, evidence) of one verdict.
_Found = Iterator[tuple[str, str, str]]


def claims(results: Results) -> list[Verdict]:
    """All verdicts, in the order of the claims; a claim without its arms is "not run"."""
    verdicts = []
    for number, (judge, statement) in enumerate(_CLAIMS, start=1):
        claim = f"RIT-{number}"
        found = [Verdict(claim, statement, *rest) for rest in judge(results)]
        verdicts += found or [Verdict(claim, statement, "", NOT_RUN, "its arms were not run")]
    return verdicts


def _clean_accuracy(results: Results) -> _Found:
    baseline = outcome(results, "undefended")
    if baseline is None:
        return
    value, low, high = accuracy(baseline.correct[0])
    yield (
        _where(results, "clean images"),
        _within(low, high, 0.985, 0.996),
        f"{_percent(value, low, high)} of {baseline.images:,} images; "
        "confirmed within 98.5 to 99.6 %",
    )


def _plateau_at_chance(results: Results) -> _Found:
    baseline = outcome(results, "undefended")
    if baseline is None:
        return
    beyond = plateau(baseline)
    accuracies = [accuracy(correct) for correct in beyond]
    means = [value for value, _, _ in accuracies]
    spread = mean_gain(beyond[np.argmax(means)], beyond[np.argmin(means)])
    constant = _within(spread.low, spread.high, -0.02, 0.02)
    at_chance = [_within(low, high, 0.05, 0.15) for _, low, high in accuracies]
    yield (
        _where(results, "FGSM"),
        _all([constant, *at_chance]),
        f"accuracies at 0.5 to 0.9: {', '.join(f'{100 * mean:.1f}' for mean in means)} %; largest "
        f"difference {_points(spread)}, at most 2 points for constant; 5 to 15 % for chance; "
        f"within 2 points of each other from {constant_from(baseline):g} on",
    )


def _largest_step(results: Results) -> _Found:
    baseline = outcome(results, "undefended")
    if baseline is None:
        return
    falls, ends = steps(baseline)
    (at,) = np.flatnonzero(np.isclose(ends, rit_mnist_published.largest_step()))
    others = np.delete(falls, at, axis=0)
    rival = others[others.mean(axis=1).argmax()]
    yield (
        _where(results, "FGSM"),
        by_sign([bootstrap_mean(falls[at] - rival, draws=DRAWS).sign]),
        f"the largest step ends at {largest_step(baseline)}; falls to "
        + ", ".join(f"{end:g}: {100 * fall:.1f}" for end, fall in zip(ends[:5], falls.mean(axis=1)))
        + f" points; {_at(baseline, 0.1)} at 0.1, {_at(baseline, 0.2)} at 0.2",
    )


def _useful_range(results: Results) -> _Found:
    judged = [*_plateau_at_chance(results), *_largest_step(results)]
    if judged:
        falls, ends = steps(outcome(results, "undefended"))
        inside = (ends > 0.2 + 1e-9) & (ends < 0.4 + 1e-9)
        share = falls[inside].mean(axis=1).sum() / falls.mean(axis=1).sum()
        yield (
            _where(results, "FGSM"),
            _all([found[1] for found in judged]),
            f"follows from RIT-2 and RIT-3; {share:.0%} of the whole fall lie between 0.2 and 0.4",
        )


def _single_class(results: Results) -> _Found:
    counts = confusion(results, "undefended")
    if counts is None:
        return
    beyond = counts[1:][np.array(EPSILONS) > 0.2 + 1e-9].sum(axis=1)  # of predictions
    images = int(beyond[0].sum())
    single = int(beyond.sum(axis=0).argmax())
    shares = beyond[:, single] / images
    low, high = zip(*(accuracy(_bits(count, images))[1:] for count in beyond[:, single]))
    yield (
        _where(results, "FGSM"),
        _all([_within(*ends, 0.9, 1.0) for ends in zip(low, high, strict=True)]),
        f"class {single}, predicted most, has {shares.min():.0%} to {shares.max():.0%} of the "
        f"predictions, entropy {entropy(beyond).min():.2f} to "
        f"{entropy(beyond).max():.2f} bits of {np.log2(beyond.shape[1]):.2f}; confirmed from "
        "90 % on at every epsilon above 0.2",
    )


def _retrained_is_best(results: Results) -> _Found:
    order = ("fgsm_retrained", "undefended", "fgsm_untrained")
    for protocol, attack in (("faithful", "FGSM"), ("corrected", None)):
        networks = _outcomes(results, order, attack, protocol)
        if networks is None:
            continue
        retrained, baseline, untrained = networks
        gains = {
            "retrained over baseline": area_gain(retrained, baseline),
            "retrained over untrained": area_gain(retrained, untrained),
            "baseline over untrained": area_gain(baseline, untrained),
        }
        yield (
            _where(results, _named(attack), protocol),
            by_sign([gain.sign for gain in gains.values()]),
            "mean gain for epsilon 0 to 0.3: " + _listed(gains),
        )


def _losses(results: Results) -> _Found:
    found = {role: losses(results, role) for role in ("fgsm_retrained", "fgsm_untrained")}
    if any(each is None for each in found.values()):
        return
    retrained, untrained = found.values()
    ratios = retrained[:, 0] / untrained[:, 0]
    ends = np.concatenate([retrained[:, -1], untrained[:, -1]])
    as_printed = (ratios > 1.5).all() and (ratios < 2.5).all()
    opposite = (ratios < 1).all()
    yield (
        f"{results.label(CASE)}, {len(ratios)} seed{'s' if len(ratios) > 1 else ''}",
        CONFIRMED if as_printed and (ends < 0.003).all() else REFUTED if opposite else UNDECIDED,
        f"training loss after epoch 1: retrained {_each(retrained[:, 0])}, untrained "
        f"{_each(untrained[:, 0])}, ratio {_each(ratios)}; after epoch {retrained.shape[1]} (of "
        f"{RECIPE.epochs} published): {_each(retrained[:, -1])} and {_each(untrained[:, -1])}; "
        "confirmed if every ratio is 1.5 to 2.5 and all end below 0.003, refuted if every ratio is "
        "below 1; no interval, as a loss is one number for each seed",
    )


def losses(results: Results, role: str) -> np.ndarray | None:
    """Training losses of a network of the post, float [seeds, epochs]."""
    trainings = results.trainings
    rows = trainings[(trainings["case"] == CASE) & (trainings["role"] == role)]
    stages = rows.sort_values("seed", kind="stable")["stage"].unique()
    if not len(stages):
        return None
    histories = results.histories
    return np.stack([histories[histories["stage"] == stage]["loss"] for stage in stages])


def _meetings(*names: str) -> Callable[[Results], _Found]:
    """Judges some of `MEETINGS` by the epsilons that are published."""

    def judge(results: Results) -> _Found:
        for words in names:
            epsilon = rit_mnist_published.meeting(words)
            first, second, rises = MEETINGS[words]
            networks = _outcomes(results, (first, second), "FGSM", "faithful")
            if networks is None:
                continue
            found = crossing(*networks, rises=rises)
            worst = _outcomes(results, (first, second), None, "corrected")
            gain = area_gain(*networks, up_to=epsilon)
            # What ends there has to be an advantage.
            signs = [found.is_near(epsilon, 0.05), *([] if rises else [gain.sign])]
            yield (
                _where(results, f"FGSM, {words}"),
                by_sign(signs),
                f"{found} of {found.images:,} images, published {epsilon:g}; confirmed "
                f"within 0.05; mean gain for epsilon 0 to {epsilon:g} {_points(gain)}"
                + (f"; {_named(None)}: {crossing(*worst, rises=rises)}" if worst else ""),
            )

    return judge


def _costs_a_point(results: Results) -> _Found:
    networks = _outcomes(results, ("undefended", "fgsm_retrained"), "FGSM", "faithful")
    if networks is None:
        return
    baseline, retrained = networks
    cost = mean_gain(baseline.correct[0], retrained.correct[0])
    yield (
        _where(results, "clean images"),
        _within(cost.low, cost.high, 0.005, 0.015),
        f"baseline {_at(baseline, 0)}, retrained {_at(retrained, 0)}, cost {_points(cost)} of "
        f"{baseline.images:,} images; confirmed within 0.5 to 1.5 points",
    )


def _pgd_training_resists_pgd(results: Results) -> _Found:
    roles = ("pgd_retrained", "fgsm_retrained", "undefended")
    for protocol in PROTOCOLS:
        networks = _outcomes(results, roles, "PGD", protocol)
        if networks is None:
            continue
        pgd, fgsm, baseline = networks
        near, far = (
            fgsm.at(epsilon).mean(axis=0) - baseline.at(epsilon).mean(axis=0)
            for epsilon in (0.1, 0.3)
        )
        gains = {
            "PGD-trained over FGSM-trained": area_gain(pgd, fgsm),
            "FGSM-trained over baseline": area_gain(fgsm, baseline),
            "FGSM-trained over baseline, at 0.1 more than at 0.3": bootstrap_mean(
                near - far, draws=DRAWS
            ),
        }
        yield (
            _where(results, "PGD", protocol),
            by_sign([gain.sign for gain in gains.values()]),
            f"mean gain for epsilon 0 to 0.3: {_listed(gains)}",
        )


def _limits(results: Results) -> _Found:
    for role in ("undefended", "fgsm_retrained", "pgd_retrained"):
        limit = rit_mnist_published.limit(role)
        found = outcome(results, role)
        if found is None:
            continue
        median = median_limit(found)
        yield (
            _where(results, f"FGSM, {NAMES[role]}"),
            by_sign([median.is_near(limit, 0.025)]),
            f"median of the largest epsilon that is classified correctly {median} of "
            f"{median.images:,} images on a grid of 0.05, published for the images shown "
            f"{limit:g}; confirmed within 0.025",
        )


def _fgsm_training_is_better(results: Results) -> _Found:
    for protocol in PROTOCOLS:
        gains = {}
        for attack in ("FGSM", "PGD"):
            networks = _outcomes(results, ("fgsm_retrained", "pgd_retrained"), attack, protocol)
            if networks is not None:
                gains[f"under {attack}"] = area_gain(*networks)
        if gains:
            yield (
                _where(results, "FGSM and PGD", protocol),
                by_sign([gain.sign for gain in gains.values()]),
                "mean gain over the PGD-trained for epsilon 0 to 0.3: " + _listed(gains),
            )


_CLAIMS = (
    (_clean_accuracy, "the baseline's test accuracy is 99 %"),
    (_plateau_at_chance, "FGSM accuracy falls with epsilon and is constant beyond 0.4, at 10 %"),
    (_largest_step, "the step to 0.2 is the largest (79 % to 24 %)"),
    (_useful_range, "the useful range of epsilon is 0.2 to 0.4"),
    (_single_class, "beyond 0.2 all perturbed images go to a single class (8)"),
    (_retrained_is_best, "retrained beats baseline and untrained; untrained is worst"),
    (
        _losses,
        "the retrained network starts at twice the loss of the untrained one (0.203 and 0.102), "
        "both end at 0.002",
    ),
    (
        _meetings(
            "epsilon where baseline and retrained curves meet",
            "epsilon where retrained and untrained curves meet",
        ),
        "baseline and retrained curves meet near 0.30, retrained and untrained near 0.37",
    ),
    (_costs_a_point, "FGSM training costs about 1 point of clean accuracy (99 to 98 %)"),
    (
        _pgd_training_resists_pgd,
        "PGD training is most robust to PGD; FGSM training helps but fades with epsilon",
    ),
    (
        _meetings(
            "epsilon up to which PGD-trained beats baseline",
            "epsilon from which PGD-trained beats FGSM-trained",
        ),
        "under FGSM the PGD-trained network beats the baseline up to 0.33 and the FGSM-trained one "
        "from 0.15",
    ),
    (
        _limits,
        "correct class up to epsilon 0.15 (baseline), 0.2 (FGSM-trained), 0.25 (PGD-trained)",
    ),
    (
        _fgsm_training_is_better,
        "the FGSM-retrained network resists better than the PGD-trained one in both scenarios",
    ),
)


def _outcomes(results, roles, attack, protocol) -> list[Outcome] | None:
    found = [outcome(results, role, attack, protocol) for role in roles]
    return None if any(each is None for each in found) else found


def _where(results: Results, what: str, protocol: str = "faithful") -> str:
    return f"{results.label(CASE)}, {protocol}, {what}"


def _named(attack: str | None) -> str:
    return attack or "the worst of all attacks"


def _within(low: float, high: float, least: float, most: float) -> str:
    """Confirmed if the interval is between the two, refuted if it is apart from them."""
    if least <= low and high <= most:
        return CONFIRMED
    return REFUTED if low > most or high < least else UNDECIDED


def _all(outcomes: list[str]) -> str:
    """Of parts that must all hold."""
    if REFUTED in outcomes:
        return REFUTED
    return CONFIRMED if set(outcomes) == {CONFIRMED} else UNDECIDED


def _bits(count, images) -> np.ndarray:
    """Outcomes [1, images] of which `count` are true."""
    return (np.arange(images) < count)[np.newaxis]


def _percent(value: float, low: float, high: float) -> str:
    return f"{100 * value:.2f} % [{100 * low:.2f}, {100 * high:.2f}]"


def _at(of: Outcome, epsilon: float) -> str:
    return _percent(*accuracy(of.at(epsilon)))


def _points(gain: Paired) -> str:
    return f"{100 * gain.difference:+.1f} points [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]"


def _listed(gains: dict[str, Paired]) -> str:
    return "; ".join(f"{words} {_points(gain)}" for words, gain in gains.items())


def _each(values: np.ndarray) -> str:
    return ", ".join(f"{value:.3g}" for value in values)

"""The claims of the NTU study, judged by what was measured.

Differences are in percentage points, paired over images, with 95 % intervals. A claim about one
seed and a reduced network says no more than that.
"""

from itertools import product

import numpy as np
import pandas as pd
from scipy import stats

from evaluation import Curve, Estimate, NotRun
from harness.arms import MAIN, Case, Protocol, Role
from harness.claims import Claim, Finding, Ruling, at_each, by_sign, directions
from harness.links import Link
from harness.results import Results
from studies.ntu import arms, published
from studies.ntu.measures import PRINTED, in_range, mean_gain, measure, pair

_REACH = arms.STEPS * arms.STEP_SIZE / arms.GREY


def _falls(results: Results, case: Case, protocol: str, role: str, attack: str) -> Finding:
    curve = in_range(results, case, protocol, role, attack)
    attacked = curve.correct[1:]
    steps = [Estimate.paired(later, earlier) for earlier, later in zip(attacked, attacked[1:])]
    fall = Estimate.paired(attacked[0], attacked[-1])
    significant = sum(step.sign > 0 for step in steps)
    ruling = Ruling.CONFIRMED if fall.sign > 0 else Ruling.UNDECIDED
    accuracies = attacked.mean(axis=(1, 2))
    order = "undefined (constant)"
    if np.ptp(accuracies):
        order = f"{stats.spearmanr(curve.grey[1:], accuracies).statistic:+.2f}"
    return Finding(
        f"{results.label(case)}, {protocol}, {role}, {attack}",
        Ruling.REFUTED if significant else ruling,
        f"{sum(step.value > 0 for step in steps)} upward steps, {significant} significant; "
        f"Spearman {order}; from {curve.grey[1]:.1f} to {curve.grey[-1]:.1f} accuracy changes "
        f"by {fall.times(-1).points()}",
    )


def _constant(results: Results, case: Case, protocol: str, role: str) -> Finding:
    curve = in_range(results, case, protocol, role, "PGD")
    if protocol == Protocol.FAITHFUL:
        return _as_run(results, case, role, curve)
    fall = Estimate.paired(curve.at(grey=0.4), curve.correct[-1])
    return Finding(
        f"{results.label(case)}, corrected, {role}, as a property of the model",
        Ruling.REFUTED if fall.sign > 0 else Ruling.UNDECIDED,
        "with steps that reach the ball, accuracy changes by "
        f"{fall.times(-1).points()} from 0.4 to 0.8",
    )


def _as_run(results: Results, case: Case, role: str, curve: Curve) -> Finding:
    beyond = curve.correct[curve.grey > 0.35]
    same = bool((beyond == beyond[0]).all())
    place = {"case": case, "protocol": Protocol.FAITHFUL, "variant": MAIN, "role": role}
    rows = results.select(view=arms.COMPARED[Protocol.FAITHFUL].views, attack="PGD", **place)
    distances = rows[rows["epsilon_grey"] > 0.35].groupby("seed")["mean_linf"]
    moved = (distances.max() - distances.min()).max() / arms.GREY
    return Finding(
        f"{results.label(case)}, faithful, {role}, as run",
        Ruling.CONFIRMED if same and moved < 1e-4 else Ruling.REFUTED,
        f"every image has the same outcome at 0.4 to 0.8: {'yes' if same else 'no'}; the L-inf "
        f"distance moved, a mean over all images, differs by {moved:.1g} grey levels; "
        f"{arms.STEPS} steps of {arms.STEP_SIZE / arms.GREY:.2g} reach {_REACH:.1f}",
    )


def _helps(results: Results, case: Case, protocol: str, attack: str) -> Finding:
    over_undefended = mean_gain(results, case, protocol, attack, Role.UNDEFENDED)
    over_control = mean_gain(results, case, protocol, attack, Role.CONTROL)
    student, undefended = pair(results, case, protocol, attack)
    gain = student.correct.astype(float) - undefended.correct
    smaller_drop = Estimate.mean((gain[1:] - gain[0]).mean(axis=(0, 1)))
    clean = _gain_at(results, case, protocol, attack, 0.0)
    return Finding(
        f"{results.label(case)}, {protocol}, {attack}",
        directions(over_undefended, over_control),
        f"mean gain over the undefended network {over_undefended.points()}, over the control "
        f"{over_control.points()}; without attack {clean.points()}, so that the drop from the own "
        f"clean accuracy is smaller by {smaller_drop.points()}",
    )


def _harms_slightly(results: Results, case: Case, protocol: str) -> Finding:
    difference = _gain_at(results, case, protocol, "PGD", 0.4)
    return Finding(
        f"{results.label(case)}, {protocol}, PGD at 0.4",
        directions(difference.times(-1)),
        f"student minus undefended {difference.points()}",
    )


def _better_at_small(results: Results, case: Case, protocol: str, attack: str) -> Finding:
    student, undefended = pair(results, case, protocol, attack)
    parts = (student.grey > 0) & (student.grey < 0.25), student.grey > 0.25
    small, large = (
        Estimate.paired(student.correct[part], undefended.correct[part]) for part in parts
    )
    gain = student.correct.astype(float) - undefended.correct
    at_small, at_large = (gain[part].mean(axis=(0, 1)) for part in parts)
    contrast = Estimate.mean(at_small - at_large)
    return Finding(
        f"{results.label(case)}, {protocol}, {attack}",
        directions(contrast),
        f"mean gain at 0.1-0.2 {small.points()}, at 0.3-0.8 {large.points()}; "
        f"difference {contrast.points()}",
    )


def _better_in_cells(
    results: Results, case: Case, levels: tuple[float, ...], protocol: str
) -> Finding:
    cells = product(arms.ATTACKS, levels)
    gains = [_gain_at(results, case, protocol, attack, level) for attack, level in cells]
    clean = _gain_at(results, case, protocol, arms.ATTACKS[0], 0.0)
    return Finding(
        f"{results.label(case)}, {protocol}",
        directions(*gains),
        f"better in {sum(gain.value > 0 for gain in gains)} of {len(gains)} cells "
        f"({sum(gain.sign > 0 for gain in gains)} with an interval above zero), worse in "
        f"{sum(gain.value < 0 for gain in gains)}; without attack {clean.points()}",
    )


def _gain_at(results: Results, case: Case, protocol: str, attack: str, level: float) -> Estimate:
    """Student minus undefended network at one epsilon, in grey levels."""
    student, undefended = pair(results, case, protocol, attack)
    return Estimate.paired(student.at(grey=level), undefended.at(grey=level))


def _pgd_is_stronger(results: Results, case: Case, protocol: str, role: str) -> Finding:
    fgsm, pgd = (in_range(results, case, protocol, role, attack) for attack in arms.ATTACKS)

    def difference(epsilons: np.ndarray | np.intp) -> Estimate:
        return Estimate.paired(fgsm.correct[epsilons], pgd.correct[epsilons])

    # At equal reach: faithful PGD cannot move beyond steps x step size.
    reach = _REACH if protocol == Protocol.FAITHFUL else np.inf
    attacked, is_reached = fgsm.grey > 0, fgsm.grey < reach * 1.001
    equal, beyond = attacked & is_reached, attacked & ~is_reached
    mean = difference(equal)
    weaker = [
        f"{fgsm.grey[index]:.1f}" for index in np.flatnonzero(equal) if difference(index).sign < 0
    ]
    evidence = f"FGSM minus PGD accuracy at equal reach, mean {mean.points()}"
    if weaker:
        evidence += f"; PGD significantly weaker at {', '.join(weaker)}"
    if beyond.any():
        further = difference(beyond).points()
        evidence += f"; at larger epsilons, which PGD does not reach, {further}"
    ruling = Ruling.REFUTED if weaker or mean.sign < 0 else Ruling.CONFIRMED
    return Finding(f"{results.label(case)}, {protocol}, {role}", ruling, evidence)


def _clean_level(results: Results, case: Case) -> Finding:
    clean = Link("clean accuracy", (case,), split="test")
    measured = measure(results, clean, Protocol.FAITHFUL)
    printed = published.clean_accuracy(case, "test")
    return _of_published_networks(
        results,
        f"{results.label(case)}, faithful, {results.run['profile']} profile",
        measured.low <= printed <= measured.high,
        f"published {printed:.1f}, measured {measured.text(1)} % of {measured.images} images",
        "reduced here, so that it says nothing of the published network",
    )


def _costs_time(results: Results, case: Case) -> Finding:
    rows = results.trained(case=case, protocol=Protocol.FAITHFUL, variant=MAIN)
    roles = (Role.UNDEFENDED, Role.TEACHER, Role.STUDENT)
    seconds = rows.groupby("role")["seconds"].mean().reindex(roles)
    if seconds.isna().any():
        raise NotRun(f"{', '.join(roles)} of {case}")
    undefended, teacher, student = seconds
    ratio = (teacher + student) / undefended
    return _of_published_networks(
        results,
        f"{results.label(case)}, faithful",
        ratio > 1,
        f"teacher and student took {ratio:.1f} times the undefended training",
        "with the epochs of this profile, not the published",
    )


def _of_published_networks(
    results: Results, where: str, holds: bool, evidence: str, reduced: str
) -> Finding:
    """Undecided, with a remark, unless the networks are trained as published."""
    if results.run["profile"] != "paper":
        return Finding(where, Ruling.UNDECIDED, f"{evidence} ({reduced})")
    return Finding(where, Ruling.CONFIRMED if holds else Ruling.REFUTED, evidence)


def _needs_batch_norm(results: Results, case: Case, protocol: str) -> Finding:
    trainable, frozen = (
        _undefended(results, case, protocol, variant)["validation_accuracy"]
        for variant in (MAIN, "NTU-14 batch normalisation frozen")
    )
    what = "validation accuracy, trainable minus frozen"
    return _over_seeds(results, case, protocol, what, trainable - frozen)


def _erasing_helps(results: Results, case: Case, protocol: str) -> Finding:
    def gap(variant: str) -> pd.Series:
        networks = _undefended(results, case, protocol, variant)
        return networks["train_accuracy"] - networks["validation_accuracy"]

    what = "gap between training and validation accuracy, without minus with erasing"
    return _over_seeds(results, case, protocol, what, gap("NTU-15 no erasing") - gap(MAIN))


def _sgd_is_better(results: Results, case: Case, protocol: str) -> Finding:
    sgd, adam = (
        _undefended(results, case, protocol, *variants)["validation_accuracy"].groupby("seed").max()
        for variants in (
            (MAIN, "NTU-16 SGD 0.1", "NTU-16 SGD 0.01"),
            ("NTU-16 Adam 0.001", "NTU-16 Adam 0.0001"),
        )
    )
    what = "validation accuracy, SGD minus Adam, each at its better rate"
    return _over_seeds(results, case, protocol, what, sgd - adam)


def _undefended(results: Results, case: Case, protocol: str, *variants: str) -> pd.DataFrame:
    """The undefended networks of some variants, by seed."""
    place = {"case": case, "protocol": protocol, "role": Role.UNDEFENDED}
    return results.trained(variant=variants, **place).set_index("seed")


def _over_seeds(
    results: Results, case: Case, protocol: str, what: str, differences: pd.Series
) -> Finding:
    """Of one difference per seed, where both networks were trained; undecided below three."""
    points = list(100 * differences.dropna())
    if not points:
        raise NotRun(f"{what}: {case}, {protocol}")
    listed = ", ".join(f"{each:+.1f}" for each in points)
    return Finding(
        f"{results.label(case)}, {protocol}",
        by_sign([Estimate.over_seeds(points).sign]),
        f"{what}: {listed} points, one per seed",
    )


_PLACES = arms.CASES, Protocol
_NETWORKS = *_PLACES, PRINTED
_GAINS = *_PLACES, arms.ATTACKS
_CONTROLS = "its control arms were not run"
CLAIMS = (
    Claim("NTU-1", "Accuracy falls as epsilon grows", at_each(_falls, *_NETWORKS, arms.ATTACKS)),
    Claim("NTU-2", "PGD accuracy is constant beyond epsilon 0.4", at_each(_constant, *_NETWORKS)),
    Claim("NTU-3", "Distillation raises accuracy on adversarial images", at_each(_helps, *_GAINS)),
    Claim(
        "NTU-4",
        "Distillation slightly harms VGG-16 on CIFAR-10 under PGD",
        at_each(_harms_slightly, [arms.VGG_ON_CIFAR10], Protocol),
    ),
    Claim(
        "NTU-5",
        "Distilled models are better mainly at small epsilon",
        at_each(_better_at_small, *_GAINS),
    ),
    Claim(
        "NTU-6",
        "Distilled VGG-16 on CIFAR-10 is better at 0.1 to 0.4 for both attacks",
        at_each(_better_in_cells, [arms.VGG_ON_CIFAR10], [arms.LEVELS[:4]], Protocol),
    ),
    Claim(
        "NTU-7",
        "Distilled VGG-16 on CIFAR-100 is better everywhere",
        at_each(_better_in_cells, [arms.VGG_ON_CIFAR100], [arms.LEVELS], Protocol),
    ),
    Claim(
        "NTU-8",
        "Transfer-learning models are more vulnerable than the VGG-16 trained from scratch",
        None,
        "compare the control arms NTU-8, the twin of a network without ImageNet weights, by hand",
    ),
    Claim(
        "NTU-9",
        "Distillation helps the transfer-learning models more than VGG-16",
        None,
        "compare the gains of NTU-3 between the architectures by hand",
    ),
    Claim("NTU-10", "PGD is stronger than FGSM", at_each(_pgd_is_stronger, *_NETWORKS)),
    Claim(
        "NTU-11", "Clean test accuracy has the published level", at_each(_clean_level, arms.CASES)
    ),
    Claim(
        "NTU-12",
        "Distillation costs training time because two networks are trained",
        at_each(_costs_time, arms.CASES),
    ),
    Claim(
        "NTU-13",
        "A high temperature makes the network less sensitive to small input changes",
        None,
        "norms of the input gradient are not measured; the arms through logits / T speak to it",
    ),
    Claim(
        "NTU-14",
        "Training batch normalisation is needed when re-using ImageNet weights",
        at_each(_needs_batch_norm, *_PLACES),
        "needs ImageNet weights and its control arms",
    ),
    Claim(
        "NTU-15",
        "Random erasing reduces over-fitting",
        at_each(_erasing_helps, *_PLACES),
        _CONTROLS,
    ),
    Claim(
        "NTU-16",
        "SGD generalises better than Adam for the VGG variant",
        at_each(_sgd_is_better, *_PLACES),
        _CONTROLS,
    ),
)

"""The claims of the NTU study, judged by what was measured.

Differences are in percentage points, paired over images, with 95 % intervals. A claim about one
seed and a reduced network says no more than that.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from scipy import stats

from evaluation import Curve, Estimate
from harness.arms import MAIN, Case, Protocol, Role
from harness.claims import Claim, Finding, Ruling, by_sign, directions
from harness.results import Results
from studies.ntu.arms import (
    CASES,
    COMPARED,
    GREY,
    STEP_SIZE,
    STEPS,
    VGG_ON_CIFAR10,
    VGG_ON_CIFAR100,
)
from studies.ntu.measures import BEYOND, clean_accuracy, in_range, mean_gain
from studies.ntu.published import clean_accuracy as published_accuracy

_ATTACKS = ("FGSM", "PGD")
_BOTH = (Role.UNDEFENDED, Role.STUDENT)
_REACH = STEPS * STEP_SIZE / GREY


def _curves(results: Results, *roles: str) -> Iterator[tuple[str, Case, Protocol, str, str, Curve]]:
    """(where, case, protocol, role, attack, curve) of every network that was run."""
    for case in CASES:
        for protocol in Protocol:
            for role in roles:
                for attack in _ATTACKS:
                    curve = in_range(results, case, protocol, role, attack)
                    if curve is not None:
                        where = f"{results.label(case)}, {protocol}, {role}, {attack}"
                        yield where, case, protocol, role, attack, curve


def _falls(results: Results) -> Iterator[Finding]:
    for where, *_, curve in _curves(results, *_BOTH):
        attacked = curve.correct[1:]
        steps = [Estimate.paired(later, earlier) for earlier, later in zip(attacked, attacked[1:])]
        fall = Estimate.paired(attacked[0], attacked[-1])
        significant = sum(step.sign > 0 for step in steps)
        ruling = Ruling.CONFIRMED if fall.sign > 0 else Ruling.UNDECIDED
        accuracies = attacked.mean(axis=(1, 2))
        order = "undefined (constant)"
        if np.ptp(accuracies):
            order = f"{stats.spearmanr(curve.grey[1:], accuracies).statistic:+.2f}"
        yield Finding(
            where,
            Ruling.REFUTED if significant else ruling,
            f"{sum(step.value > 0 for step in steps)} upward steps, {significant} significant; "
            f"Spearman {order}; from {curve.grey[1]:.1f} to {curve.grey[-1]:.1f} accuracy changes "
            f"by {fall.times(-1).points()}",
        )


def _constant_beyond_04(results: Results) -> Iterator[Finding]:
    for _, case, protocol, role, attack, curve in _curves(results, *_BOTH):
        if attack != "PGD":
            continue
        if protocol == Protocol.FAITHFUL:
            yield _as_run(results, case, role, curve)
            continue
        fall = Estimate.paired(curve.at(grey=0.4), curve.correct[-1])
        yield Finding(
            f"{results.label(case)}, corrected, {role}, as a property of the model",
            Ruling.REFUTED if fall.sign > 0 else Ruling.UNDECIDED,
            "with steps that reach the ball, accuracy changes by "
            f"{fall.times(-1).points()} from 0.4 to 0.8",
        )


def _as_run(results: Results, case: Case, role: str, curve: Curve) -> Finding:
    beyond = curve.correct[curve.grey > 0.35]
    same = bool((beyond == beyond[0]).all())
    moved = _spread_beyond_04(results, case, role)
    return Finding(
        f"{results.label(case)}, faithful, {role}, as run",
        Ruling.CONFIRMED if same and moved < 1e-4 else Ruling.REFUTED,
        f"every image has the same outcome at 0.4 to 0.8: {'yes' if same else 'no'}; the L-inf "
        f"distance moved, a mean over all images, differs by {moved:.1g} grey levels; {STEPS} "
        f"steps of {STEP_SIZE / GREY:.2g} reach {_REACH:.1f}",
    )


def _spread_beyond_04(results: Results, case: Case, role: str) -> float:
    """How far the mean L-inf distances of faithful PGD differ from 0.4 on, in grey levels."""
    procedure, (view,) = COMPARED[Protocol.FAITHFUL]
    rows = results.select(
        case=case,
        protocol=Protocol.FAITHFUL,
        variant=MAIN,
        defense="none" if role == Role.UNDEFENDED else f"{procedure} {role}",
        view=view,
        attack="PGD",
    )
    distances = rows[rows["epsilon_grey"] > 0.35].groupby("seed")["mean_linf"]
    return float((distances.max() - distances.min()).max() / GREY)


def _distillation_helps(results: Results) -> Iterator[Finding]:
    for _, case, protocol, _, attack, student in _curves(results, Role.STUDENT):
        gains = [
            mean_gain(results, case, protocol, attack, reference)
            for reference in (Role.UNDEFENDED, Role.CONTROL)
        ]
        if None in gains:
            continue
        plain = in_range(results, case, protocol, Role.UNDEFENDED, attack)
        gain = student.correct.astype(float) - plain.correct
        smaller_drop = Estimate.mean((gain[1:] - gain[0]).mean(axis=(0, 1)))
        yield Finding(
            f"{results.label(case)}, {protocol}, {attack}",
            directions(*gains),
            f"mean gain over the undefended network {gains[0].points()}, over the control "
            f"{gains[1].points()}; {_clean_gain(results, case, protocol)}, so that the drop from "
            f"the own clean accuracy is smaller by {smaller_drop.points()}",
        )


def _harms_vgg_slightly(results: Results) -> Iterator[Finding]:
    for protocol in Protocol:
        difference = _gain_at(results, VGG_ON_CIFAR10, protocol, "PGD", 0.4)
        if difference is not None:
            yield Finding(
                f"{results.label(VGG_ON_CIFAR10)}, {protocol}, PGD at 0.4",
                directions(difference.times(-1)),
                f"student minus undefended {difference.points()}",
            )


def _better_at_small_epsilon(results: Results) -> Iterator[Finding]:
    for _, case, protocol, _, attack, student in _curves(results, Role.STUDENT):
        plain = in_range(results, case, protocol, Role.UNDEFENDED, attack)
        if plain is None:
            continue
        small, large = (student.grey > 0) & (student.grey < 0.25), student.grey > 0.25
        at_small, at_large = (
            Estimate.paired(student.correct[part], plain.correct[part]) for part in (small, large)
        )
        gain = student.correct.astype(float) - plain.correct
        contrast = Estimate.mean(gain[small].mean(axis=(0, 1)) - gain[large].mean(axis=(0, 1)))
        yield Finding(
            f"{results.label(case)}, {protocol}, {attack}",
            directions(contrast),
            f"mean gain at 0.1-0.2 {at_small.points()}, at 0.3-0.8 {at_large.points()}; "
            f"difference {contrast.points()}",
        )


def _better_in_cells(case: Case, up_to: float) -> Callable[[Results], Iterator[Finding]]:
    def judge(results: Results) -> Iterator[Finding]:
        for protocol in Protocol:
            curves = [
                in_range(results, case, protocol, Role.STUDENT, attack) for attack in _ATTACKS
            ]
            if None in curves:
                continue
            gains = [
                _gain_at(results, case, protocol, attack, epsilon)
                for attack, curve in zip(_ATTACKS, curves, strict=True)
                for epsilon in curve.grey[(curve.grey > 0) & (curve.grey < up_to)]
            ]
            if None not in gains:
                yield Finding(
                    f"{results.label(case)}, {protocol}",
                    directions(*gains),
                    f"better in {sum(gain.value > 0 for gain in gains)} of {len(gains)} cells "
                    f"({sum(gain.sign > 0 for gain in gains)} with an interval above zero), worse "
                    f"in {sum(gain.value < 0 for gain in gains)}; "
                    + _clean_gain(results, case, protocol),
                )

    return judge


def _pgd_is_stronger(results: Results) -> Iterator[Finding]:
    for _, case, protocol, role, attack, fgsm in _curves(results, *_BOTH):
        pgd = in_range(results, case, protocol, role, "PGD")
        if attack != "FGSM" or pgd is None:
            continue
        # At equal reach: faithful PGD cannot move beyond steps x step size.
        reach = _REACH if protocol == Protocol.FAITHFUL else np.inf
        equal = (fgsm.grey > 0) & (fgsm.grey < reach * 1.001)
        beyond = (fgsm.grey > 0) & ~equal
        mean = Estimate.paired(fgsm.correct[equal], pgd.correct[equal])
        weaker = [
            f"{epsilon:.1f}"
            for epsilon, first, second in zip(
                fgsm.grey[equal], fgsm.correct[equal], pgd.correct[equal], strict=True
            )
            if Estimate.paired(first, second).sign < 0
        ]
        evidence = f"FGSM minus PGD accuracy at equal reach, mean {mean.points()}"
        if weaker:
            evidence += f"; PGD significantly weaker at {', '.join(weaker)}"
        if beyond.any():
            further = Estimate.paired(fgsm.correct[beyond], pgd.correct[beyond])
            evidence += f"; at larger epsilons, which PGD does not reach, {further.points()}"
        ruling = Ruling.REFUTED if weaker or mean.sign < 0 else Ruling.CONFIRMED
        yield Finding(f"{results.label(case)}, {protocol}, {role}", ruling, evidence)


def _clean_levels(results: Results) -> Iterator[Finding]:
    as_published = results.run["profile"] == "paper"
    for case in CASES:
        measured = clean_accuracy(results, case, Protocol.FAITHFUL, "test")
        if measured is None:
            continue
        published = published_accuracy(case)
        inside = measured.low <= published <= measured.high
        ruling = Ruling.CONFIRMED if inside else Ruling.REFUTED
        reduced = " (reduced here, so that it says nothing of the published network)"
        yield Finding(
            f"{results.label(case)}, faithful, {results.run['profile']} profile",
            ruling if as_published else Ruling.UNDECIDED,
            f"published {published:.1f}, measured {measured.text(1)} % of {measured.images} images"
            + ("" if as_published else reduced),
        )


def _costs_training_time(results: Results) -> Iterator[Finding]:
    as_published = results.run["profile"] == "paper"
    for case in CASES:
        rows = results.trained(case=case, protocol=Protocol.FAITHFUL, variant=MAIN)
        seconds = rows.groupby("role")["seconds"].mean()
        if not {Role.UNDEFENDED, Role.TEACHER, Role.STUDENT} <= set(seconds.index):
            continue
        ratio = (seconds[Role.TEACHER] + seconds[Role.STUDENT]) / seconds[Role.UNDEFENDED]
        ruling = Ruling.CONFIRMED if ratio > 1 else Ruling.REFUTED
        yield Finding(
            f"{results.label(case)}, faithful",
            ruling if as_published else Ruling.UNDECIDED,
            f"teacher and student took {ratio:.1f} times the undefended training"
            + ("" if as_published else " (with the epochs of this profile, not the published)"),
        )


def _needs_batch_norm(results: Results) -> Iterator[Finding]:
    def advantage(base: pd.Series, frozen: pd.Series) -> float:
        return base["validation_accuracy"] - frozen["validation_accuracy"]

    what = "validation accuracy, trainable minus frozen"
    return _against(results, "NTU-14 batch normalisation frozen", advantage, what)


def _erasing_reduces_overfitting(results: Results) -> Iterator[Finding]:
    def gap(row: pd.Series) -> float:
        return row["train_accuracy"] - row["validation_accuracy"]

    what = "gap between training and validation accuracy, without minus with erasing"
    return _against(
        results, "NTU-15 no erasing", lambda base, without: gap(without) - gap(base), what
    )


def _against(
    results: Results, variant: str, compare: Callable[[pd.Series, pd.Series], float], what: str
) -> Iterator[Finding]:
    """Undefended networks of one seed against their control."""
    for case in CASES:
        for protocol in Protocol:
            place = {"case": case, "protocol": protocol}
            controls = results.trained(variant=variant, **place).set_index("seed")
            base = _undefended(results, **place).set_index("seed")
            differences = [
                100 * compare(base.loc[seed], controls.loc[seed])
                for seed in controls.index.intersection(base.index)
            ]
            if differences:
                yield _over_seeds(f"{results.label(case)}, {protocol}", what, differences)


def _sgd_generalises_better(results: Results) -> Iterator[Finding]:
    """Each optimiser at its better rate, by validation accuracy."""
    for case in CASES:
        for protocol in Protocol:
            place = {"case": case, "protocol": protocol}
            rows = results.trained(**place)
            adam = rows[rows["variant"].str.startswith("NTU-16 Adam")]
            sgd = pd.concat(
                [
                    _undefended(results, **place),
                    rows[rows["variant"].str.startswith("NTU-16 SGD")],
                ]
            )
            if adam.empty or sgd.empty:
                continue
            best = [each.groupby("seed")["validation_accuracy"].max() for each in (sgd, adam)]
            yield _over_seeds(
                f"{results.label(case)}, {protocol}",
                "validation accuracy, SGD minus Adam, each at its better rate",
                list(100 * (best[0] - best[1]).dropna()),
            )


def _over_seeds(where: str, what: str, differences: list[float]) -> Finding:
    """Of one difference per seed; undecided below three seeds."""
    listed = ", ".join(f"{difference:+.1f}" for difference in differences)
    return Finding(
        where,
        by_sign([Estimate.over_seeds(differences).sign]),
        f"{what}: {listed} points, one per seed",
    )


def _gain_at(
    results: Results, case: Case, protocol: Protocol, attack: str, epsilon: float
) -> Estimate | None:
    """Student minus undefended network at one epsilon, in grey levels."""
    student, plain = (
        in_range(results, case, protocol, role, attack) for role in (Role.STUDENT, Role.UNDEFENDED)
    )
    if student is None or plain is None:
        return None
    return Estimate.paired(student.at(grey=epsilon), plain.at(grey=epsilon))


def _clean_gain(results: Results, case: Case, protocol: Protocol) -> str:
    for attack in _ATTACKS:
        gain = _gain_at(results, case, protocol, attack, 0.0)
        if gain is not None:
            return f"without attack {gain.points()}"
    return "without attack not measured"


def _undefended(results: Results, case: Case, protocol: Protocol) -> pd.DataFrame:
    return results.trained(case=case, protocol=protocol, variant=MAIN, role=Role.UNDEFENDED)


_CONTROLS = "its control arms were not run"
CLAIMS = (
    Claim("NTU-1", "Accuracy falls as epsilon grows", _falls),
    Claim("NTU-2", "PGD accuracy is constant beyond epsilon 0.4", _constant_beyond_04),
    Claim("NTU-3", "Distillation raises accuracy on adversarial images", _distillation_helps),
    Claim(
        "NTU-4",
        "Distillation slightly harms VGG-16 on CIFAR-10 under PGD",
        _harms_vgg_slightly,
    ),
    Claim("NTU-5", "Distilled models are better mainly at small epsilon", _better_at_small_epsilon),
    Claim(
        "NTU-6",
        "Distilled VGG-16 on CIFAR-10 is better at 0.1 to 0.4 for both attacks",
        _better_in_cells(VGG_ON_CIFAR10, 0.45),
    ),
    Claim(
        "NTU-7",
        "Distilled VGG-16 on CIFAR-100 is better everywhere",
        _better_in_cells(VGG_ON_CIFAR100, BEYOND),
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
    Claim("NTU-10", "PGD is stronger than FGSM", _pgd_is_stronger),
    Claim("NTU-11", "Clean test accuracy has the published level", _clean_levels),
    Claim(
        "NTU-12",
        "Distillation costs training time because two networks are trained",
        _costs_training_time,
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
        _needs_batch_norm,
        "needs ImageNet weights and its control arms",
    ),
    Claim("NTU-15", "Random erasing reduces over-fitting", _erasing_reduces_overfitting, _CONTROLS),
    Claim(
        "NTU-16",
        "SGD generalises better than Adam for the VGG variant",
        _sgd_generalises_better,
        _CONTROLS,
    ),
)

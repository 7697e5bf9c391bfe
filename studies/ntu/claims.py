"""The claims of the NTU study, judged by what was measured.

Each function takes results and gives verdicts, one for every place where the claim can be
judged on its own. Differences are in percentage points, paired over images, with 95 %
intervals. A claim about one seed and a reduced network says no more than that.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from evaluation import bootstrap_mean, mean_paired_difference, paired_difference, wilson
from evaluation.statistics import Paired
from harness.claims import (
    CONFIRMED,
    NOT_JUDGED,
    NOT_RUN,
    REFUTED,
    UNDECIDED,
    Verdict,
    by_sign,
)
from harness.results import Results
from studies.ntu.arms import CASES, COMPARED, GREY, STEP_SIZE, STEPS
from studies.ntu.published import clean_accuracy

_ATTACKS = ("FGSM", "PGD")
#: In grey levels; the study's epsilons are below.
_BEYOND = 0.85


def claims(results: Results) -> list[Verdict]:
    """All verdicts, in the order of the claims; a claim without its arms is "not run"."""
    verdicts = [
        Verdict(claim, statement, "", NOT_JUDGED, needs)
        for claim, (statement, needs) in _NOT_JUDGED.items()
    ]
    for judge, (claim, statement) in _CLAIMS.items():
        found = [Verdict(claim, statement, *rest) for rest in judge(results)]
        verdicts += found or [
            Verdict(claim, statement, "", NOT_RUN, _NEEDS.get(claim, "its arms were not run"))
        ]
    return sorted(verdicts, key=lambda verdict: int(verdict.claim.removeprefix("NTU-")))


def _falls(results: Results) -> Iterator[tuple[str, str, str]]:
    for case, protocol in _places():
        for role in ("undefended", "student"):
            for attack in _ATTACKS:
                found = _range(results, case, protocol, role, attack)
                if found is None:
                    continue
                epsilons, correct = found
                upward = [_paired(correct[i + 1], correct[i]) for i in range(1, len(correct) - 1)]
                whole = _paired(correct[1], correct[-1])
                risen = sum(step.difference > 0 for step in upward)
                significant = sum(step.difference > 0 and step.p_value < 0.05 for step in upward)
                outcome = REFUTED if significant else CONFIRMED if whole.sign > 0 else UNDECIDED
                order = _rank_correlation(epsilons[1:], correct[1:].mean(axis=(1, 2)))
                yield (
                    f"{results.label(case)}, {protocol}, {role}, {attack}",
                    outcome,
                    f"{risen} upward steps, {significant} significant; Spearman {order}; from "
                    f"{epsilons[1]:.1f} to {epsilons[-1]:.1f} a fall of {_points(whole)}",
                )


def _constant_beyond_04(results: Results) -> Iterator[tuple[str, str, str]]:
    for case in CASES:
        for role in ("undefended", "student"):
            found = _range(results, case, "faithful", role, "PGD")
            if found is None:
                continue
            epsilons, correct = found
            beyond = epsilons > 0.35
            same = bool((correct[beyond] == correct[beyond][0]).all())
            moved = _spread_beyond_04(results, case, role)
            yield (
                f"{results.label(case)}, faithful, {role}, as run",
                CONFIRMED if same and moved < 1e-4 else REFUTED,
                f"every image has the same outcome at 0.4 to 0.8: {'yes' if same else 'no'}; "
                f"the L-inf distance moved, a mean over all images, differs by {moved:.1g} grey "
                f"levels; "
                f"{STEPS} steps of {STEP_SIZE / GREY:.2g} reach {STEPS * STEP_SIZE / GREY:.1f}",
            )
    for case in CASES:
        for role in ("undefended", "student"):
            found = _range(results, case, "corrected", role, "PGD")
            if found is None:
                continue
            epsilons, correct = found
            (at_04,) = np.flatnonzero(np.isclose(epsilons, 0.4))
            fall = _paired(correct[at_04], correct[-1])
            yield (
                f"{results.label(case)}, corrected, {role}, as a property of the model",
                REFUTED if fall.sign > 0 else UNDECIDED,
                f"with steps that reach the ball, accuracy falls by {_points(fall)} "
                "from 0.4 to 0.8",
            )


def _distillation_helps(results: Results) -> Iterator[tuple[str, str, str]]:
    for case, protocol in _places():
        for attack in _ATTACKS:
            gain = _gain(results, case, protocol, attack, "undefended")
            over_control = _gain(results, case, protocol, attack, "control")
            if gain is None or over_control is None:
                continue
            outcome = by_sign([gain.sign, over_control.sign])
            yield (
                f"{results.label(case)}, {protocol}, {attack}",
                outcome,
                f"mean gain over the undefended network {_points(gain)}, over the control "
                f"{_points(over_control)}; {_clean_gain(results, case, protocol)}, so that the "
                f"drop from the own clean accuracy is smaller by "
                f"{_points(_own_drop_gain(results, case, protocol, attack))}",
            )


def _harms_vgg_slightly(results: Results) -> Iterator[tuple[str, str, str]]:
    for protocol in COMPARED:
        difference = _at(results, "vgg16/cifar10", protocol, "PGD", 0.4)
        if difference is not None:
            yield (
                f"{results.label('vgg16/cifar10')}, {protocol}, PGD at 0.4",
                by_sign([-difference.sign]),
                f"student minus undefended {_points(difference)}, p = {difference.p_value:.2g}",
            )


def _better_at_small_epsilon(results: Results) -> Iterator[tuple[str, str, str]]:
    for case, protocol in _places():
        for attack in _ATTACKS:
            student = _range(results, case, protocol, "student", attack)
            undefended = _range(results, case, protocol, "undefended", attack)
            if student is None or undefended is None:
                continue
            small = (student[0] > 0) & (student[0] < 0.25)
            large = student[0] > 0.25
            gain_small = _mean_paired(student[1][small], undefended[1][small])
            gain_large = _mean_paired(student[1][large], undefended[1][large])
            contrast = _contrast(student[1], undefended[1], small, large)
            yield (
                f"{results.label(case)}, {protocol}, {attack}",
                by_sign([contrast.sign]),
                f"mean gain at 0.1-0.2 {_points(gain_small)}, at 0.3-0.8 {_points(gain_large)}; "
                f"difference {_points(contrast)}",
            )


def _better_in_cells(case: str, up_to: float):
    def judge(results: Results) -> Iterator[tuple[str, str, str]]:
        for protocol in COMPARED:
            differences = []
            for attack in _ATTACKS:
                found = _range(results, case, protocol, "student", attack)
                if found is None:
                    break
                for epsilon in found[0][(found[0] > 0) & (found[0] < up_to)]:
                    differences.append(_at(results, case, protocol, attack, epsilon))
            if differences and None not in differences:
                better = sum(d.difference > 0 for d in differences)
                significant = sum(d.sign > 0 for d in differences)
                worse = sum(d.difference < 0 for d in differences)
                yield (
                    f"{results.label(case)}, {protocol}",
                    by_sign([d.sign for d in differences]),
                    f"better in {better} of {len(differences)} cells ({significant} with an "
                    f"interval above zero), worse in {worse}; "
                    + _clean_gain(results, case, protocol),
                )

    return judge


def _pgd_is_stronger(results: Results) -> Iterator[tuple[str, str, str]]:
    for case, protocol in _places():
        for role in ("undefended", "student"):
            fgsm = _range(results, case, protocol, role, "FGSM")
            pgd = _range(results, case, protocol, role, "PGD")
            if fgsm is None or pgd is None:
                continue
            # At equal reach: faithful PGD cannot move beyond steps x step size.
            reach = STEPS * STEP_SIZE / GREY if protocol == "faithful" else np.inf
            equal = (fgsm[0] > 0) & (fgsm[0] < reach * 1.001)
            cells = [_paired(f, p) for f, p in zip(fgsm[1][equal], pgd[1][equal], strict=True)]
            mean = _mean_paired(fgsm[1][equal], pgd[1][equal])
            weaker = [e for e, c in zip(fgsm[0][equal], cells, strict=True) if c.sign < 0]
            outcome = REFUTED if weaker or mean.sign < 0 else CONFIRMED
            evidence = f"FGSM minus PGD accuracy at equal reach, mean {_points(mean)}"
            if weaker:
                listed = ", ".join(f"{epsilon:.1f}" for epsilon in weaker)
                evidence += f"; PGD significantly weaker at {listed}"
            if not equal[1:].all():
                beyond = _mean_paired(fgsm[1][1:][~equal[1:]], pgd[1][1:][~equal[1:]])
                evidence += f"; at larger epsilons, which PGD does not reach, {_points(beyond)}"
            yield f"{results.label(case)}, {protocol}, {role}", outcome, evidence


def _clean_levels(results: Results) -> Iterator[tuple[str, str, str]]:
    for case in CASES:
        published = clean_accuracy(case)
        rows = _undefended(results, case)
        if rows.empty:
            continue
        accuracy, images = rows["test_accuracy"].mean(), int(rows["test_images"].iloc[0])
        low, high = wilson(round(accuracy * images), images)
        inside = low <= published / 100 <= high
        outcome = CONFIRMED if inside else REFUTED
        yield (
            f"{results.label(case)}, faithful, {results.run['profile']} profile",
            outcome if results.run["profile"] == "paper" else UNDECIDED,
            f"published {published:.1f} %, measured {100 * accuracy:.1f} % "
            f"[{100 * low:.1f}, {100 * high:.1f}] of {images} images"
            + (
                ""
                if results.run["profile"] == "paper"
                else " (reduced here, so that it says nothing of the published network)"
            ),
        )


def _costs_training_time(results: Results) -> Iterator[tuple[str, str, str]]:
    main = results.trainings[results.trainings["variant"] == "main"]
    for case in CASES:
        rows = main[(main["case"] == case) & (main["protocol"] == "faithful")]
        seconds = rows.groupby("role")["seconds"].mean()
        if not {"undefended", "teacher", "student"} <= set(seconds.index):
            continue
        ratio = (seconds["teacher"] + seconds["student"]) / seconds["undefended"]
        as_published = results.run["profile"] == "paper"
        yield (
            f"{results.label(case)}, faithful",
            UNDECIDED if not as_published else CONFIRMED if ratio > 1 else REFUTED,
            f"teacher and student took {ratio:.1f} times the undefended training"
            + ("" if as_published else " (with the epochs of this profile, not the published)"),
        )


def _needs_batch_norm(results: Results) -> Iterator[tuple[str, str, str]]:
    yield from _against_variant(
        results,
        "NTU-14 batch normalisation frozen",
        lambda base, changed: base["validation_accuracy"] - changed["validation_accuracy"],
        "validation accuracy, trainable minus frozen",
    )


def _erasing_reduces_overfitting(results: Results) -> Iterator[tuple[str, str, str]]:
    def gap(row):
        return row["train_accuracy"] - row["validation_accuracy"]

    yield from _against_variant(
        results,
        "NTU-15 no erasing",
        lambda base, changed: gap(changed) - gap(base),
        "gap between training and validation accuracy, without minus with erasing",
    )


def _sgd_generalises_better(results: Results) -> Iterator[tuple[str, str, str]]:
    """Each optimiser at its better rate, by validation accuracy."""
    trainings = results.trainings
    for (case, protocol), base in trainings[
        (trainings["variant"] == "main") & (trainings["role"] == "undefended")
    ].groupby(["case", "protocol"], sort=False):
        place = trainings[(trainings["case"] == case) & (trainings["protocol"] == protocol)]
        adam = place[place["variant"].str.startswith("NTU-16 Adam")]
        sgd = place[place["variant"].str.startswith("NTU-16 SGD")]
        if adam.empty:
            continue
        best = {
            seed: max(pd.concat([base, sgd]).query("seed == @seed")["validation_accuracy"])
            - max(rows["validation_accuracy"])
            for seed, rows in adam.groupby("seed")
        }
        differences = 100 * np.array(list(best.values()))
        listed = ", ".join(f"{difference:+.1f}" for difference in differences)
        yield (
            f"{results.label(case)}, {protocol}",
            _over_seeds(differences),
            f"validation accuracy, SGD minus Adam, each at its better rate: {listed} points, "
            "one per seed",
        )


def _against_variant(results: Results, variant: str, compare, what: str):
    """Undefended networks of one seed against their control; no interval without more seeds."""
    trainings = results.trainings
    for (case, protocol), rows in trainings[trainings["variant"] == variant].groupby(
        ["case", "protocol"], sort=False
    ):
        base = _undefended(results, case, protocol)
        if base.empty:
            continue
        pairs = rows.merge(base, on="seed", suffixes=("_changed", ""))
        differences = 100 * np.array(
            [
                compare(
                    pair,
                    {
                        n.removesuffix("_changed"): v
                        for n, v in pair.items()
                        if n.endswith("_changed")
                    },
                )
                for pair in pairs.to_dict("records")
            ]
        )
        listed = ", ".join(f"{difference:+.1f}" for difference in differences)
        yield (
            f"{results.label(case)}, {protocol}",
            _over_seeds(differences),
            f"{what}: {listed} points, one per seed",
        )


def _over_seeds(differences: np.ndarray) -> str:
    """By a t interval over seeds, which takes three."""
    if len(differences) < 3:
        return UNDECIDED
    interval = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    return by_sign([int(interval.low > 0) - int(interval.high < 0)])


_CLAIMS = {
    _falls: ("NTU-1", "Accuracy falls as epsilon grows"),
    _constant_beyond_04: ("NTU-2", "PGD accuracy is constant beyond epsilon 0.4"),
    _distillation_helps: ("NTU-3", "Distillation raises accuracy on adversarial images"),
    _harms_vgg_slightly: ("NTU-4", "Distillation slightly harms VGG-16 on CIFAR-10 under PGD"),
    _better_at_small_epsilon: ("NTU-5", "Distilled models are better mainly at small epsilon"),
    _better_in_cells("vgg16/cifar10", 0.45): (
        "NTU-6",
        "Distilled VGG-16 on CIFAR-10 is better at 0.1 to 0.4 for both attacks",
    ),
    _better_in_cells("vgg16/cifar100", _BEYOND): (
        "NTU-7",
        "Distilled VGG-16 on CIFAR-100 is better everywhere",
    ),
    _pgd_is_stronger: ("NTU-10", "PGD is stronger than FGSM"),
    _clean_levels: ("NTU-11", "Clean test accuracy has the published level"),
    _costs_training_time: (
        "NTU-12",
        "Distillation costs training time because two networks are trained",
    ),
    _needs_batch_norm: (
        "NTU-14",
        "Training batch normalisation is needed when re-using ImageNet weights",
    ),
    _erasing_reduces_overfitting: ("NTU-15", "Random erasing reduces over-fitting"),
    _sgd_generalises_better: (
        "NTU-16",
        "SGD generalises better than Adam for the VGG variant",
    ),
}
#: Claims that no function here judges yet, and what that takes.
_NOT_JUDGED = {
    "NTU-8": (
        "Transfer-learning models are more vulnerable than the VGG-16 trained from scratch",
        "compare the control arms NTU-8, the twin of a network without ImageNet weights, by hand",
    ),
    "NTU-9": (
        "Distillation helps the transfer-learning models more than VGG-16",
        "compare the gains of NTU-3 between the architectures by hand",
    ),
    "NTU-13": (
        "A high temperature makes the network less sensitive to small input changes",
        "norms of the input gradient are not measured; the arms through logits / T speak to it",
    ),
}
_NEEDS = {
    "NTU-16": "its control arms were not run",
    "NTU-14": "needs ImageNet weights and its control arms",
    "NTU-15": "its control arms were not run",
}


def _places() -> Iterator[tuple[str, str]]:
    return ((case, protocol) for case in CASES for protocol in COMPARED)


def _range(results: Results, case: str, protocol: str, role: str, attack: str):
    """Outcomes at the study's epsilons, clean first."""
    found = results.outcomes(case, protocol, role, attack)
    if found is None:
        return None
    inside = found[0] < _BEYOND
    return found[0][inside], found[1][inside]


def _gain(results: Results, case, protocol, attack, reference) -> Paired | None:
    student = _range(results, case, protocol, "student", attack)
    other = _range(results, case, protocol, reference, attack)
    if student is None or other is None:
        return None
    return _mean_paired(student[1][1:], other[1][1:])


def _at(results: Results, case, protocol, attack, epsilon: float) -> Paired | None:
    student = _range(results, case, protocol, "student", attack)
    undefended = _range(results, case, protocol, "undefended", attack)
    if student is None or undefended is None:
        return None
    (index,) = np.flatnonzero(np.isclose(student[0], epsilon))
    return _paired(student[1][index], undefended[1][index])


def _clean_gain(results: Results, case: str, protocol: str) -> str:
    for attack in _ATTACKS:
        gain = _at(results, case, protocol, attack, 0.0)
        if gain is not None:
            return f"without attack {_points(gain)}"
    return "without attack not measured"


def _own_drop_gain(results: Results, case, protocol, attack) -> Paired:
    """How much smaller the student's drop is than the undefended network's, each from its own
    clean accuracy."""
    student = _range(results, case, protocol, "student", attack)[1].astype(float)
    undefended = _range(results, case, protocol, "undefended", attack)[1].astype(float)
    gain = student - undefended
    return bootstrap_mean((gain[1:] - gain[0]).mean(axis=(0, 1)))


def _contrast(student, undefended, small, large) -> Paired:
    """The mean gain at small minus that at large epsilons."""
    gain = student.astype(float) - undefended
    return bootstrap_mean(gain[small].mean(axis=(0, 1)) - gain[large].mean(axis=(0, 1)))


def _spread_beyond_04(results: Results, case: str, role: str) -> float:
    """How far the mean L-inf distances of faithful PGD differ from 0.4 on, in grey levels."""
    procedure, (view,) = COMPARED["faithful"]
    table = results.table
    rows = table[
        (table["case"] == case)
        & (table["protocol"] == "faithful")
        & (table["variant"] == "main")
        & (table["defense"] == ("none" if role == "undefended" else f"{procedure} {role}"))
        & (table["view"] == view)
        & (table["attack"] == "PGD")
        & (table["epsilon_grey"] > 0.35)
    ]
    distances = rows.groupby("seed")["mean_linf"]
    return float((distances.max() - distances.min()).max() / GREY)


def _paired(first: np.ndarray, second: np.ndarray) -> Paired:
    """Of outcomes [seeds, N]: exact for one seed, else images with all their seeds are drawn."""
    if len(first) == 1:
        return paired_difference(first[0], second[0])
    return mean_paired_difference(first, second)


def _mean_paired(first: np.ndarray, second: np.ndarray) -> Paired:
    """Of outcomes [E, seeds, N]."""
    images = first.shape[-1]
    return mean_paired_difference(first.reshape(-1, images), second.reshape(-1, images))


def _undefended(results: Results, case: str, protocol: str = "faithful"):
    trainings = results.trainings
    return trainings[
        (trainings["case"] == case)
        & (trainings["protocol"] == protocol)
        & (trainings["variant"] == "main")
        & (trainings["role"] == "undefended")
    ]


def _rank_correlation(epsilons: np.ndarray, accuracies: np.ndarray) -> str:
    if np.ptp(accuracies) == 0:
        return "undefined (constant)"
    return f"{stats.spearmanr(epsilons, accuracies).statistic:+.2f}"


def _points(paired: Paired) -> str:
    return f"{100 * paired.difference:+.1f} [{100 * paired.low:+.1f}, {100 * paired.high:+.1f}]"

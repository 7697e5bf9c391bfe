"""The claims of the NTU study, judged by what was measured.

Each function takes results and gives verdicts, one for every place where the claim can be
judged on its own. Differences are in percentage points, paired over images, with 95 %
intervals. A claim about one seed and a reduced network says no more than that.
"""

from collections.abc import Iterator

import numpy as np
from scipy import stats

from evaluation import mean_paired_difference, paired_difference, wilson
from evaluation.statistics import Paired
from studies.ntu import CASES, STEP_SIZE, STEPS
from studies.results import COMPARED, Results
from studies.verdicts import CONFIRMED, NOT_RUN, REFUTED, UNDECIDED, Verdict, by_sign

_ATTACKS = ("FGSM", "PGD")
#: In grey levels; the study's epsilons are below.
_BEYOND = 0.85


def claims(results: Results) -> list[Verdict]:
    """All verdicts, in the order of the claims; a claim without its arms is "not run"."""
    verdicts = [
        Verdict(claim, statement, "", NOT_RUN, needs)
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
                upward = [
                    paired_difference(correct[i + 1], correct[i])
                    for i in range(1, len(correct) - 1)
                ]
                whole = paired_difference(correct[1], correct[-1])
                risen = sum(step.difference > 0 for step in upward)
                significant = sum(step.difference > 0 and step.p_value < 0.05 for step in upward)
                outcome = REFUTED if significant else CONFIRMED if whole.sign > 0 else UNDECIDED
                order = _rank_correlation(epsilons[1:], correct[1:].mean(axis=1))
                yield (
                    f"{case}, {protocol}, {role}, {attack}",
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
            yield (
                f"{case}, faithful, {role}, as run",
                CONFIRMED if same else REFUTED,
                f"every image has the same outcome at 0.4 to 0.8: {'yes' if same else 'no'}; "
                f"{STEPS} steps of {STEP_SIZE * 255:.2g} reach {STEPS * STEP_SIZE * 255:.1f}",
            )
    for case in CASES:
        for role in ("undefended", "student"):
            found = _range(results, case, "corrected", role, "PGD")
            if found is None:
                continue
            epsilons, correct = found
            (at_04,) = np.flatnonzero(np.isclose(epsilons, 0.4))
            fall = paired_difference(correct[at_04], correct[-1])
            yield (
                f"{case}, corrected, {role}, as a property of the model",
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
                f"{case}, {protocol}, {attack}",
                outcome,
                f"mean gain over the undefended network {_points(gain)}, over the control "
                f"{_points(over_control)}; {_clean_gain(results, case, protocol)}",
            )


def _harms_vgg_slightly(results: Results) -> Iterator[tuple[str, str, str]]:
    for protocol in COMPARED:
        difference = _at(results, "vgg16/cifar10", protocol, "PGD", 0.4)
        if difference is not None:
            yield (
                f"vgg16/cifar10, {protocol}, PGD at 0.4",
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
            gain_small = mean_paired_difference(student[1][small], undefended[1][small])
            gain_large = mean_paired_difference(student[1][large], undefended[1][large])
            contrast = _contrast(student[1], undefended[1], small, large)
            yield (
                f"{case}, {protocol}, {attack}",
                by_sign([int(contrast[0] > 0) - int(contrast[1] < 0)]),
                f"mean gain at 0.1-0.2 {_points(gain_small)}, at 0.3-0.8 {_points(gain_large)}; "
                f"95 % interval of their difference {contrast[0]:+.1f} to {contrast[1]:+.1f}",
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
                    f"{case}, {protocol}",
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
            cells = [paired_difference(f, p) for f, p in zip(fgsm[1][1:], pgd[1][1:], strict=True)]
            mean = mean_paired_difference(fgsm[1][1:], pgd[1][1:])
            weaker = [f"{e:.1f}" for e, c in zip(fgsm[0][1:], cells, strict=True) if c.sign < 0]
            reach = "unequal reach beyond 0.4" if protocol == "faithful" else "equal reach"
            yield (
                f"{case}, {protocol}, {role} ({reach})",
                REFUTED if weaker else by_sign([mean.sign]),
                f"FGSM minus PGD accuracy, mean over epsilon {_points(mean)}"
                + (f"; PGD significantly weaker at {', '.join(weaker)}" if weaker else ""),
            )


def _clean_levels(results: Results) -> Iterator[tuple[str, str, str]]:
    for case, published in _PUBLISHED_CLEAN.items():
        rows = _undefended(results, case)
        if rows.empty:
            continue
        row = rows.iloc[0]
        low, high = wilson(round(row["test_accuracy"] * row["test_images"]), row["test_images"])
        inside = low <= published / 100 <= high
        outcome = CONFIRMED if inside else REFUTED
        yield (
            f"{case}, faithful, {results.run['profile']} profile",
            outcome if results.run["profile"] == "paper" else UNDECIDED,
            f"published {published:.1f} %, measured {100 * row['test_accuracy']:.1f} % "
            f"[{100 * low:.1f}, {100 * high:.1f}] of {row['test_images']} images"
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
        yield (
            f"{case}, faithful",
            CONFIRMED if ratio > 1 else REFUTED,
            f"teacher and student took {ratio:.1f} times the undefended training",
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
        if len(differences) >= 3:
            interval = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
            outcome = by_sign([int(interval.low > 0) - int(interval.high < 0)])
        else:
            outcome = UNDECIDED
        listed = ", ".join(f"{difference:+.1f}" for difference in differences)
        yield f"{case}, {protocol}", outcome, f"{what}: {listed} points, one per seed"


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
}
#: Claims that no function here judges yet, and what that takes.
_NOT_JUDGED = {
    "NTU-8": (
        "Transfer-learning models are more vulnerable than the VGG-16 trained from scratch",
        "needs ImageNet weights: the pre-trained and the from-scratch twin of one architecture",
    ),
    "NTU-9": (
        "Distillation helps the transfer-learning models more than VGG-16",
        "needs the distilled arms of all three architectures",
    ),
    "NTU-13": (
        "A high temperature makes the network less sensitive to small input changes",
        "needs the norms of the input gradient; the arms through logits / T speak to it",
    ),
    "NTU-16": (
        "SGD generalises better than Adam for the VGG variant",
        "needs its control arms at three seeds",
    ),
}
_NEEDS = {
    "NTU-14": "needs ImageNet weights and its control arms",
    "NTU-15": "its control arms were not run",
}
_PUBLISHED_CLEAN = {
    "vgg16/cifar10": 87.0,
    "vgg16/cifar100": 66.5,
    "resnet50/cifar10": 95.0,
    "resnet50/cifar100": 85.0,
    "inception_v3/cifar10": 92.5,
    "inception_v3/cifar100": 80.5,
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
    return mean_paired_difference(student[1][1:], other[1][1:])


def _at(results: Results, case, protocol, attack, epsilon: float) -> Paired | None:
    student = _range(results, case, protocol, "student", attack)
    undefended = _range(results, case, protocol, "undefended", attack)
    if student is None or undefended is None:
        return None
    (index,) = np.flatnonzero(np.isclose(student[0], epsilon))
    return paired_difference(student[1][index], undefended[1][index])


def _clean_gain(results: Results, case: str, protocol: str) -> str:
    student = _range(results, case, protocol, "student", "FGSM")
    undefended = _range(results, case, protocol, "undefended", "FGSM")
    if student is None or undefended is None:
        return "clean accuracy not measured"
    return f"without attack {_points(paired_difference(student[1][0], undefended[1][0]))}"


def _contrast(student, undefended, small, large) -> tuple[float, float]:
    """95 % bootstrap interval, over images, of the gain at small minus at large epsilons."""
    gain = student.astype(float) - undefended
    per_image = gain[small].mean(axis=0) - gain[large].mean(axis=0)
    interval = stats.bootstrap(
        (per_image,), np.mean, n_resamples=2000, method="percentile", rng=0
    ).confidence_interval
    return 100 * float(interval.low), 100 * float(interval.high)


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

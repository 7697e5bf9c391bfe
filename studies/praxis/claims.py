"""The claims of the Praxis study, judged by what was measured.

Differences are percentage points, paired over the images. What is claimed of ImageNet's pictures
is not judged where another data set stands in for them.
"""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from evaluation import mean_paired_difference, paired_difference, wilson
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
from studies.praxis.arms import (
    AGAIN,
    ANY,
    DISTILLATION_EPSILONS,
    DISTILLED,
    EPSILONS,
    IMAGENET,
    PUBLISHED_MODELS,
    SHOWN,
    STEP,
)
from studies.praxis.measures import (
    classifiers,
    errors,
    of_classifier,
    of_distilled,
    pictured,
    position,
    seconds_per_iteration,
)
from studies.praxis.published import clean_error

_PROTOCOLS = ("faithful", "corrected")
#: ImageNet's classes below "fish" in WordNet: tench to stingray, barracouta to puffer.
FISH = (*range(0, 7), *range(389, 398))


def claims(results: Results) -> list[Verdict]:
    """All verdicts, in the order of the claims."""
    verdicts = []
    for number, (judge, statement, needs) in enumerate(_CLAIMS, start=1):
        claim = f"PRX-{number}"
        found = [Verdict(claim, statement, *rest) for rest in judge(results)]
        verdicts += found or [Verdict(claim, statement, "", NOT_RUN, needs)]
    return verdicts


def _clean_errors(results: Results) -> Iterator[tuple[str, str, str]]:
    """Within one point of table 1, and in its order."""
    arms = {model: _fgsm(results, model, "corrected") for model in PUBLISHED_MODELS}
    if any(rows.empty for rows in arms.values()):
        return
    found = {model: [errors(rows, k)[0] for k in (1, 5)] for model, rows in arms.items()}
    evidence = "; ".join(
        f"{model} {top_1} and {top_5} %" for model, (top_1, top_5) in found.items()
    )
    if not _has_imagenet(results, PUBLISHED_MODELS[0]):
        yield _where(results), NOT_JUDGED, f"another data set, networks from scratch: {evidence}"
        return
    pairs = [
        (error, clean_error(model, k))
        for model in PUBLISHED_MODELS
        for error, k in zip(found[model], (1, 5), strict=True)
    ]
    ordered = [
        paired_difference(
            _correct(results, arms[easier])[0], _correct(results, arms[harder])[0]
        ).sign
        for easier, harder in zip(PUBLISHED_MODELS, PUBLISHED_MODELS[1:])
    ]
    outside = any(e.high < p - 1 or e.low > p + 1 for e, p in pairs)
    near = all(abs(e.percent - p) <= 1 for e, p in pairs)
    outcome = REFUTED if outside or min(ordered) < 0 else UNDECIDED
    if near and min(ordered) > 0:
        outcome = CONFIRMED
    yield _where(results), outcome, evidence


def _cripples(results: Results) -> Iterator[tuple[str, str, str]]:
    """By 70 points or more."""
    for model, protocol, rows in _fgsm_arms(results):
        correct = _correct(results, rows)
        at = position(rows["epsilon"], SHOWN)
        rise = paired_difference(correct[0], correct[at])
        outcome = CONFIRMED if rise.low >= 0.7 else REFUTED if rise.high < 0.7 else UNDECIDED
        top_1, top_5 = errors(rows, 1), errors(rows, 5)
        yield (
            _where(results, model, protocol),
            outcome,
            f"top-1 error {top_1[0]} -> {top_1[at]} %, a rise of {_points(rise)}; top-5 "
            f"{top_5[0]} -> {top_5[at]} %; confirmed from 70 points on",
        )


def _saturates(results: Results) -> Iterator[tuple[str, str, str]]:
    """Upwards from 1 to 4 %, then less than a point from 4 % to 10 %."""
    for model, protocol, rows in _fgsm_arms(results):
        correct, epsilons = _correct(results, rows), rows["epsilon"].to_numpy()
        at_1, at_4, at_10 = (position(epsilons, epsilon) for epsilon in (0.01, 0.04, 0.1))
        rise = paired_difference(correct[at_1], correct[at_4])
        change = paired_difference(correct[at_4], correct[at_10])
        top_1, top_5 = ([error.percent for error in errors(rows, k)] for k in (1, 5))
        peak = int(np.argmax(top_1))
        after = paired_difference(correct[peak], correct[at_10])
        yield (
            f"{_where(results, model, protocol)}, rises until 4 %",
            by_sign([rise.sign]),
            f"from 1 to 4 % the top-1 error changes by {_points(rise)}",
        )
        yield (
            f"{_where(results, model, protocol)}, saturates from there",
            _within(change, 0.01),
            f"from 4 to 10 % the top-1 error changes by {_points(change)}; its peak "
            f"{top_1[peak]:.2f} % is at {100 * epsilons[peak]:.0f} %, from there to 10 % "
            f"{_points(after)}; top-5 peaks at {100 * epsilons[int(np.argmax(top_5))]:.0f} % and "
            f"changes by {top_5[at_10] - top_5[at_4]:+.2f} from 4 to 10 %",
        )


def _one_grey_level(results: Results) -> Iterator[tuple[str, str, str]]:
    """A mean change of 0.8 to 1.5 grey levels, in the pictured images."""
    for model, protocol, _ in _fgsm_arms(results):
        shown = pictured(results, model, protocol, "FGSM")
        mean, largest = shown["mean_change"], shown["largest_change"]
        inside = (mean >= 0.8) & (mean <= 1.5)
        clean, attacked = shown["images"], shown["adversarial"]
        psnr = tf.image.psnr(clean, attacked, 255).numpy()
        ssim = tf.image.ssim(tf.constant(clean), tf.constant(attacked), 255).numpy()
        yield (
            _where(results, model, protocol),
            CONFIRMED if inside.all() else REFUTED if not inside.any() else UNDECIDED,
            f"mean change {mean.min():.2f} to {mean.max():.2f} grey levels, largest "
            f"{largest.max():.2f}; as 8-bit pictures PSNR {psnr.min():.1f} dB or more, SSIM "
            f"{ssim.min():.3f} or more ({len(mean)} images)",
        )


def _order(results: Results) -> Iterator[tuple[str, str, str]]:
    """Each network's top-1 error above the one before, at every epsilon."""
    for protocol in _PROTOCOLS:
        arms = {model: _fgsm(results, model, protocol) for model in PUBLISHED_MODELS}
        if any(rows.empty for rows in arms.values()):
            continue
        correct = {model: _correct(results, rows) for model, rows in arms.items()}
        signs, words = [], []
        for stronger, weaker in zip(PUBLISHED_MODELS, PUBLISHED_MODELS[1:]):
            gaps = [
                paired_difference(first, second)
                for first, second in zip(correct[stronger][1:], correct[weaker][1:], strict=True)
            ]
            signs += [gap.sign for gap in gaps]
            smallest, largest = (f(100 * gap.difference for gap in gaps) for f in (min, max))
            words.append(
                f"error of {weaker} less that of {stronger}: {smallest:+.1f} to {largest:+.1f}"
            )
        yield (
            _where(results, protocol=protocol),
            by_sign(signs),
            "; ".join(words)
            + f"; of {len(signs)} comparisons {signs.count(1)} as claimed, {signs.count(-1)} the "
            "other way",
        )


def _cw_like_fgsm(results: Results) -> Iterator[tuple[str, str, str]]:
    """The same errors at every epsilon, to 0.1 points."""
    for model in classifiers(results):
        cw, fgsm = (of_classifier(results, model, "corrected", name) for name in ("CW", "FGSM"))
        if not (cw.empty or fgsm.empty):
            gaps = _gaps(results, fgsm, cw, EPSILONS)
            apart = any(gap.low > 0.001 or gap.high < -0.001 for gap in gaps)
            same = all(abs(gap.difference) <= 0.001 for gap in gaps)
            at_any = position(cw["epsilon"], ANY)
            yield (
                f"{_where(results, model, 'corrected')}, CW in L2 counted within epsilon",
                REFUTED if apart else CONFIRMED if same else UNDECIDED,
                "one search for the nearest other class, not within epsilon; error of CW less "
                f"FGSM's {_range(gaps)} on {gaps[0].count} images; at any "
                f"distance {errors(cw, 1)[at_any]} % top-1 and {errors(cw, 5)[at_any]} % top-5, "
                "as CW stops at the nearest other class; rounded to 8-bit pictures "
                f"{100 * (1 - cw['rounded_accuracy'].iloc[at_any]):.2f} % top-1 are left, "
                f"{errors(cw, 1)[0]} % without attack",
            )
        for name in (AGAIN, STEP):
            variant = of_classifier(results, model, "faithful", name)
            fgsm = _fgsm(results, model, "faithful")
            if variant.empty or fgsm.empty:
                continue
            gaps = _gaps(results, fgsm, variant, EPSILONS)
            yield (
                f"{_where(results, model, 'faithful')}, {name}",
                NOT_JUDGED,
                f"not CW, but what may have been run: its error less FGSM's {_range(gaps)} on "
                f"{gaps[0].count} images; top-1 cells equal at "
                f"{sum(gap.difference == 0 for gap in gaps)} of {len(gaps)} epsilons",
            )


def _ten_times_slower(results: Results) -> Iterator[tuple[str, str, str]]:
    for model in classifiers(results):
        times = [seconds_per_iteration(results, model, attack) for attack in ("CW", "FGSM")]
        if None in times:
            continue
        (cw, images), (fgsm, _) = times
        gradients = of_classifier(results, model, "corrected", "CW")["gradient_evaluations"]
        yield (
            _where(results, model),
            NOT_JUDGED,
            f"the ratio follows from CW's steps, which the study does not give: {cw:.1f} s for 32 "
            f"images with {gradients.iloc[-1]:.0f} gradients for an image ({images} images) "
            f"against {fgsm:.2f} s of FGSM, {cw / fgsm:.0f} times as much",
        )


def _defends(results: Results) -> Iterator[tuple[str, str, str]]:
    """Better than hard labels at T at every epsilon above 0."""
    for protocol, view in (("faithful", "logits"), ("corrected", "logits / T")):
        arms = [
            of_distilled(results, protocol, role, "FGSM", view)
            for role in ("student", "control", "undefended")
        ]
        if None in arms:
            continue
        student, control, undefended = (correct for _, correct in arms)
        gains = [_paired(s, c) for s, c in zip(student[1:], control[1:], strict=True)]
        over = [_paired(s, u) for s, u in zip(student[1:], undefended[1:], strict=True)]
        clean = ", ".join(
            f"{name} {100 * correct[0].mean():.1f} %"
            for name, correct in (
                ("student", student),
                ("hard labels at T", control),
                ("undefended", undefended),
            )
        )
        yield (
            f"{results.label(DISTILLED)}, {protocol}, through {view}",
            by_sign([gain.sign for gain in gains]),
            f"gain over hard labels at T {_range(gains)} over "
            f"{100 * DISTILLATION_EPSILONS[0]:g} to {100 * DISTILLATION_EPSILONS[-1]:g} %, over "
            f"the undefended network {_range(over)}; without attack {clean}",
        )


def _does_not_help_against_cw(results: Results) -> Iterator[tuple[str, str, str]]:
    """Success at any distance within two points of that on hard labels."""
    arms = [
        of_distilled(results, "corrected", role, "CW", "logits / T")
        for role in ("student", "control")
    ]
    if None in arms:
        return
    (epsilons, student), (_, control) = arms
    at = position(epsilons, ANY)
    gain = _paired(student[at], control[at])
    medians = [_median_distance(results, role) for role in ("student", "control")]
    yield (
        f"{results.label(DISTILLED)}, corrected, through logits / T",
        _within(gain, 0.02),
        f"accuracy at any distance {100 * student[at].mean():.1f} % distilled, "
        f"{100 * control[at].mean():.1f} % with hard labels at T, {_points(gain)}; median L2 of "
        f"the images that were right and are turned {medians[0]} and {medians[1]}",
    )


def _median_distance(results: Results, role: str) -> str:
    """How far CW went to turn what was right, and how many images that is."""
    table = results.table
    rows = table[
        (table["case"] == DISTILLED)
        & (table["role"] == role)
        & (table["attack"] == "CW")
        & (table["epsilon"] == ANY)
    ]
    if "fooled" not in rows:
        return "not recorded"
    images = int(rows["fooled"].sum())
    return f"{rows['fooled_median_l2'].mean():.3f} ({images} images)" if images else "of no image"


def _confident(results: Results) -> Iterator[tuple[str, str, str]]:
    for model in classifiers(results):
        shown = pictured(results, model, "faithful", "FGSM")
        if shown is None or not _has_imagenet(results, model):
            continue
        words = [f"{confidence:.4f}" for confidence in shown["label_confidences"][0]]
        yield (
            _where(results, model),
            NOT_JUDGED,
            "the study's three images are not known; confidence of the true class on the first "
            f"great white shark, tiger shark and hammerhead here: {', '.join(words)}",
        )


def _leaves_the_top_5(results: Results) -> Iterator[tuple[str, str, str]]:
    for model, protocol, _ in _fgsm_arms(results):
        shown = pictured(results, model, protocol, "FGSM")
        if not _has_imagenet(results, model):
            continue
        words = [f"{before + 1} -> {after + 1}" for before, after in shown["ranks"].T]
        yield (
            _where(results, model, protocol),
            NOT_JUDGED,
            "the study's three images are not known; rank of the true class on those here, "
            f"without attack and at 2 %: {', '.join(words)}",
        )


def _related_classes(results: Results) -> Iterator[tuple[str, str, str]]:
    """More often than by chance."""
    for model, protocol, _ in _fgsm_arms(results):
        shown = pictured(results, model, protocol, "FGSM")
        if not _has_imagenet(results, model):
            continue
        labels, predictions = shown["every_label"], shown["every_prediction"]
        wrong = np.isin(labels, FISH) & (predictions != labels)
        if not wrong.any():
            continue
        related = np.isin(predictions[wrong], FISH)
        low, high = wilson(int(related.sum()), len(related))
        chance = (len(FISH) - 1) / 999
        yield (
            _where(results, model, protocol),
            CONFIRMED if low > chance else REFUTED if high < chance else UNDECIDED,
            f"of {len(related)} fish taken for something else at 2 %, {related.sum()} are taken "
            f"for another fish: {100 * related.mean():.0f} % [{100 * low:.0f}, {100 * high:.0f}]; "
            f"by chance {100 * chance:.1f} %",
        )


_NETWORKS = "needs ImageNet and the pre-trained weights of the study's three networks"
_PART_A = "its arms were not run"
_PART_B = "part B was not run: it trains a ResNet-101 and three ResNeXt-50 on CIFAR-10"

#: In order: what judges the claim, what it says, and why it may not have been run.
_CLAIMS = (
    (
        _clean_errors,
        "clean top-1 and top-5 errors 10.16 and 1.20, 13.92 and 2.22, 19.88 and 4.38 %",
        _NETWORKS,
    ),
    (_cripples, "FGSM at 2 % raises the top-1 error from 10.16 to 87.62 %", _PART_A),
    (_saturates, "the error rises until 4 % and then saturates", _PART_A),
    (_one_grey_level, "at 2 % pixels change by about one grey level", _PART_A),
    (_order, "VGG-19 is more vulnerable than DenseNet201, and that than ResNeXt50", _NETWORKS),
    (_cw_like_fgsm, "CW is as damaging as FGSM at every epsilon", _PART_A),
    (_ten_times_slower, "CW takes about ten times as long", _PART_A),
    (_defends, "distillation defends against FGSM", _PART_B),
    (_does_not_help_against_cw, "distillation does not help against CW", _PART_B),
    (
        _confident,
        "the true class has a confidence of 0.9 or more, but for the great white shark",
        "needs ImageNet and pre-trained weights",
    ),
    (
        _leaves_the_top_5,
        "after FGSM at 2 % the true class leaves the top 5 on two of three images",
        "needs ImageNet and pre-trained weights",
    ),
    (
        _related_classes,
        "FGSM makes related classes of fish",
        "needs ImageNet and pre-trained weights",
    ),
)


def _fgsm(results: Results, model: str, protocol: str):
    return of_classifier(results, model, protocol, "FGSM")


def _fgsm_arms(results: Results) -> Iterator[tuple]:
    """(model, protocol, rows) of every arm of FGSM in part A."""
    for model in classifiers(results):
        for protocol in _PROTOCOLS:
            rows = _fgsm(results, model, protocol)
            if not rows.empty:
                yield model, protocol, rows


def _correct(results: Results, rows) -> np.ndarray:
    return results.correct[rows["arm"].iloc[0]]


def _gaps(results: Results, fgsm, other, epsilons) -> list[Paired]:
    """Error of another attack less FGSM's, at each epsilon, on the images both were given."""
    first, second = _correct(results, fgsm), _correct(results, other)
    count = min(first.shape[1], second.shape[1])
    return [
        paired_difference(
            first[position(fgsm["epsilon"], epsilon), :count],
            second[position(other["epsilon"], epsilon), :count],
        )
        for epsilon in epsilons
    ]


def _paired(first: np.ndarray, second: np.ndarray) -> Paired:
    """Of outcomes [seeds, N]."""
    if len(first) == 1:
        return paired_difference(first[0], second[0])
    return mean_paired_difference(first, second)


def _within(change: Paired, bound: float) -> str:
    """Whether a change is smaller than `bound` either way."""
    if max(abs(change.low), abs(change.high)) < bound:
        return CONFIRMED
    return REFUTED if change.low > bound or change.high < -bound else UNDECIDED


def _has_imagenet(results: Results, model: str) -> bool:
    table = results.table
    return (table.loc[table["case"] == f"{model}/{IMAGENET}", "dataset"] == IMAGENET).all()


def _where(results: Results, model: str | None = None, protocol: str | None = None) -> str:
    if model is None:
        label = results.label(f"{PUBLISHED_MODELS[0]}/{IMAGENET}")
        label = "the three networks" + label.removeprefix(PUBLISHED_MODELS[0])
    else:
        label = results.label(f"{model}/{IMAGENET}")
    return f"{label}, {protocol}" if protocol else label


def _points(paired: Paired) -> str:
    return f"{100 * paired.difference:+.1f} [{100 * paired.low:+.1f}, {100 * paired.high:+.1f}]"


def _range(gaps: list[Paired]) -> str:
    smallest = min(gaps, key=lambda gap: gap.difference)
    largest = max(gaps, key=lambda gap: gap.difference)
    return f"{_points(smallest)} to {_points(largest)}"

"""The claims of the Praxis study, judged by what was measured.

Differences are percentage points, paired over the images. What is claimed of ImageNet's pictures
is not judged where another data set stands in for them.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import tensorflow as tf

from evaluation import Estimate
from harness.arms import Protocol, Role, View
from harness.claims import Claim, Finding, Ruling, by_sign, directions, inside
from harness.results import Results
from studies.praxis import arms as praxis
from studies.praxis import measures
from studies.praxis.measures import Attacked, differences, distilled, under_fgsm
from studies.praxis.published import clean_error

Findings = Iterator[Finding]

#: ImageNet's classes below "fish" in WordNet: tench to stingray, barracouta to puffer.
FISH = (*range(0, 7), *range(389, 398))
_UNKNOWN = "the study's three images are not known"


def _clean_errors(results: Results) -> Findings:
    """Within a point of table 1, and in its order."""
    for where, arms in _three_networks(results, Protocol.CORRECTED):
        errors = {(arm.model, k): arm.error(0.0, k) for arm in arms for k in (1, 5)}
        evidence = "; ".join(
            f"{model} {errors[model, 1].percent(2)} and {errors[model, 5].percent(2)} %"
            for model in praxis.PUBLISHED_MODELS
        )
        if not arms[0].on_imagenet:
            evidence = f"another data set, networks from scratch: {evidence}"
            yield Finding(where, Ruling.NOT_JUDGED, evidence)
            continue
        near = [_near(error, clean_error(*which) / 100, 0.01) for which, error in errors.items()]
        ordered = [
            Estimate.paired(easier.curve.at(0.0), harder.curve.at(0.0)).sign
            for easier, harder in pairwise(arms)
        ]
        yield Finding(where, by_sign([*near, *ordered]), evidence)


def _cripples(results: Results) -> Findings:
    """By 70 points or more."""
    for arm in under_fgsm(results):
        rise = arm.rise(0.0, praxis.SHOWN)
        top_1, top_5 = (
            f"{arm.error(0.0, k).percent(2)} -> {arm.error(praxis.SHOWN, k).percent(2)} %"
            for k in (1, 5)
        )
        evidence = f"top-1 error {top_1}, a rise of {rise.points()} points; top-5 error {top_5}"
        ruling = by_sign([rise.above(0.7)])
        yield Finding(arm.where, ruling, f"{evidence}; confirmed from 70 points on")


def _saturates(results: Results) -> Findings:
    """Upwards from 1 to 4 %, then less than a point from 4 % to 10 %."""
    for arm in under_fgsm(results):
        rise, change = arm.rise(0.01, 0.04), arm.rise(0.04, 0.1)
        peak, peak_5 = (
            arm.curve.epsilons[np.argmax([error.value for error in arm.errors(k)])] for k in (1, 5)
        )
        highest = 100 * arm.error(peak).value
        after = f", from there to 10 % it changes by {arm.rise(peak, 0.1).points()} points"
        change_5 = 100 * (arm.error(0.1, 5).value - arm.error(0.04, 5).value)
        yield Finding(
            f"{arm.where}, rises until 4 %",
            directions(rise),
            f"from 1 to 4 % the top-1 error changes by {rise.points()} points",
        )
        yield Finding(
            f"{arm.where}, saturates from there",
            inside(change, -0.01, 0.01),
            f"from 4 to 10 % the top-1 error changes by {change.points()} points; it is highest "
            f"at {100 * peak:.0f} %, {highest:.2f} %{after if peak < 0.1 else ''}; the top-5 error "
            f"is highest at {100 * peak_5:.0f} % and changes by {change_5:+.2f} points from 4 to "
            "10 %",
        )


def _one_grey_level(results: Results) -> Findings:
    """A mean change of 0.8 to 1.5 grey levels, in the pictured images."""
    for arm in under_fgsm(results):
        mean, largest = arm.pictured["mean_change"], arm.pictured["largest_change"]
        near = (mean >= 0.8) & (mean <= 1.5)
        otherwise = Ruling.UNDECIDED if near.any() else Ruling.REFUTED
        images = [tf.constant(arm.pictured[name]) for name in ("images", "adversarial")]
        psnr, ssim = (compare(*images, 255).numpy() for compare in (tf.image.psnr, tf.image.ssim))
        yield Finding(
            arm.where,
            Ruling.CONFIRMED if near.all() else otherwise,
            f"mean change {mean.min():.2f} to {mean.max():.2f} grey levels, largest "
            f"{largest.max():.2f}; as 8-bit pictures PSNR {psnr.min():.1f} dB or more, SSIM "
            f"{ssim.min():.3f} or more ({len(mean)} images)",
        )


def _order(results: Results) -> Findings:
    """Each network's top-1 error above the one before, at every epsilon."""
    for where, arms in _three_networks(results, *Protocol):
        gaps, evidence = [], ""
        for stronger, weaker in pairwise(arms):
            pair = differences(stronger.curve, weaker.curve, praxis.EPSILONS)
            low, high = (100 * end(gap.value for gap in pair) for end in (min, max))
            gaps += pair
            evidence += f"error of {weaker.model} less that of {stronger.model}: "
            evidence += f"{low:+.1f} to {high:+.1f} points; "
        signs = [gap.sign for gap in gaps]
        evidence += f"of {len(signs)} comparisons {signs.count(1)} as claimed, "
        yield Finding(where, by_sign(signs), f"{evidence}{signs.count(-1)} the other way")


def _cw_like_fgsm(results: Results) -> Findings:
    """The same errors at every epsilon, to 0.1 points."""
    for fgsm in under_fgsm(results):
        for other in measures.variants(results, fgsm):
            gaps = differences(fgsm.curve, other.curve, praxis.EPSILONS)
            beside = f"FGSM's {_range(gaps)} points on {gaps[0].images} images"
            if other.attack == "CW":
                yield _cw_beside_fgsm(other, gaps, beside)
                continue
            yield Finding(
                f"{other.where}, {other.attack}",
                Ruling.NOT_JUDGED,
                f"not CW, but what may have been run: its error less {beside}; top-1 errors equal "
                f"at {sum(gap.value == 0 for gap in gaps)} of {len(gaps)} epsilons",
            )


def _cw_beside_fgsm(cw: Attacked, gaps: Sequence[Estimate], beside: str) -> Finding:
    return Finding(
        f"{cw.where}, CW in L2 counted within epsilon",
        by_sign(_near(gap, 0.0, 0.001) for gap in gaps),
        f"one search for the nearest other class, not within epsilon; error of CW less {beside}; "
        f"at any distance {cw.error(praxis.ANY).percent(2)} % top-1 and "
        f"{cw.error(praxis.ANY, 5).percent(2)} % top-5, as CW stops at the nearest other class; "
        f"rounded to 8-bit pictures {100 * cw.as_8_bit.value:.2f} % top-1 are left, "
        f"{cw.error(0.0).percent(2)} % without attack",
    )


def _ten_times_slower(results: Results) -> Findings:
    for case in praxis.CLASSIFIERS.values():
        rows = [measures.timed(results, case, attack) for attack in ("CW", "FGSM")]
        if any(row is None for row in rows):
            continue
        cw, fgsm = (measures.seconds_per_iteration(row) for row in rows)
        yield Finding(
            results.label(case),
            Ruling.NOT_JUDGED,
            "the ratio follows from CW's steps, which the study does not give: "
            f"{cw.value:.1f} s for 32 images with {rows[0]['gradient_evaluations']:.0f} gradients "
            f"for an image ({cw.images} images) against {fgsm.value:.2f} s of FGSM, "
            f"{cw.value / fgsm.value:.0f} times as much",
        )


def _defends(results: Results) -> Findings:
    """Better than hard labels at T at every epsilon above 0."""
    epsilons = praxis.DISTILLATION_EPSILONS
    roles = (Role.STUDENT, Role.CONTROL, Role.UNDEFENDED)
    for protocol, view in zip(Protocol, (View.LOGITS, View.LOGITS_OVER_T), strict=True):
        curves = [distilled(results, role, protocol, "FGSM", view) for role in roles]
        if None in curves:
            continue
        over_control, over_undefended = (differences(curves[0], c, epsilons) for c in curves[1:])
        student, control, undefended = (100 * curve.correct[0].mean() for curve in curves)
        yield Finding(
            f"{results.label(praxis.DISTILLED)}, {protocol}, through {view}",
            directions(*over_control),
            f"gain over hard labels at T {_range(over_control)} points over "
            f"{100 * epsilons[0]:g} to {100 * epsilons[-1]:g} %, over the undefended network "
            f"{_range(over_undefended)} points; without attack student {student:.1f} %, hard "
            f"labels at T {control:.1f} %, undefended {undefended:.1f} %",
        )


def _does_not_help_against_cw(results: Results) -> Findings:
    """Success at any distance within two points of that on hard labels."""
    roles, view = (Role.STUDENT, Role.CONTROL), View.LOGITS_OVER_T
    curves = [distilled(results, role, Protocol.CORRECTED, "CW", view) for role in roles]
    if None in curves:
        return
    student, control = (curve.at(praxis.ANY) for curve in curves)
    gain = Estimate.paired(student, control)
    medians = " and ".join(_median_distance(results, role) for role in roles)
    yield Finding(
        f"{results.label(praxis.DISTILLED)}, corrected, through {view}",
        inside(gain, -0.02, 0.02),
        f"accuracy at any distance {100 * student.mean():.1f} % distilled, "
        f"{100 * control.mean():.1f} % with hard labels at T, a difference of {gain.points()} "
        f"points; median L2 of the images that were right and are turned {medians}",
    )


def _median_distance(results: Results, role: str) -> str:
    """How far CW went to turn what was right, and how many images that is."""
    rows = results.select(case=praxis.DISTILLED, role=role, attack="CW", epsilon=praxis.ANY)
    images = int(rows["fooled"].sum())
    return f"{rows['fooled_median_l2'].mean():.3f} ({images} images)" if images else "of no image"


def _confident(results: Results) -> Findings:
    for arm in under_fgsm(results):
        if arm.on_imagenet and arm.protocol == Protocol.FAITHFUL:
            words = ", ".join(f"{each:.4f}" for each in arm.pictured["label_confidences"][0])
            evidence = f"{_UNKNOWN}; confidence of the true class on the first great white shark, "
            evidence += f"tiger shark and hammerhead here: {words}"
            yield Finding(arm.network, Ruling.NOT_JUDGED, evidence)


def _leaves_the_top_5(results: Results) -> Findings:
    for arm in under_fgsm(results):
        if arm.on_imagenet:
            ranks = [f"{before + 1} -> {after + 1}" for before, after in arm.pictured["ranks"].T]
            evidence = f"{_UNKNOWN}; rank of the true class on those here, without attack and at "
            yield Finding(arm.where, Ruling.NOT_JUDGED, f"{evidence}2 %: {', '.join(ranks)}")


def _related_classes(results: Results) -> Findings:
    """More often than by chance."""
    for arm in under_fgsm(results):
        labels, predictions = arm.pictured["every_label"], arm.pictured["every_prediction"]
        wrong = np.isin(labels, FISH) & (predictions != labels)
        if arm.on_imagenet and wrong.any():
            related = np.isin(predictions[wrong], FISH)
            share, chance = Estimate.accuracy(related), (len(FISH) - 1) / 999
            yield Finding(
                arm.where,
                by_sign([share.above(chance)]),
                f"of {share.images} fish taken for something else at 2 %, {related.sum()} are "
                f"taken for another fish: {share.percent(0)} %; by chance {100 * chance:.1f} %",
            )


def _three_networks(results: Results, *protocols: Protocol) -> Iterator[tuple[str, list[Attacked]]]:
    """The study's networks under FGSM, with where that is, in the protocols where all were run."""
    for protocol in protocols:
        arms = [
            measures.attacked(results, model, protocol, "FGSM") for model in praxis.PUBLISHED_MODELS
        ]
        if None not in arms:
            yield "the three networks" + arms[0].where.removeprefix(arms[0].model), arms


def _near(estimate: Estimate, stated: float, margin: float) -> int:
    """1 within a margin of a stated number, -1 where the whole interval is further away, else 0."""
    if estimate.inside(stated - margin, stated + margin) < 0:
        return -1
    return int(abs(estimate.value - stated) <= margin)


def _range(estimates: Sequence[Estimate]) -> str:
    """The smallest and the largest of several differences."""
    low, high = (end(estimates, key=lambda estimate: estimate.value) for end in (min, max))
    return f"{low.points()} to {high.points()}"


_CLEAN = "clean top-1 and top-5 errors 10.16 and 1.20, 13.92 and 2.22, 19.88 and 4.38 %"
_CONFIDENT = "the true class has a confidence of 0.9 or more, but for the great white shark"
_LEAVES = "after FGSM at 2 % the true class leaves the top 5 on two of three images"
_IN_ORDER = "VGG-19 is more vulnerable than DenseNet201, and that than ResNeXt50"
_NETWORKS = "needs ImageNet and the pre-trained weights of the study's three networks"
_PRETRAINED = "needs ImageNet and pre-trained weights"
_PART_B = "part B was not run: it trains a ResNet-101 and three ResNeXt-50 on CIFAR-10"
CLAIMS = (
    Claim("PRX-1", _CLEAN, _clean_errors, _NETWORKS),
    Claim("PRX-2", "FGSM at 2 % raises the top-1 error from 10.16 to 87.62 %", _cripples),
    Claim("PRX-3", "the error rises until 4 % and then saturates", _saturates),
    Claim("PRX-4", "at 2 % pixels change by about one grey level", _one_grey_level),
    Claim("PRX-5", _IN_ORDER, _order, _NETWORKS),
    Claim("PRX-6", "CW is as damaging as FGSM at every epsilon", _cw_like_fgsm),
    Claim("PRX-7", "CW takes about ten times as long", _ten_times_slower),
    Claim("PRX-8", "distillation defends against FGSM", _defends, _PART_B),
    Claim("PRX-9", "distillation does not help against CW", _does_not_help_against_cw, _PART_B),
    Claim("PRX-10", _CONFIDENT, _confident, _PRETRAINED),
    Claim("PRX-11", _LEAVES, _leaves_the_top_5, _PRETRAINED),
    Claim("PRX-12", "FGSM makes related classes of fish", _related_classes, _PRETRAINED),
)

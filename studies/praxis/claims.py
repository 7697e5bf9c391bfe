"""The claims of the Praxis study, judged by what was measured.

Differences are percentage points, paired over the images. What is claimed of ImageNet's pictures
is not judged where another data set stands in for them.
"""

from collections.abc import Sequence
from itertools import pairwise
from operator import attrgetter

import numpy as np
import tensorflow as tf

from evaluation import Estimate, NotRun
from harness.arms import Case, Protocol, Role
from harness.claims import Claim, Finding, Ruling, at_each, by_sign, directions, inside
from harness.results import Results
from studies.praxis import arms as praxis
from studies.praxis import measures
from studies.praxis.measures import Attacked, attacked, differences, distilled
from studies.praxis.published import clean_error

#: ImageNet's classes below "fish" in WordNet: tench to stingray, barracouta to puffer.
_FISH = (*range(0, 7), *range(389, 398))
#: The parts of PRX-3.
_RISES, _SATURATES = "rises until 4 %", "saturates from there"
_UNKNOWN = "the study's three images are not known"


def _clean_errors(results: Results, protocol: Protocol) -> Finding:
    """Within a point of table 1, and in its order."""
    where, arms = _three_networks(results, protocol)
    evidence = "; ".join(
        f"{arm.model} {arm.error(0.0).percent(2)} and {arm.error(0.0, 5).percent(2)} %"
        for arm in arms
    )
    if not arms[0].on_imagenet:
        evidence = f"another data set, networks from scratch: {evidence}"
        return Finding(where, Ruling.NOT_JUDGED, evidence)
    near = [
        _near(arm.error(0.0, k), clean_error(name, k) / 100, 0.01)
        for name, arm in zip(praxis.PRINTED_NAMES, arms, strict=True)
        for k in (1, 5)
    ]
    ordered = [differences(*pair, [0.0])[0].sign for pair in pairwise(arm.curve for arm in arms)]
    return Finding(where, by_sign([*near, *ordered]), evidence)


def _cripples(results: Results, model: str, protocol: Protocol) -> Finding:
    """By 70 points or more."""
    arm = attacked(results, model, protocol)
    rise = arm.rise(0.0, praxis.SHOWN)
    before, after = (
        [arm.error(each, k).percent(2) for k in (1, 5)] for each in (0.0, praxis.SHOWN)
    )
    return Finding(
        arm.where,
        by_sign([rise.above(0.7)]),
        f"top-1 error {before[0]} -> {after[0]} %, a rise of {rise.points()} points; top-5 error "
        f"{before[1]} -> {after[1]} %; confirmed from 70 points on",
    )


def _saturates(results: Results, model: str, protocol: Protocol, part: str) -> Finding:
    """Upwards from 1 to 4 %, then less than a point from 4 % to 10 %."""
    arm = attacked(results, model, protocol)
    where = f"{arm.where}, {part}"
    if part == _RISES:
        rise = arm.rise(0.01, 0.04)
        evidence = f"from 1 to 4 % the top-1 error changes by {rise.points()} points"
        return Finding(where, directions(rise), evidence)
    change, change_5 = arm.rise(0.04, 0.1), arm.error(0.1, 5).value - arm.error(0.04, 5).value
    peak, peak_5 = (
        arm.curve.epsilons[np.argmax([error.value for error in arm.errors(k)])] for k in (1, 5)
    )
    after = f", from there to 10 % it changes by {arm.rise(peak, 0.1).points()} points"
    return Finding(
        where,
        inside(change, -0.01, 0.01),
        f"from 4 to 10 % the top-1 error changes by {change.points()} points; it is highest at "
        f"{100 * peak:.0f} %, {100 * arm.error(peak).value:.2f} %{after if peak < 0.1 else ''}; "
        f"the top-5 error is highest at {100 * peak_5:.0f} % and changes by {100 * change_5:+.2f} "
        "points from 4 to 10 %",
    )


def _grey_level(results: Results, model: str, protocol: Protocol) -> Finding:
    """A mean change of 0.8 to 1.5 grey levels, in the pictured images."""
    arm = attacked(results, model, protocol)
    mean, largest = arm.pictured["mean_change"], arm.pictured["largest_change"]
    near = (mean >= 0.8) & (mean <= 1.5)
    otherwise = Ruling.UNDECIDED if near.any() else Ruling.REFUTED
    images = [tf.constant(arm.pictured[name]) for name in ("images", "adversarial")]
    psnr, ssim = (compare(*images, 255).numpy() for compare in (tf.image.psnr, tf.image.ssim))
    return Finding(
        arm.where,
        Ruling.CONFIRMED if near.all() else otherwise,
        f"mean change {mean.min():.2f} to {mean.max():.2f} grey levels, largest "
        f"{largest.max():.2f}; as 8-bit pictures PSNR {psnr.min():.1f} dB or more, SSIM "
        f"{ssim.min():.3f} or more ({len(mean)} images)",
    )


def _order(results: Results, protocol: Protocol) -> Finding:
    """Each network's top-1 error above the one before, at every epsilon."""
    where, arms = _three_networks(results, protocol)
    signs: list[int] = []
    evidence = ""
    for stronger, weaker in pairwise(arms):
        gaps = differences(stronger.curve, weaker.curve, praxis.EPSILONS)
        low, high = (100 * end(gap.value for gap in gaps) for end in (min, max))
        evidence += f"error of {weaker.model} less that of {stronger.model}: "
        evidence += f"{low:+.1f} to {high:+.1f} points; "
        signs += [gap.sign for gap in gaps]
    evidence += f"of {len(signs)} comparisons {signs.count(1)} as claimed, "
    return Finding(where, by_sign(signs), f"{evidence}{signs.count(-1)} the other way")


def _cw_like_fgsm(results: Results, model: str, protocol: Protocol, attack: str) -> Finding:
    """The same errors at every epsilon, to 0.1 points."""
    fgsm, other = (attacked(results, model, protocol, each) for each in ("FGSM", attack))
    gaps = differences(fgsm.curve, other.curve, praxis.EPSILONS)
    beside = f"FGSM's {_range(gaps)} points on {gaps[0].images} images"
    if attack != "CW":
        return Finding(
            f"{other.where}, {attack}",
            Ruling.NOT_JUDGED,
            f"not CW, but what may have been run: its error less {beside}; top-1 errors equal at "
            f"{sum(gap.value == 0 for gap in gaps)} of {len(gaps)} epsilons",
        )
    return Finding(
        f"{other.where}, CW in L2 counted within epsilon",
        by_sign(_near(gap, 0.0, 0.001) for gap in gaps),
        f"one search for the nearest other class, not within epsilon; error of CW less {beside}; "
        f"at any distance {other.error(praxis.ANY).percent(2)} % top-1 and "
        f"{other.error(praxis.ANY, 5).percent(2)} % top-5, as CW stops at the nearest other class; "
        f"rounded to 8-bit pictures {100 * other.as_8_bit.value:.2f} % top-1 are left, "
        f"{other.error(0.0).percent(2)} % without attack",
    )


def _ten_times_slower(results: Results, case: Case) -> Finding:
    cw_row, fgsm_row = (measures.timed(results, case, attack) for attack in ("CW", "FGSM"))
    cw, fgsm = (measures.seconds_per_iteration(row) for row in (cw_row, fgsm_row))
    return Finding(
        results.label(case),
        Ruling.NOT_JUDGED,
        "the ratio follows from CW's steps, which the study does not give: "
        f"{cw.value:.1f} s for 32 images with {cw_row['gradient_evaluations']:.0f} gradients for "
        f"an image ({cw.images} images) against {fgsm.value:.2f} s of FGSM, "
        f"{cw.value / fgsm.value:.0f} times as much",
    )


def _defends(results: Results, protocol: Protocol) -> Finding:
    """Better than hard labels at T at every epsilon above 0."""
    roles, view = (Role.STUDENT, Role.CONTROL, Role.UNDEFENDED), praxis.view(Role.STUDENT, protocol)
    epsilons = praxis.DISTILLATION_EPSILONS
    curves = [distilled(results, role, protocol, "FGSM") for role in roles]
    over_control, over_undefended = (differences(curves[0], c, epsilons) for c in curves[1:])
    student, control, undefended = (100 * curve.at(0.0).mean() for curve in curves)
    return Finding(
        f"{results.label(praxis.DISTILLED)}, {protocol}, through {view}",
        directions(*over_control),
        f"gain over hard labels at T {_range(over_control)} points over {100 * epsilons[0]:g} to "
        f"{100 * epsilons[-1]:g} %, over the undefended network {_range(over_undefended)} points; "
        f"without attack student {student:.1f} %, hard labels at T {control:.1f} %, undefended "
        f"{undefended:.1f} %",
    )


def _does_not_help_against_cw(results: Results, protocol: Protocol) -> Finding:
    """Success at any distance within two points of that on hard labels."""
    roles, view = (Role.STUDENT, Role.CONTROL), praxis.view(Role.STUDENT, protocol)
    student, control = (distilled(results, role, protocol, "CW").at(praxis.ANY) for role in roles)
    gain = Estimate.paired(student, control)
    medians = " and ".join(_median_distance(results, role) for role in roles)
    return Finding(
        f"{results.label(praxis.DISTILLED)}, {protocol}, through {view}",
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


def _confident(results: Results, model: str, protocol: Protocol) -> Finding:
    arm = attacked(results, model, protocol)
    words = ", ".join(f"{each:.4f}" for each in arm.photographs["label_confidences"][0])
    evidence = f"{_UNKNOWN}; confidence of the true class on the first great white shark, tiger "
    return Finding(arm.network, Ruling.NOT_JUDGED, f"{evidence}shark and hammerhead here: {words}")


def _leaves_the_top_5(results: Results, model: str, protocol: Protocol) -> Finding:
    arm = attacked(results, model, protocol)
    ranks = ", ".join(f"{1 + clean} -> {1 + after}" for clean, after in arm.photographs["ranks"].T)
    evidence = f"{_UNKNOWN}; rank of the true class on those here, without attack and at 2 %: "
    return Finding(arm.where, Ruling.NOT_JUDGED, evidence + ranks)


def _fish(results: Results, model: str, protocol: Protocol) -> Finding:
    """More often than by chance."""
    arm = attacked(results, model, protocol)
    labels, predictions = (arm.photographs[f"every_{name}"] for name in ("label", "prediction"))
    wrong = np.isin(labels, _FISH) & (predictions != labels)
    if not wrong.any():
        raise NotRun("fish taken for something else")
    related = np.isin(predictions[wrong], _FISH)
    share, chance = Estimate.accuracy(related), (len(_FISH) - 1) / 999
    return Finding(
        arm.where,
        by_sign([share.above(chance)]),
        f"of {share.images} fish taken for something else at 2 %, {related.sum()} are taken for "
        f"another fish: {share.percent(0)} %; by chance {100 * chance:.1f} %",
    )


def _three_networks(results: Results, protocol: Protocol) -> tuple[str, list[Attacked]]:
    """The study's networks under FGSM, and where that is."""
    arms = [attacked(results, model, protocol) for model in praxis.PUBLISHED_MODELS]
    return "the three networks" + arms[0].where.removeprefix(arms[0].model), arms


def _near(estimate: Estimate, stated: float, margin: float) -> int:
    """1 within a margin of a stated number, -1 where the whole interval is further away, else 0."""
    if estimate.inside(stated - margin, stated + margin) < 0:
        return -1
    return int(abs(estimate.value - stated) <= margin)


def _range(estimates: Sequence[Estimate]) -> str:
    """The smallest and the largest of several differences."""
    low, high = (end(estimates, key=attrgetter("value")) for end in (min, max))
    return f"{low.points()} to {high.points()}"


_CLEAN = "clean top-1 and top-5 errors 10.16 and 1.20, 13.92 and 2.22, 19.88 and 4.38 %"
_CRIPPLED = "FGSM at 2 % raises the top-1 error from 10.16 to 87.62 %"
_AND_THEN = "the error rises until 4 % and then saturates"
_IN_ORDER = "VGG-19 is more vulnerable than DenseNet201, and that than ResNeXt50"
_AS_FGSM = "CW is as damaging as FGSM at every epsilon"
_NO_HELP = "distillation does not help against CW"
_SURE = "the true class has a confidence of 0.9 or more, but for the great white shark"
_LEAVES = "after FGSM at 2 % the true class leaves the top 5 on two of three images"
_NETWORKS = "needs ImageNet and the pre-trained weights of the study's three networks"
_WEIGHTS = "needs ImageNet and pre-trained weights"
_TRAINED = "part B was not run: it trains a ResNet-101 and three ResNeXt-50 on CIFAR-10"

_EACH = (praxis.MODELS, Protocol)
_FAITHFUL, _CORRECTED = [Protocol.FAITHFUL], [Protocol.CORRECTED]
_CASES = praxis.CLASSIFIERS.values()
CLAIMS = (
    Claim("PRX-1", _CLEAN, at_each(_clean_errors, _CORRECTED), _NETWORKS),
    Claim("PRX-2", _CRIPPLED, at_each(_cripples, *_EACH)),
    Claim("PRX-3", _AND_THEN, at_each(_saturates, *_EACH, (_RISES, _SATURATES))),
    Claim("PRX-4", "at 2 % pixels change by about one grey level", at_each(_grey_level, *_EACH)),
    Claim("PRX-5", _IN_ORDER, at_each(_order, Protocol), _NETWORKS),
    Claim("PRX-6", _AS_FGSM, at_each(_cw_like_fgsm, *_EACH, praxis.VARIANTS)),
    Claim("PRX-7", "CW takes about ten times as long", at_each(_ten_times_slower, _CASES)),
    Claim("PRX-8", "distillation defends against FGSM", at_each(_defends, Protocol), _TRAINED),
    Claim("PRX-9", _NO_HELP, at_each(_does_not_help_against_cw, _CORRECTED), _TRAINED),
    Claim("PRX-10", _SURE, at_each(_confident, praxis.MODELS, _FAITHFUL), _WEIGHTS),
    Claim("PRX-11", _LEAVES, at_each(_leaves_the_top_5, *_EACH), _WEIGHTS),
    Claim("PRX-12", "FGSM makes related classes of fish", at_each(_fish, *_EACH), _WEIGHTS),
)

"""The claims of the Praxis study, judged by what was measured.

What an attack does is judged on every network, by name, the MobileNets too. Levels are the errors
and the order of the study's three networks, a confidence, and the time of CW's search.
"""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from operator import attrgetter

import numpy as np
import tensorflow as tf

from evaluation import Estimate, NotRun
from harness.arms import Case, Protocol, Role
from harness.claims import Claim, Finding, SpeaksOf, at_each
from harness.results import Results
from harness.rule import (
    POINT,
    Judgement,
    Ruling,
    direction,
    equality,
    level,
    throughout,
    together,
    within,
)
from reports.outside_names import in_markdown
from studies.praxis import arms as praxis
from studies.praxis import measures
from studies.praxis.measures import Attacked, attacked, differences, distilled
from studies.praxis.published import clean_error

CRIPPLED = 0.7  # a rise of the error (PRX-2)
RISES_FROM, SATURATED = 0.01, 0.04  # epsilons (PRX-3)
A_GREY_LEVEL = 0.8, 1.5  # a mean change (PRX-4)
AS_DAMAGING = 0.001  # a difference of errors (PRX-6)
TEN_TIMES = 5, 25  # a ratio of times; published are 10.6, 12.4 and 21.0 (PRX-7)
NO_HELP = 0.02  # a difference of accuracies under CW (PRX-9)
SURE, NOT_SURE_OF = 0.9, "great white shark"  # a confidence, and its exception (PRX-10)
MOST = 0.5  # a share of images (PRX-10, PRX-11)
#: ImageNet's classes below "fish" in WordNet: tench to stingray, barracouta to puffer (PRX-12).
FISH = (*range(0, 7), *range(389, 398))
_UNKNOWN = "the study's three images are not known"


def _clean_errors(results: Results, protocol: Protocol) -> Finding:
    where, arms = _three_networks(results, protocol)
    near = [
        level(arm.error(0.0, k), clean_error(name, k) / 100, POINT)
        for name, arm in zip(praxis.PRINTED_NAMES, arms, strict=True)
        for k in (1, 5)
    ]
    measured = "; ".join(
        f"{arm.model} {arm.error(0.0).percent(2)} and {arm.error(0.0, 5).percent(2)} %"
        for arm in arms
    )
    return Finding(where, together(near), f"{measured}; criterion: within 1 point of all six")


def _order(results: Results, protocol: Protocol, epsilons: Sequence[float]) -> Finding:
    where, arms = _three_networks(results, protocol)
    every: list[Estimate] = []
    evidence = ""
    for stronger, weaker in pairwise(arms):
        gaps = differences(stronger.curve, weaker.curve, epsilons)
        evidence += f"top-1 error of {weaker.model} less that of {stronger.model}: "
        evidence += f"{_range(gaps)} points; "
        every += gaps
    rulings = [direction(gap).ruling for gap in every]
    counts = ", ".join(f"{rulings.count(each)} {each}" for each in dict.fromkeys(rulings))
    evidence += f"of {len(every)} comparisons {counts}, each for itself"
    return Finding(where, throughout(every, direction), evidence)


def _cripples(results: Results, model: str, protocol: Protocol) -> Finding:
    """No level of one network: in all three of the study the error rises by 76 to 77 points."""
    arm = attacked(results, model, protocol)
    rise = arm.rise(0.0, praxis.SHOWN)
    before, after = (
        [arm.error(each, k).percent(2) for k in (1, 5)] for each in (0.0, praxis.SHOWN)
    )
    return Finding(
        arm.where,
        within(rise, least=CRIPPLED),
        f"top-1 error {before[0]} -> {after[0]} %, a rise of {rise.points()} points; top-5 error "
        f"{before[1]} -> {after[1]} %; criterion: above {100 * CRIPPLED:.0f} points",
    )


def _rises(results: Results, model: str, protocol: Protocol) -> Finding:
    """Refuted where the error falls significantly in one of the steps."""
    arm = attacked(results, model, protocol)
    rise, epsilons = arm.rise(RISES_FROM, SATURATED), arm.curve.epsilons
    rising = (epsilons > RISES_FROM * 0.999) & (epsilons < SATURATED * 1.001)
    steps = list(pairwise(arm.curve.where(rising).correct))
    each = 1 - 0.05 / len(steps)  # of several steps, by Bonferroni
    back = sum(Estimate.paired(later, earlier, each).sign > 0 for earlier, later in steps)
    return Finding(
        arm.where,
        Judgement(Ruling.REFUTED) if back else direction(rise),
        f"from 1 to 4 % the top-1 error changes by {rise.points()} points; it falls significantly "
        f"in {back} of {len(steps)} steps",
    )


def _saturates(results: Results, model: str, protocol: Protocol) -> Finding:
    arm = attacked(results, model, protocol)
    change, last = arm.rise(SATURATED, 0.1), arm.error(0.1, 5).value
    change_5 = last - arm.error(SATURATED, 5).value
    peak, peak_5 = (
        arm.curve.epsilons[np.argmax([error.value for error in arm.errors(k)])] for k in (1, 5)
    )
    after = f", from there to 10 % it changes by {arm.rise(peak, 0.1).points()} points"
    return Finding(
        arm.where,
        equality(change),
        f"from 4 to 10 % the top-1 error changes by {change.points()} points; criterion: within 1 "
        f"point; it is highest at {100 * peak:.0f} %, {100 * arm.error(peak).value:.2f} %"
        f"{after if peak < 0.1 else ''}; the top-5 error is highest at {100 * peak_5:.0f} % and "
        f"changes by {100 * change_5:+.2f} points from 4 to 10 %",
    )


def _grey_level(results: Results, model: str, protocol: Protocol) -> Finding:
    arm = attacked(results, model, protocol)
    mean, largest = arm.pictured["mean_change"], arm.pictured["largest_change"]
    images = [tf.constant(arm.pictured[name]) for name in ("images", "adversarial")]
    psnr, ssim = (compare(*images, 255).numpy() for compare in (tf.image.psnr, tf.image.ssim))
    return Finding(
        arm.where,
        together(within(Estimate.exact(each), *A_GREY_LEVEL) for each in mean),
        f"mean change {mean.min():.2f} to {mean.max():.2f} grey levels, largest "
        f"{largest.max():.2f}; as 8-bit pictures PSNR {psnr.min():.1f} dB or more, SSIM "
        f"{ssim.min():.3f} or more; criterion: the mean is {A_GREY_LEVEL[0]} to "
        f"{A_GREY_LEVEL[1]} in each of the {len(mean)} images; no interval",
    )


def _cw_like_fgsm(results: Results, model: str, protocol: Protocol, attack: str) -> Finding:
    fgsm, other = (attacked(results, model, protocol, each) for each in ("FGSM", attack))
    gaps = differences(fgsm.curve, other.curve, praxis.EPSILONS)
    evidence = (
        f"its top-1 error minus FGSM's is {_range(gaps)} points on {gaps[0].images} images, and "
        f"equal at {sum(gap.value == 0 for gap in gaps)} of {len(gaps)} epsilons; criterion: "
        f"within {100 * AS_DAMAGING:g} points at every one"
    )
    if attack == "CW":
        evidence += (
            "; one search for the nearest other class, in L2, counted within epsilon; at any "
            f"distance {other.error(praxis.ANY).percent(2)} % top-1 and "
            f"{other.error(praxis.ANY, 5).percent(2)} % top-5, as CW stops at the nearest other "
            "class; after rounding to 8 bits the top-1 error is "
            f"{100 * other.as_8_bit.value:.2f} %, {other.error(0.0).percent(2)} % without attack"
        )
    judgement = throughout(gaps, partial(equality, margin=AS_DAMAGING))
    return Finding(f"{other.where}, {attack}", judgement, evidence)


def _ten_times_slower(results: Results, case: Case) -> Finding:
    """Judged on every classifier: the ratio is one of CW's search, hardly of the network."""
    cw_row, fgsm_row = (measures.timed(results, case, attack) for attack in ("CW", "FGSM"))
    cw, fgsm = (measures.seconds_per_iteration(row) for row in (cw_row, fgsm_row))
    ratio = cw.value / fgsm.value
    return Finding(
        results.label(case),
        within(Estimate.exact(ratio), *TEN_TIMES),
        f"{cw.value:.1f} s for a batch of 32 of {cw.images} images, with "
        f"{cw_row['gradient_evaluations']:.0f} gradients for an image, against {fgsm.value:.2f} s "
        f"of FGSM, {ratio:.0f} times as long, with this suite's attacks; criterion: "
        f"{TEN_TIMES[0]} to {TEN_TIMES[1]} times; the ratio follows from CW's steps, which the "
        "study does not give; no interval, as each was timed once",
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
        throughout(over_control, direction),
        f"gain over hard labels at T {_range(over_control)} points over {100 * epsilons[0]:g} to "
        f"{100 * epsilons[-1]:g} %, over the undefended network {_range(over_undefended)} points; "
        f"without attack student {student:.1f} %, hard labels at T {control:.1f} %, undefended "
        f"{undefended:.1f} %",
    )


def _does_not_help_against_cw(results: Results, protocol: Protocol) -> Finding:
    roles, view = (Role.STUDENT, Role.CONTROL), praxis.view(Role.STUDENT, protocol)
    student, control = (distilled(results, role, protocol, "CW").at(praxis.ANY) for role in roles)
    gain = Estimate.paired(student, control)
    medians = " and ".join(_median_distance(results, role) for role in roles)
    return Finding(
        f"{results.label(praxis.DISTILLED)}, {protocol}, through {view}",
        equality(gain, NO_HELP),
        f"accuracy at any distance {100 * student.mean():.1f} % distilled, "
        f"{100 * control.mean():.1f} % with hard labels at T, a difference of {gain.points()} "
        f"points; criterion: within {100 * NO_HELP:.0f}; median L2 of the images that were right "
        f"and are turned {medians}",
    )


def _median_distance(results: Results, role: str) -> str:
    """How far CW went to turn what was right, and how many images that is."""
    rows = results.select(case=praxis.DISTILLED, role=role, attack="CW", epsilon=praxis.ANY)
    images = int(rows["fooled"].sum())
    return f"{rows['fooled_median_l2'].mean():.3f} ({images} images)" if images else "of no image"


def _confident(results: Results, model: str, protocol: Protocol) -> Finding:
    arm = attacked(results, model, protocol)
    names, confidences = arm.photographs["label_names"], arm.photographs["label_confidences"][0]
    as_claimed = (confidences >= SURE) != (names == NOT_SURE_OF)
    share = Estimate.accuracy(as_claimed)
    measured = ", ".join(map("{} {:.4f}".format, map(in_markdown, names), confidences))
    return Finding(
        arm.network,
        within(share, least=MOST),
        f"{_UNKNOWN}; confidence of the true class on those here: {measured}; as claimed on "
        f"{as_claimed.sum()} of {share.images}, {share.percent(0)} %; criterion: above "
        f"{100 * MOST:.0f} %",
    )


def _leaves_the_top_5(results: Results, model: str, protocol: Protocol) -> Finding:
    arm = attacked(results, model, protocol)
    share = arm.left_the_top_5(praxis.SHOWN)
    ranks = ", ".join(f"{1 + clean} -> {1 + after}" for clean, after in arm.pictured["ranks"].T)
    return Finding(
        arm.where,
        within(share, least=MOST),
        f"{share.images:,} images have their true class in the top 5 without attack and "
        f"{share.percent()} % fewer at 2 %; criterion: above {100 * MOST:.0f} %; {_UNKNOWN}; rank "
        f"of the true class on the three here: {ranks}",
    )


def _fish(results: Results, model: str, protocol: Protocol) -> Finding:
    arm = attacked(results, model, protocol)
    labels, predictions = (arm.photographs[f"every_{name}"] for name in ("label", "prediction"))
    wrong = np.isin(labels, FISH) & (predictions != labels)
    if not wrong.any():
        raise NotRun("fish taken for something else")
    related = np.isin(predictions[wrong], FISH)
    share, chance = Estimate.accuracy(related), (len(FISH) - 1) / 999
    return Finding(
        arm.where,
        within(share, least=chance),
        f"of {share.images} fish taken for something else at 2 %, {related.sum()} are taken for "
        f"another fish: {share.percent(0)} %; by chance {100 * chance:.1f} %",
        counted="such fish",
    )


def _three_networks(results: Results, protocol: Protocol) -> tuple[str, list[Attacked]]:
    """The study's networks under FGSM, and where that is."""
    arms = [attacked(results, model, protocol) for model in praxis.PUBLISHED_MODELS]
    return "the three networks" + arms[0].where.removeprefix(arms[0].model), arms


def _range(estimates: Sequence[Estimate]) -> str:
    """The smallest and the largest of several differences."""
    low, high = (end(estimates, key=attrgetter("value")) for end in (min, max))
    return f"{low.points()} to {high.points()}" if len(estimates) > 1 else low.points()


_CLEAN = "clean top-1 and top-5 errors 10.16 and 1.20, 13.92 and 2.22, 19.88 and 4.38 %"
_CLEAN_ORDER = "clean images: VGG-19 errs more often than DenseNet201, and that than ResNeXt50"
_CRIPPLED = "FGSM at 2 % raises the top-1 error by 70 points or more (ResNeXt50: 10.16 to 87.62 %)"
_ONE_LEVEL = "at 2 % pixels change by about one grey level"
_IN_ORDER = "at every epsilon FGSM harms VGG-19 more than DenseNet201, and that more than ResNeXt50"
_AS_FGSM = "CW is as damaging as FGSM at every epsilon"
_MAY_BE = "what the study calls CW may be this attack: it is as damaging as FGSM at every epsilon"
_SLOWER = "CW takes about ten times as long"
_HELPLESS = "distillation does not help against CW: it succeeds as often, within 2 points"
_CONFIDENT = "the true class has a confidence of 0.9 or more, but for the great white shark"
_LEAVES = "after FGSM at 2 % the true class leaves the top 5 on most images (on two of three shown)"
_RELATED = "FGSM turns fish into other fish, a related class, more often than chance would"
_THREE = "FGSM on ResNeXt50, DenseNet201 and VGG-19 with their ImageNet weights"
_ANY = "FGSM on a classifier of part A"
_PICTURES = "FGSM on a classifier of ImageNet's images"
_FGSM_B = "FGSM on the student, the control and the undefended network of part B"
_CW_B = "CW (corrected) on the student and the control of part B"

_LEVEL, _EACH = SpeaksOf.LEVEL, (praxis.MODELS, Protocol)
_FAITHFUL, _CORRECTED = [Protocol.FAITHFUL], [Protocol.CORRECTED]
_CASES, _CANDIDATES = praxis.CLASSIFIERS.values(), (praxis.AGAIN, praxis.STEP)
_CW = at_each(_cw_like_fgsm, praxis.MODELS, _CORRECTED, ["CW"])
_OTHERS = at_each(_cw_like_fgsm, praxis.MODELS, _FAITHFUL, _CANDIDATES)
CLAIMS = (
    Claim("PRX-1a", _CLEAN, at_each(_clean_errors, _CORRECTED), _THREE, _LEVEL),
    Claim("PRX-1b", _CLEAN_ORDER, at_each(_order, _CORRECTED, [[0.0]]), _THREE, _LEVEL),
    Claim("PRX-2", _CRIPPLED, at_each(_cripples, *_EACH), _ANY),
    Claim("PRX-3a", "the error under FGSM rises until 4 %", at_each(_rises, *_EACH), _ANY),
    Claim("PRX-3b", "from 4 % on it saturates", at_each(_saturates, *_EACH), _ANY),
    Claim("PRX-4", _ONE_LEVEL, at_each(_grey_level, *_EACH), _ANY),
    Claim("PRX-5", _IN_ORDER, at_each(_order, Protocol, [praxis.EPSILONS]), _THREE, _LEVEL),
    Claim("PRX-6a", _AS_FGSM, _CW, f"{_ANY} and CW (corrected)"),
    Claim("PRX-6b", _MAY_BE, _OTHERS, f"{_ANY} and {' or '.join(_CANDIDATES)} (faithful)"),
    Claim(
        "PRX-7",
        _SLOWER,
        at_each(_ten_times_slower, _CASES),
        f"{_ANY} and CW, timed on a quiet machine",
        _LEVEL,
    ),
    Claim("PRX-8", "distillation defends against FGSM", at_each(_defends, Protocol), _FGSM_B),
    Claim("PRX-9", _HELPLESS, at_each(_does_not_help_against_cw, _CORRECTED), _CW_B),
    Claim("PRX-10", _CONFIDENT, at_each(_confident, praxis.MODELS, _FAITHFUL), _PICTURES, _LEVEL),
    Claim("PRX-11", _LEAVES, at_each(_leaves_the_top_5, *_EACH), _ANY),
    Claim("PRX-12", _RELATED, at_each(_fish, *_EACH), _PICTURES),
)

"""The claims of the ICBAI paper, judged by what was measured."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from math import inf
from operator import attrgetter
from typing import NamedTuple

import pandas as pd

from attacks import AdversarialPatch
from evaluation import Estimate, NotRun
from harness.arms import Case, Protocol, Role
from harness.claims import Claim, Finding, SpeaksOf, at_each
from harness.results import Results, run_by_key, selected, where_run
from harness.rule import Judgement, Ruling, direction, equality, level, most, throughout
from studies.icbai.classifiers import CASES, PROTOCOLS, SIDES
from studies.icbai.distillation import CASE, NOISE
from studies.icbai.measures import (
    UnderFgsm,
    mean,
    mean_difference,
    on_mnist,
    under_fgsm,
    under_patches,
)
from studies.icbai.profiles import PROFILES

SATURATED = 0.04  # an epsilon, as the sister study says (ICB-1)
TOLERANCE = 0.01  # a change of the error from there on (ICB-1)
MOST_DAMAGING, LEADS, PAIRS = "toaster", 8, 9  # pairs of network and size (ICB-3)
KEPT, NEAR_KEPT = 0.9291, 0.01  # an accuracy, and how near to it is as good (ICB-5)
SEEN_AT, INVISIBLE = 0.02, 1.5  # an epsilon, and the most grey levels there (ICB-6)

_COMPARED_WITH = {Role.CONTROL: "hard labels at T", Role.UNDEFENDED: "the undefended network"}
_AGAINST = {
    Protocol.FAITHFUL: "FGSM through saturated logits",
    Protocol.CORRECTED: "the worst of all attacks",
}


def _falls(fgsm: UnderFgsm) -> Finding:
    curve = fgsm.curve
    rising = curve.where(curve.epsilons < SATURATED * 1.001).correct[1:]
    steps = list(pairwise(rising))
    each = 1 - 0.05 / len(steps)  # of several steps, by Bonferroni
    back = sum(Estimate.paired(later, earlier, each).sign > 0 for earlier, later in steps)
    rise = Estimate.paired(rising[0], rising[-1])
    peak = int(curve.per_image.mean(axis=1).argmin())
    return Finding(
        f"{fgsm.label}, {fgsm.protocol}",
        Judgement(Ruling.REFUTED) if back else direction(rise),
        f"from {curve.epsilons[1]:g} to {SATURATED:g} the error changes by {rise.points()} points; "
        f"it falls significantly in {back} of {len(steps)} steps; it is highest at "
        f"{curve.epsilons[peak]:g}: {curve.errors[peak].percent()} %",
    )


def _saturates(fgsm: UnderFgsm) -> Finding:
    change = Estimate.paired(fgsm.curve.at(SATURATED), fgsm.curve.correct[-1])
    return Finding(
        f"{fgsm.label}, {fgsm.protocol}",
        equality(change, TOLERANCE),
        f"from {SATURATED:g} to {fgsm.curve.epsilons[-1]:g} the error changes by "
        f"{change.points()} points; criterion: within {100 * TOLERANCE:g} point",
    )


def _invisible(fgsm: UnderFgsm) -> Finding:
    seen, last = selected(fgsm.rows, epsilon=SEEN_AT).iloc[0], fgsm.rows.iloc[-1]
    return Finding(
        f"{fgsm.label}, {fgsm.protocol}, at {SEEN_AT:g}",
        Judgement(Ruling.CONFIRMED if seen["change"] <= INVISIBLE else Ruling.REFUTED),
        f"root mean square change {seen['change']:.2f} grey levels, PSNR {seen['psnr']:.1f} dB; at "
        f"{last['epsilon']:g} {last['change']:.2f} and {last['psnr']:.1f} dB; criterion: up to "
        f"{INVISIBLE:g} grey levels, which stands for the eye; no interval",
    )


def _by_fgsm(
    results: Results, case: Case, protocol: Protocol, judge: Callable[[UnderFgsm], Finding]
) -> Finding:
    return judge(under_fgsm(results, case, protocol))


def _grows_with_size(results: Results, case: Case, kind: str) -> Finding:
    patches = under_patches(results, case, kind)
    errors = patches.by_side()
    steps = [mean_difference(step) for _, step in errors.diff(axis=1).iloc[:, 1:].items()]
    if not steps:
        raise NotRun(f"{kind} patches of another size")
    clean = mean(patches.clean)
    listed = (f"{mean(error).percent()} % at {side} pixels" for side, error in errors.items())
    return Finding(
        f"{patches.label}, {kind} patches",
        throughout(steps, direction),
        f"mean error over classes and places: {', '.join(listed)}, and {clean.percent()} % of the "
        f"same {clean.images:,} images without a patch; from size to size it changes by "
        f"{', '.join(step.points() for step in steps)} points",
    )


class _Lead(NamedTuple):
    """The error with the most damaging patch less that with the worst other."""

    pair: str
    judgement: Judgement
    least: Estimate


def _lead(results: Results, case: Case, kind: str, side: int) -> _Lead:
    errors = under_patches(results, case, kind).errors
    if (side, MOST_DAMAGING) not in errors or len(errors[side].columns) < 2:
        raise NotRun(f"{kind} patches of a {MOST_DAMAGING} and another class, {side} pixels")
    others = errors[side].drop(columns=MOST_DAMAGING)
    over = [mean_difference(errors[side, MOST_DAMAGING] - other) for _, other in others.items()]
    least = min(over, key=attrgetter("value"))
    return _Lead(f"{case.model} {side} pixels", throughout(over, direction), least)


def _toaster_leads(every: Sequence[Results]) -> Iterator[Finding]:
    """Over all pairs of network and size; where one was run twice, the run of more images."""
    for kind in PROTOCOLS:
        run = [
            lead
            for results in every
            for lead in where_run(partial(_lead, results), CASES, [kind], SIDES)
        ]
        leads = {lead.pair: lead for lead in sorted(run, key=lambda lead: lead.least.images)}
        if not leads:
            continue
        pairs = max(PAIRS, len(leads))
        needed = pairs - pairs // PAIRS * (PAIRS - LEADS)
        listed = ", ".join(
            f"{lead.pair} {lead.least.points()} ({lead.judgement.ruling})"
            for _, lead in sorted(leads.items())
        )
        yield Finding(
            f"{kind} patches, all networks and sizes",
            most((lead.judgement for lead in leads.values()), needed, pairs),
            f"error with the {MOST_DAMAGING} less that with the worst other class, in points: "
            f"{listed}; criterion: it leads in {needed} of {pairs} pairs of network and size, of "
            f"which {len(leads)} were run",
        )


def _nowhere_alone(results: Results) -> Iterator[Finding]:
    """It takes all networks together."""
    return iter(())


def _better_than_fgsm(results: Results, case: Case, kind: str) -> Finding:
    patches = under_patches(results, case, kind)
    fgsm = under_fgsm(results, case, PROTOCOLS[kind])
    side, by_patch = list(patches.by_side().items())[-1]
    by_fgsm = pd.Series(1 - fgsm.curve.per_image[-1])
    both = pd.DataFrame({"patch": by_patch, "fgsm": by_fgsm}).dropna()
    gain, row = mean_difference(both["patch"] - both["fgsm"]), fgsm.rows.iloc[-1]
    fit = _shorter_fit(results, kind)
    if fit:  # only that the patch is ahead is decided
        gain = replace(gain, high=inf)
    patch = selected(patches.rows, patch_side=side).mean(numeric_only=True)
    return Finding(
        f"{patches.label}, {kind} patches",
        direction(gain),
        f"error {mean(both['patch']).percent()} % with {side} pixels against "
        f"{mean(both['fgsm']).percent()} % by FGSM at {row['epsilon']:g} ({row['units']}): a "
        f"difference of {gain.points()} points. Patch: {100 * patch['patch_share']:.2f} % of the "
        f"area, L-inf {255 * patch['mean_linf']:.0f} grey levels, L2 {patch['mean_l2']:.1f}; FGSM: "
        f"the whole image, L-inf {255 * row['mean_linf']:.1f} grey levels, L2 {row['mean_l2']:.1f}"
        f"{fit}",
    )


def _shorter_fit(results: Results, kind: str) -> str:
    """In words, how much shorter patches were fitted than in the paper profile; "" if as long."""
    here, paper = (
        next((plan for plan in PROFILES[name].patches if plan.kind == kind), None)
        for name in (results.run["profile"], "paper")
    )
    if here is None or paper is None or not isinstance(here.method, AdversarialPatch):
        return ""
    fits = [(each.fitted_on, each.method.epochs) for each in (here, paper)]
    if fits[0] == fits[1]:
        return ""
    images, epochs = zip(*fits, strict=True)
    return (
        f". The patch was fitted on {images[0]:,} images for {epochs[0]} epochs, in the paper "
        f"profile on {images[1]:,} for {epochs[1]}: a longer fit would raise its error, which is "
        "allowed for"
    )


def _keeps_accuracy(results: Results, protocol: Protocol) -> Finding:
    correct = on_mnist(results, protocol, Role.STUDENT).at(grey=NOISE)
    gains = []
    for role, other in run_by_key(partial(on_mnist, results, protocol), _COMPARED_WITH).items():
        gain = Estimate.paired(correct, other.at(grey=NOISE))
        gains.append(f"; gain over {_COMPARED_WITH[role]} {gain.points()} points")
    accuracy = Estimate.accuracy(correct)
    return Finding(
        f"{results.label(CASE)}, {protocol}, {_AGAINST[protocol]}",
        level(accuracy, KEPT, NEAR_KEPT),
        f"accuracy {accuracy.percent(2)} % of {accuracy.images:,} images; criterion: within "
        f"{100 * NEAR_KEPT:g} point of {100 * KEPT:g} %{''.join(gains)}",
    )


_FALLS = "FGSM lowers accuracy as epsilon grows from 0.01 on"
_SATURATES = "FGSM's damage saturates before 0.10"
_GROWS = "damage grows with the size of the patch"
_LEADS = "the toaster patch is the most damaging"
_MORE = "patches are more effective than FGSM"
_KEEPS = "the distilled MNIST network keeps 92.91 % under FGSM at 30 % noise"
_UNSEEN = "FGSM images cannot be told from clean ones by eye"

_BY_FGSM = "FGSM on a classifier of ImageNet's images"
_BY_PATCHES = "patches of at least two sizes on a classifier of ImageNet's images"
_TOASTERS = "patches of a toaster and of other classes on classifiers of ImageNet's images"
_BY_BOTH = "FGSM and patches on a classifier of ImageNet's images"
_ON_MNIST = "FGSM (corrected: every attack) on the student of MNIST"

_FGSM, _PATCHES = (CASES, Protocol), (CASES, PROTOCOLS)
CLAIMS = (
    Claim("ICB-1a", _FALLS, at_each(_by_fgsm, *_FGSM, [_falls]), _BY_FGSM),
    Claim("ICB-1b", _SATURATES, at_each(_by_fgsm, *_FGSM, [_saturates]), _BY_FGSM),
    Claim("ICB-2", _GROWS, at_each(_grows_with_size, *_PATCHES), _BY_PATCHES),
    Claim("ICB-3", _LEADS, _nowhere_alone, _TOASTERS, overall=_toaster_leads),
    Claim("ICB-4", _MORE, at_each(_better_than_fgsm, *_PATCHES), _BY_BOTH),
    Claim("ICB-5", _KEEPS, at_each(_keeps_accuracy, Protocol), _ON_MNIST, SpeaksOf.LEVEL),
    Claim("ICB-6", _UNSEEN, at_each(_by_fgsm, *_FGSM, [_invisible]), _BY_FGSM),
)

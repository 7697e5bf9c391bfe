"""The judges of NTU's claims about architectures and about how networks are trained."""

from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd

from evaluation import Curve, Estimate, NotRun, alike
from harness.arms import MAIN, Case, Protocol, Role
from harness.claims import Finding, at_each
from harness.links import Link
from harness.results import Results
from harness.rule import Judgement, Ruling, direction, level, together, within
from studies.ntu import arms, published
from studies.ntu.measures import in_range, measure, pair
from studies.ntu.profiles import PROFILES

_Variants = tuple[str, ...]
#: Undefended networks, each by its case and its variant.
_Networks = tuple[tuple[Case, str], ...]
_TRANSFER = [case for case in arms.PLACES if arms.NETWORKS[case.model].weights]
_TWINS: list[_Networks] = [((case, MAIN), (case, arms.FROM_SCRATCH)) for case in _TRANSFER]
#: By data set, as published, the best first.
_BY_ACCURACY: list[_Networks] = [
    tuple((Case(model, dataset), MAIN) for model in ("resnet50", "inception_v3", "vgg16"))
    for dataset in ("cifar10", "cifar100")
]
NEAR_PRINTED = 5  # percentage points (NTU-11)


def _more_vulnerable(results: Results, networks: _Networks, protocol: str, attack: str) -> Finding:
    """Whether the first network loses more accuracy than the second."""
    first, second = _curves(results, networks, protocol, attack)
    more = _loses_more(first, second)
    return Finding(
        f"{_named(results, networks)}, {protocol}, {attack}",
        direction(more),
        f"the first loses {more.points()} points more on {more.images:,} images that both classify "
        f"correctly, mean over 0.1 to 0.8; without attack {100 * first.correct[0].mean():.1f} and "
        f"{100 * second.correct[0].mean():.1f} %",
    )


def _transfer_is_vulnerable(results: Results, case: Case, protocol: str, attack: str) -> Finding:
    vgg = _vgg_beside(results, case)
    finding = _more_vulnerable(results, ((case, MAIN), (vgg, MAIN)), protocol, attack)
    with suppress(NotRun):
        networks = (case, arms.EQUAL_UPSAMPLING), (vgg, MAIN)
        more = _loses_more(*_curves(results, networks, protocol, attack))
        evidence = f"{finding.evidence}; with equal up-sampling {more.points()} more"
        return replace(finding, evidence=evidence)
    return finding


def _helps_transfer_more(results: Results, case: Case, protocol: str, attack: str) -> Finding:
    cases = case, _vgg_beside(results, case)
    curves = alike(*(curve for each in cases for curve in pair(results, each, protocol, attack)))
    student, plain, vgg_student, vgg = (curve.correct[1:].mean(axis=(0, 1)) for curve in curves)
    own, others = (Estimate.difference(gain) for gain in (student - plain, vgg_student - vgg))
    more = Estimate.difference(student - plain - (vgg_student - vgg), most=2.0)
    return Finding(
        f"{' and '.join(map(results.label, cases))}, {protocol}, {attack}",
        direction(more),
        f"mean gain over the undefended network {own.points()} and {others.points()} points, "
        f"difference {more.points()}, on the same {more.images:,} images",
    )


def _clean_level(results: Results, case: Case, split: str) -> Finding:
    link = Link("clean accuracy", (case,), split=split)
    measured = measure(results, link, Protocol.FAITHFUL)
    printed = published.clean_accuracy(case, split)
    return Finding(
        f"{results.label(case)}, faithful, {split} images",
        level(measured, printed, NEAR_PRINTED),
        f"published {printed:.1f}, measured {measured.text(1)} % of {measured.images:,} images; "
        f"criterion: within {NEAR_PRINTED} points",
    )


def _more_accurate(results: Results, networks: _Networks, protocol: str) -> Finding:
    """Whether each network is more accurate without attack than the next."""
    correct = [curve.correct[0] for curve in _curves(results, networks, protocol, "FGSM")]
    gaps = [Estimate.paired(better, worse) for better, worse in pairwise(correct)]
    return Finding(
        f"{_named(results, networks)}, {protocol}",
        together(map(direction, gaps)),
        f"accuracy {', '.join(Estimate.accuracy(each).percent() for each in correct)} % of the "
        f"same {correct[0].shape[1]:,} images; differences "
        f"{' and '.join(gap.points() for gap in gaps)} points",
    )


def _costs_time(results: Results, case: Case) -> Finding:
    rows = results.trained(case=case, protocol=Protocol.FAITHFUL, variant=MAIN)
    roles = (Role.UNDEFENDED, Role.TEACHER, Role.STUDENT)
    seconds = rows.groupby("role")["seconds"].mean().reindex(roles)
    if seconds.isna().any():
        raise NotRun(f"{', '.join(roles)} of {case}")
    undefended, teacher, student = seconds
    ratio = (teacher + student) / undefended
    return Finding(
        f"{results.label(case)}, faithful",
        Judgement(Ruling.CONFIRMED if ratio > 1 else Ruling.REFUTED),
        f"teacher and student took {ratio:.2g} times the undefended training; no interval, and "
        "other programs may have run meanwhile",
    )


def _differs(
    results: Results, case: Case, protocol: str, compared: tuple[_Variants, _Variants, str]
) -> Finding:
    """Whether a number is larger for the first networks; of several variants the best counts."""
    *variants, number = compared
    best = (
        _trained(results, case, protocol, each).sort_values("validation_accuracy")
        for each in variants
    )
    of_first, of_second = (rows.groupby("seed").last().eval(number) for rows in best)
    differences = list((of_first - of_second).dropna())
    if not differences:
        raise NotRun(f"{variants} of {case}, {protocol}")
    mean = Estimate.over_seeds(differences)
    listed = ", ".join(f"{100 * each:+.1f}" for each in differences)
    ours, control = (" or ".join(each).replace(MAIN, "the study's network") for each in variants)
    evidence = (
        f"{number.replace('_', ' ')} of {ours} less that of {control}: {mean.points()} points; by "
        f"seed {listed}"
    )
    return _of_seeds(results, case, protocol, direction(mean), evidence, mean.images)


def _learns_faster(results: Results, case: Case, protocol: str) -> Finding:
    variants = (MAIN, arms.FROM_SCRATCH)
    stages = [_trained(results, case, protocol, (variant,))["stage"] for variant in variants]
    both = pd.concat(stages, axis=1, join="inner").to_numpy()
    if not len(both):
        raise NotRun(f"twins of {case}, {protocol}")
    speed = Estimate.over_seeds([_speed(*map(results.history, each)) for each in both])
    evidence = (
        f"with ImageNet weights {speed.short()} times as fast, in seconds in which other programs "
        "may have run, to the best validation "
        "accuracy of the twin from scratch; 0 where it never gets there"
    )
    return _of_seeds(results, case, protocol, within(speed, least=1.0), evidence, speed.images)


def _speed(history: pd.DataFrame, twins: pd.DataFrame) -> float:
    """How many times as fast as its twin a network gets to the best accuracy of the twin."""
    best = twins["val_accuracy"].max()
    seconds, twins_seconds = (
        each["seconds"].cumsum()[each["val_accuracy"] >= best].min() for each in (history, twins)
    )
    return 0.0 if np.isnan(seconds) else float(twins_seconds / seconds)


def _vgg_beside(results: Results, case: Case) -> Case:
    """What a transfer-learning model is compared with, if the run has such a model."""
    scale = PROFILES[results.run["profile"]].scales.get(case.model)
    if not (scale and scale.pretrained):
        raise NotRun(f"{case} with ImageNet weights")
    return Case("vgg16", case.dataset)


def _curves(results: Results, networks: _Networks, protocol: str, attack: str) -> tuple[Curve, ...]:
    """Of the undefended networks, on the images that all were given."""
    place = protocol, Role.UNDEFENDED, attack
    return alike(*(in_range(results, case, *place, variant) for case, variant in networks))


def _named(results: Results, networks: _Networks) -> str:
    labels = [results.label(case) for case, _ in networks]
    variants = ["" if variant == MAIN else f" ({variant})" for _, variant in networks]
    return ", ".join(map("".join, zip(labels, variants, strict=True)))


def _loses_more(first: Curve, second: Curve) -> Estimate:
    """How much more accuracy the first loses, on images that both get right without attack."""
    right = first.correct[0] & second.correct[0]
    images = right.any(axis=0)
    if not images.any():
        raise NotRun("images that both networks classify correctly")
    more = second.correct[1:].mean(axis=0) - first.correct[1:].mean(axis=0)
    return Estimate.difference(more[:, images].mean(axis=0, where=right[:, images]))


def _trained(results: Results, case: Case, protocol: str, variants: _Variants) -> pd.DataFrame:
    """The undefended networks of some variants, by seed."""
    place = {"case": case, "protocol": protocol, "role": Role.UNDEFENDED}
    return results.trained(variant=variants, **place).set_index("seed")


def _of_seeds(
    results: Results, case: Case, protocol: str, judgement: Judgement, evidence: str, seeds: int
) -> Finding:
    without = "; no interval below three seeds" if seeds < 3 else ""
    where = f"{results.label(case)}, {protocol}"
    return Finding(where, judgement, evidence + without, counted="seeds")


_PLACES, _CURVES = (arms.PLACES, Protocol), (Protocol, arms.ATTACKS)
TRANSFER_IS_VULNERABLE = at_each(_transfer_is_vulnerable, _TRANSFER, *_CURVES)
WEIGHTS_ARE_VULNERABLE = at_each(_more_vulnerable, _TWINS, *_CURVES)
HELPS_TRANSFER_MORE = at_each(_helps_transfer_more, _TRANSFER, *_CURVES)
CLEAN_LEVEL = at_each(_clean_level, arms.CASES, ("test", "validation"))
IN_ORDER = at_each(_more_accurate, _BY_ACCURACY, Protocol)
COSTS_TIME = at_each(_costs_time, arms.PLACES)
WEIGHTS_ARE_FASTER = at_each(_learns_faster, _TRANSFER, Protocol)
WEIGHTS_ARE_PRECISE = at_each(_more_accurate, _TWINS, Protocol)
#: Of the first variants against the second, by which number.
_FROZEN = ((MAIN,), (arms.FROZEN,), "validation_accuracy")
_ERASING = ((arms.NO_ERASING,), (MAIN,), "train_accuracy - validation_accuracy")
_SGD = ((MAIN, *arms.RATES["SGD"]), tuple(arms.RATES["Adam"]), "test_accuracy")
NEEDS_BATCH_NORM, ERASING_HELPS, SGD_IS_BETTER = (
    at_each(_differs, *_PLACES, [compared]) for compared in (_FROZEN, _ERASING, _SGD)
)

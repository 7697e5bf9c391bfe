"""ICBAI's claims on ImageNet classifiers, judged by what was measured.

Each function gives (where, outcome, evidence) for every place where the claim can be judged on
its own. Errors are top-1 errors; differences are paired over images, with 95 % intervals.
"""

from collections.abc import Iterator

import numpy as np

from evaluation import bootstrap_mean, paired_difference
from evaluation.statistics import Paired
from harness.claims import CONFIRMED, REFUTED, UNDECIDED, by_sign
from harness.results import Results
from studies.icbai.classifiers import PROTOCOLS
from studies.icbai.measures import (
    cases,
    classes,
    fgsm_errors,
    fgsm_rows,
    patch_errors,
    patch_rows,
    places,
    sides,
)

Judged = Iterator[tuple[str, str, str]]

#: From here on the error is to stay within a point, as the sister study says.
SATURATED, TOLERANCE = 0.04, 0.01
#: Where FGSM is to be invisible, and how many grey levels that is at most.
SEEN_AT, INVISIBLE = 0.02, 1.5
#: Of the pairs of network and size that the toaster is to lead: eight of nine.
LEADS = 8 / 9
MOST_DAMAGING = "toaster"


def falls_and_saturates(results: Results) -> Judged:
    """ICB-1."""
    for case, protocol, epsilons, errors in _fgsm(results):
        where = f"{results.label(case)}, {protocol}"
        (start,) = np.flatnonzero(np.isclose(epsilons, SATURATED))
        rise = paired_difference(errors[start], errors[1])
        back = [paired_difference(errors[i], errors[i + 1]) for i in range(1, start)]
        # Of several steps, by Bonferroni.
        significant = sum(step.difference > 0 and step.p_value < 0.05 / len(back) for step in back)
        outcome = REFUTED if significant or rise.sign < 0 else UNDECIDED
        peak = int(errors.mean(axis=1).argmax())
        yield (
            f"{where}, falls",
            CONFIRMED if outcome != REFUTED and rise.sign > 0 else outcome,
            f"the error rises by {_points(rise)} from {epsilons[1]:g} to {SATURATED:g}; "
            f"{significant} significant steps back; highest at {epsilons[peak]:g}, "
            f"{_percent(errors[peak])}",
        )
        beyond = paired_difference(errors[-1], errors[start])
        outside = beyond.low > TOLERANCE or beyond.high < -TOLERANCE
        within = -TOLERANCE < beyond.low and beyond.high < TOLERANCE
        yield (
            f"{where}, saturates by {SATURATED:g}",
            REFUTED if outside else CONFIRMED if within else UNDECIDED,
            f"from there to {epsilons[-1]:g} the error changes by {_points(beyond)}; "
            f"confirmed within {100 * TOLERANCE:.0f} point",
        )


def grows_with_size(results: Results) -> Judged:
    """ICB-2."""
    for case, kind in places(results):
        errors = [patch_errors(results, case, kind, side) for side in sides(results)]
        steps = [_difference(larger, smaller) for smaller, larger in zip(errors, errors[1:])]
        found = ", ".join(
            f"{_percent(error)} at {side}"
            for side, error in zip(sides(results), errors, strict=True)
        )
        yield (
            _where(results, case, kind),
            by_sign([step.sign for step in steps]),
            f"mean error over classes and places: {found}; steps of "
            + ", ".join(map(_points, steps)),
        )


def toaster_leads(results: Results) -> Judged:
    """ICB-3."""
    names = classes(results)
    if MOST_DAMAGING not in names:
        return
    for kind in PROTOCOLS:
        leads, behind, ranks = 0, 0, []
        for case in [case for case, found in places(results) if found == kind]:
            for side in sides(results):
                errors = {name: patch_errors(results, case, kind, side, name) for name in names}
                means = {name: np.nanmean(error) for name, error in errors.items()}
                order = sorted(names, key=lambda name: -means[name])
                ranks.append(1 + order.index(MOST_DAMAGING))
                leads += ranks[-1] == 1
                behind += any(
                    _difference(errors[name], errors[MOST_DAMAGING]).sign > 0 for name in names
                )
        if not ranks:
            continue
        needed = LEADS * len(ranks)
        outcome = UNDECIDED
        if leads >= needed:
            outcome = CONFIRMED
        elif len(ranks) - behind < needed:
            outcome = REFUTED
        means = {name: _mean(results, kind, name) for name in names}
        yield (
            f"{kind} patches, all networks and sizes",
            outcome,
            f"first in {leads} of {len(ranks)} pairs of network and size, significantly behind "
            f"another class in {behind}; its ranks: {', '.join(map(str, ranks))}; mean errors: "
            + ", ".join(f"{name} {100 * means[name]:.1f} %" for name in names),
        )


def better_than_fgsm(results: Results) -> Judged:
    """ICB-4."""
    for case, kind in places(results):
        found = fgsm_errors(results, case, PROTOCOLS[kind])
        if found is None:
            continue
        side = sides(results)[-1]
        error = patch_errors(results, case, kind, side)
        by_fgsm = np.full(len(error), np.nan)
        common = min(len(error), found[1].shape[1])
        by_fgsm[:common] = found[1][-1, :common]
        by_fgsm[np.isnan(error)] = error[np.isnan(by_fgsm)] = np.nan
        gain = _difference(error, by_fgsm)
        rows = patch_rows(results)
        patch = rows[
            (rows["case"] == case) & (rows["patch"] == kind) & (rows["patch_side"] == side)
        ]
        fgsm = fgsm_rows(results, case, PROTOCOLS[kind]).iloc[-1]
        yield (
            _where(results, case, kind),
            by_sign([gain.sign]),
            f"error {_percent(error)} with {side} pixels against {_percent(by_fgsm)} by FGSM at "
            f"{found[0][-1]:g} ({fgsm['units']}): {_points(gain)}. Patch: "
            f"{100 * patch['patch_share'].iloc[0]:.2f} % of the area, L-inf "
            f"{255 * patch['mean_linf'].mean():.0f} grey levels, L2 "
            f"{patch['mean_l2'].mean():.1f}; FGSM: all of it, "
            f"{255 * fgsm['mean_linf']:.1f} and {fgsm['mean_l2']:.1f}. Distances are "
            "means over all images",
        )


def invisible(results: Results) -> Judged:
    """ICB-6."""
    for case, protocol, epsilons, _ in _fgsm(results):
        changes = grey_change(results, case, protocol)
        (at,) = np.flatnonzero(np.isclose(epsilons, SEEN_AT))
        yield (
            f"{results.label(case)}, {protocol}, at {SEEN_AT:g}",
            CONFIRMED if changes[at] <= INVISIBLE else REFUTED,
            f"root mean square change {changes[at]:.2f} grey levels, PSNR {psnr(changes[at]):.1f} "
            f"dB; at {epsilons[-1]:g} {changes[-1]:.2f} and {psnr(changes[-1]):.1f} dB; "
            f"confirmed up to {INVISIBLE:g} grey levels",
        )


def grey_change(results: Results, case: str, protocol: str) -> np.ndarray:
    """Root mean square change by FGSM in grey levels, float [1 + E], NaN first."""
    rows = fgsm_rows(results, case, protocol)
    values = results.examples[rows["arm"].iloc[0]]["images"][0].size
    return 255 * rows["mean_l2"].to_numpy() / np.sqrt(values)


def psnr(change: float) -> float:
    """In decibels, of a root mean square change in grey levels."""
    return 20 * np.log10(255 / change)


def _fgsm(results: Results) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    for case in cases(results):
        for protocol in PROTOCOLS.values():
            found = fgsm_errors(results, case, protocol)
            if found is not None:
                yield case, protocol, *found


def _where(results: Results, case: str, kind: str) -> str:
    return f"{results.label(case)}, {kind} patches"


def _difference(first: np.ndarray, second: np.ndarray) -> Paired:
    """Of errors [N], on the images that have both."""
    difference = first - second
    return bootstrap_mean(difference[~np.isnan(difference)])


def _mean(results: Results, kind: str, name: str) -> float:
    found = [
        patch_errors(results, case, kind, name=name) for case, of in places(results) if of == kind
    ]
    return float(np.mean([np.nanmean(error) for error in found]))


def _percent(errors: np.ndarray) -> str:
    return f"{100 * np.nanmean(errors):.1f} %"


def _points(paired: Paired) -> str:
    return (
        f"{100 * paired.difference:+.1f} points [{100 * paired.low:+.1f}, {100 * paired.high:+.1f}]"
    )

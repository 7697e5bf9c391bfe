"""What ICBAI's claims and report ask of the patches that were run."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from harness.results import Results
from studies.icbai.classifiers import CASES, PROTOCOLS


def patch_rows(results: Results) -> pd.DataFrame:
    """The rows of `results.table` with a patch on the images; none where no patch was run."""
    table = results.table
    if "placement" not in table:
        return pd.DataFrame(columns=[*table, "patch", "patch_side", "patch_class"])
    return table[table["placement"] > 0]


def cases(results: Results) -> list[str]:
    """The classifiers that were attacked."""
    there = set(results.table["case"])
    return [case for case in CASES.values() if case in there]


def patch_errors(
    results: Results, case: str, kind: str, side: int | None = None, name: str | None = None
) -> np.ndarray | None:
    """Top-1 error of every test image, float [N], averaged over placements.

    NaN for images that were not evaluated. An image that is wrong without a patch is an error.

    Args:
        kind: "pasted" or "trained".
        side, name: of the patch; `None` for the mean over all of them that the image was given.
    """
    rows = patch_rows(results)
    rows = rows[(rows["case"] == case) & (rows["patch"] == kind)]
    if side is not None:
        rows = rows[rows["patch_side"] == side]
    if name is not None:
        rows = rows[rows["patch_class"] == name]
    if rows.empty:
        return None
    arms = list(dict.fromkeys(rows["arm"]))
    count = 1 + max(results.patches[arm]["rows"].max() for arm in results.patches)
    total, times = np.zeros(count), np.zeros(count)
    for arm in arms:
        evaluated = results.patches[arm]["rows"]
        total[evaluated] += 1 - results.correct[arm][1:].mean(axis=0)
        times[evaluated] += 1
    return np.divide(total, times, out=np.full(count, np.nan), where=times > 0)


def places(results: Results) -> Iterator[tuple[str, str]]:
    """(case, kind) of all patches."""
    for case in cases(results):
        for kind in PROTOCOLS:
            if patch_errors(results, case, kind) is not None:
                yield case, kind


def sides(results: Results) -> list[int]:
    return sorted(int(side) for side in patch_rows(results)["patch_side"].unique())


def classes(results: Results) -> list[str]:
    return [str(name) for name in patch_rows(results)["patch_class"].unique()]


def fgsm_errors(results: Results, case: str, protocol: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Epsilons [1 + E] in the units of the arm, 0 first, and top-1 errors, bool [1 + E, N]."""
    found = results.outcomes(case, protocol, "undefended", "FGSM")
    if found is None:
        return None
    rows = fgsm_rows(results, case, protocol)
    return rows["epsilon"].to_numpy(), ~found[1][:, 0]


def fgsm_rows(results: Results, case: str, protocol: str) -> pd.DataFrame:
    table = results.table
    return table[
        (table["case"] == case) & (table["protocol"] == protocol) & (table["attack"] == "FGSM")
    ]


def most_damaging_side(results: Results, kind: str) -> int | None:
    """The side of the patches with the highest error, averaged over the networks."""
    found = [case for case, of in places(results) if of == kind]
    if not found:
        return None
    return max(
        sides(results),
        key=lambda side: np.mean(
            [np.nanmean(patch_errors(results, case, kind, side)) for case in found]
        ),
    )

"""What was measured of ICBAI: accuracies under attack, and top-1 errors under patches."""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd

from evaluation import Curve, Estimate
from harness.arms import Case, Protocol
from harness.links import Link
from harness.results import Results
from studies.icbai.classifiers import CASES, PROTOCOLS


def measure(results: Results, link: Link, protocol: Protocol) -> Estimate | None:
    """The accuracy of the distilled network, or the side of the patches that do most damage.

    The accuracy is that under FGSM in the faithful protocol, under all attacks in the corrected.
    """
    if link.kind == "most damaging side":
        return _most_damaging_side(results, protocol)
    attack = {"attack": link.attacks} if protocol == Protocol.FAITHFUL else {}
    curve = results.compared_curve(link.cases[0], protocol, link.role, **attack)
    if curve is None:
        return None
    return Estimate.accuracy(curve.at(grey=link.epsilon_grey)).times(link.factor)


class UnderFgsm(NamedTuple):
    """One classifier under FGSM.

    Its rows, by epsilon, have "change", the root mean square change in grey levels, and "psnr",
    in decibels.
    """

    case: Case
    label: str
    protocol: Protocol
    curve: Curve
    rows: pd.DataFrame


def under_fgsm(results: Results) -> Iterator[UnderFgsm]:
    """Every classifier and protocol that FGSM was run on."""
    for case, protocol in product(CASES, Protocol):
        place = {"case": case, "protocol": protocol, "attack": "FGSM"}
        curve, rows = results.curve(**place), results.select(**place)
        if curve is not None:
            values = results.examples[rows["arm"].iloc[0]]["images"][0].size
            change = 255 * rows["mean_l2"] / np.sqrt(values)
            rows = rows.assign(change=change, psnr=20 * np.log10(255 / change))
            yield UnderFgsm(case, results.label(case), protocol, curve, rows)


class UnderPatches(NamedTuple):
    """One classifier under the patches of one kind, with the rows where they are on the images.

    Its errors are the share of its places at which a patch makes the network err: a row for every
    test image, a column for every (side, class); NaN where an image was not given the patch.
    """

    case: Case
    label: str
    kind: str
    rows: pd.DataFrame
    errors: pd.DataFrame

    def by_side(self) -> pd.DataFrame:
        """The errors under the patches of each size, ascending: means over the classes."""
        return self.errors.T.groupby(level=0).mean().T


def under_patches(results: Results) -> Iterator[UnderPatches]:
    """Every classifier and kind of patches that were run."""
    if "placement" not in results.table:
        return
    for case, kind in product(CASES, PROTOCOLS):
        rows = results.select(case=case, patch=kind)
        rows = rows[rows["placement"] > 0]
        errors = {}
        for row in rows.drop_duplicates("arm").itertuples():
            per_image = 1 - results.correct[row.arm][1:].mean(axis=0)
            tested = results.patches[row.arm]["rows"]
            errors[int(row.patch_side), row.patch_class] = pd.Series(per_image, tested)
        if errors:
            yield UnderPatches(case, results.label(case), kind, rows, pd.DataFrame(errors))


def mean(errors: pd.Series) -> Estimate:
    """Of the errors of images, or of their differences; NaN is left out."""
    return Estimate.mean(errors.dropna().to_numpy())


def _most_damaging_side(results: Results, protocol: Protocol) -> Estimate | None:
    found = [each for each in under_patches(results) if PROTOCOLS[each.kind] == protocol]
    if not found:
        return None
    damage = pd.DataFrame([each.by_side().mean() for each in found]).mean()
    return Estimate(damage.idxmax(), images=int(max(each.rows["images"].max() for each in found)))

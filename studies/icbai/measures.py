"""What was measured of ICBAI: accuracies under attack, and top-1 errors under patches."""

import math
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from evaluation import Curve, Estimate, NotRun
from harness.arms import Case, Protocol
from harness.links import Link
from harness.results import Results, where_run
from studies.icbai.classifiers import PROTOCOLS
from studies.icbai.distillation import CASE, WITHIN_EPSILON


def measure(results: Results, link: Link, protocol: Protocol) -> Estimate:
    """The accuracy of the distilled network, or the side of the patches that do most damage."""
    if link.kind == "accuracy under attack":
        correct = on_mnist(results, protocol, link.role).at(grey=link.epsilon_grey)
        return Estimate.accuracy(correct).times(link.factor)
    kinds = [kind for kind, shown_in in PROTOCOLS.items() if shown_in == protocol]
    patched = list(where_run(partial(under_patches, results), link.cases, kinds))
    if not patched:
        raise NotRun(f"patches, {protocol}")
    damage = pd.DataFrame([each.by_side().mean() for each in patched]).mean()
    return Estimate(damage.idxmax(), images=int(max(each.rows["images"].max() for each in patched)))


def on_mnist(results: Results, protocol: Protocol, role: str) -> Curve:
    """One network, faithful under FGSM, corrected under the worst of all attacks; raises NotRun."""
    attack = "FGSM" if protocol == Protocol.FAITHFUL else WITHIN_EPSILON
    return results.compared_curve(CASE, protocol, role, attack=attack)


class UnderFgsm(NamedTuple):
    """One classifier under FGSM.

    Its rows, by epsilon, have "change", the root mean square change in grey levels, "psnr", in
    decibels, and "error", an Estimate.
    """

    case: Case
    label: str
    protocol: Protocol
    curve: Curve
    rows: pd.DataFrame


def under_fgsm(results: Results, case: Case, protocol: Protocol) -> UnderFgsm:
    """One classifier in one protocol; raises NotRun."""
    place = {"case": case, "protocol": protocol, "attack": "FGSM"}
    curve, rows = results.curve(**place), results.select(**place)
    # The images shown are none where the network was right on none.
    values = math.prod(results.examples[rows["arm"].iloc[0]]["images"].shape[1:])
    change = 255 * rows["mean_l2"] / np.sqrt(values)
    rows = rows.assign(change=change, psnr=20 * np.log10(255 / change), error=curve.errors)
    return UnderFgsm(case, results.label(case), protocol, curve, rows)


class UnderPatches(NamedTuple):
    """One classifier under the patches of one kind.

    Its rows, one for each patch, are means over the "places" that the patch is put at; their
    "error" is an Estimate. Its errors are the share of places at which a patch makes the network
    err: a row for every test image, a column for every (side, class); NaN where an image was not
    given the patch. Clean has the errors of these images without a patch.
    """

    case: Case
    label: str
    kind: str
    rows: pd.DataFrame
    errors: pd.DataFrame
    clean: pd.Series

    def by_side(self) -> pd.DataFrame:
        """The errors under the patches of each size, ascending: means over the classes."""
        return self.errors.T.groupby(level=0).mean().T


def under_patches(results: Results, case: Case, kind: str) -> UnderPatches:
    """One classifier under the patches of one kind; raises NotRun."""
    if "placement" not in results.table:
        raise NotRun("patches")
    placed = results.select(case=case, patch=kind).query("placement > 0")
    if placed.empty:
        raise NotRun(f"{kind} patches on {case}")
    patch = ["arm", "model", "patch", "patch_side", "patch_class"]
    by_patch = placed.astype({"patch_side": int}).groupby(patch, sort=False)
    rows = by_patch.mean(numeric_only=True).assign(places=by_patch.size()).reset_index()
    clean, errors = {}, {}
    for row in rows.itertuples():
        without, *placed = 1 - results.correct[row.arm]
        place, tested = (row.patch_side, row.patch_class), results.patches[row.arm]["rows"]
        clean[place] = pd.Series(without, tested)
        errors[place] = pd.Series(np.mean(placed, axis=0), tested)
    rows["error"] = list(map(mean, errors.values()))
    frames = pd.DataFrame(errors), pd.DataFrame(clean).mean(axis=1)
    return UnderPatches(case, results.label(case), kind, rows, *frames)


def mean(errors: pd.Series) -> Estimate:
    """Of the errors of images, NaN left out; with Wilson's interval, which is wide enough."""
    known = errors.dropna()
    return Estimate.share(known.mean(), len(known))


def mean_difference(errors: pd.Series) -> Estimate:
    """Of differences of the errors of images, NaN left out."""
    return Estimate.difference(errors.dropna().to_numpy())

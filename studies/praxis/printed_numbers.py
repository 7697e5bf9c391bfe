"""What the printed numbers of Praxis show of its audit by themselves."""

from functools import cache

import numpy as np
import pandas as pd

from harness.links import printed, read_published
from harness.results import selected
from studies.praxis import arms as praxis
from studies.praxis.claims import SATURATED
from studies.praxis.published import FOLDER

_CLEAN, _UNDER_FGSM, _UNDER_CW = (
    ("Table 1",),
    ("Table 4", "Table 5", "Table 6"),
    ("Table 8", "Table 9", "Table 10"),
)
#: Confidences of the shown images: without attack, under FGSM and under CW.
_SHOWN = "Table 2", "Table 3", "Table 7"
#: By how much five numbers that are rounded to four decimals may add up to more than 1.
_ROUNDED = 5 * 0.00005 + 1e-9


@cache
def errors(*tables: str) -> pd.Series:
    """In percent, by model, metric and epsilon in percent (0 without attack)."""
    metrics = ("top-1 error", "top-5 error")
    rows = selected(read_published(FOLDER), table=tables, metric=metrics)
    rows = rows.replace({"epsilon": {"": "0"}}).astype({"epsilon": int, "value": float})
    return rows.set_index(["model", "metric", "epsilon"])["value"]


@cache
def confidences(table: str) -> pd.DataFrame:
    """The "confidence" and the class "predicted", by index of the image and rank."""
    rows = selected(read_published(FOLDER), table=table)
    shown = rows["metric"].str.extract(r"image (?P<image>\d+): confidence of rank-(?P<rank>\d)")
    shown["confidence"] = rows["value"].astype(float)
    shown["predicted"] = rows["note"].str.extract("predicted class: ([^;]+)")[0]
    return shown.astype({"image": int, "rank": int}).set_index(["image", "rank"])


def five_thousand_images() -> str:
    """PRX-A1."""
    cents = (100 * errors(*_CLEAN, *_UNDER_FGSM, *_UNDER_CW)).round().astype(int)
    in_fifties, in_twenty_fives = (int((cents % step == 0).sum()) for step in (2, 4))
    batches, size = int(printed(FOLDER, measures="batches")), praxis.ITERATION
    return (
        f"{in_fifties} of the {len(cents)} printed error rates are multiples of 0.02 %, one of "
        f"5,000 images, and {in_twenty_fives} are multiples of 0.04 %; {batches} batches of {size} "
        f"are {(batches - 1) * size + 1:,} to {batches * size:,} images."
    )


def cw_repeats_fgsm() -> str:
    """PRX-A3."""
    fgsm, cw = errors(*_UNDER_FGSM), errors(*_UNDER_CW)
    is_equal = np.isclose(fgsm.reindex(cw.index), cw)
    top_1 = cw.index.get_level_values("metric") == "top-1 error"
    first, second = (confidences(table) for table in _SHOWN[1:])
    same = int((first == second.reindex(first.index)).all(axis=1).sum())
    return (
        f"{is_equal.sum()} of the {len(cw)} printed errors under CW equal those under FGSM, and "
        f"{is_equal[top_1].sum()} of the {top_1.sum()} top-1 errors; {same} of {len(first)} "
        "confidences and classes of the shown images do."
    )


def swapped_rows() -> str:
    """PRX-A4."""
    clean, attacked = (confidences(table)["predicted"] for table in _SHOWN[:2])
    of_23 = {*clean[23]} - {*clean.xs(1, level="rank")}
    shared = {image: len(of_23 & {*attacked[image]}) for image in (23, 18)}
    return (
        f"Besides the classes shown, table 2 gives {len(of_23)} classes for image 23; "
        f"{shared[23]} of them are in table 3 for image 23, and {shared[18]} for image 18. Under "
        f"FGSM table 3 has {attacked[23, 1]} first for image 23, which is first in table 2 for "
        f"image {clean.xs(1, level='rank').eq(attacked[23, 1]).idxmax()}."
    )


def sums_of_confidences() -> str:
    """PRX-A5."""
    sums = {
        (table, image): total
        for table in _SHOWN
        for image, total in confidences(table)["confidence"].groupby("image").sum().items()
    }
    beyond = {place: total for place, total in sums.items() if total > 1 + _ROUNDED}
    listed = ", ".join(
        f"{table.lower()}, image {image}: {total:.4f}" for (table, image), total in beyond.items()
    )
    return (
        f"{len(beyond)} of {len(sums)} lists of five confidences exceed a sum of 1 by more than "
        f"rounding allows ({listed})."
    )


def after_four_percent() -> str:
    """PRX-A6."""
    fgsm = errors(*_UNDER_FGSM).unstack("epsilon")
    at, last = round(100 * SATURATED), fgsm.columns.max()
    changes = fgsm[last] - fgsm[at]
    listed = ", ".join(
        f"{changes[model, 'top-1 error']:+.2f} and {changes[model, 'top-5 error']:+.2f} ({model})"
        for model in praxis.PRINTED_NAMES
    )
    return (
        f"From {at} to {last} % the printed top-1 and top-5 errors change, in points, by {listed}."
    )


def distilled_above_clean() -> str:
    """PRX-A8."""
    before, after = (
        printed(FOLDER, metric=f"accuracy {when}")
        for when in ("before attack and before distillation", "after distillation")
    )
    return (
        f"The printed accuracy after distillation, {after:g}, less that of the network before it, "
        f"without attack, {before:g}, is {after - before:+.2f}."
    )


def times() -> str:
    """PRX-A10."""
    rows = selected(read_published(FOLDER), measures="seconds per iteration")
    seconds = rows.astype({"value": float}).pivot(index="model", columns="attack", values="value")
    ratios = seconds["CW"] / seconds["FGSM"]
    listed = ", ".join(f"{ratios[model]:.1f} on {model}" for model in praxis.PRINTED_NAMES)
    fastest, slowest = seconds["FGSM"].idxmin(), seconds["CW"].idxmax()
    return (
        f"The printed time of CW is so many times that of FGSM: {listed}; FGSM is fastest on "
        f"{fastest}, and CW slowest on {slowest}."
    )

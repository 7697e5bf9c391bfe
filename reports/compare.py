"""Puts a measurement beside every published number."""

from typing import Any

import numpy as np
import pandas as pd

from evaluation import Estimate
from harness.arms import Protocol
from harness.links import Link
from harness.results import Results
from harness.study import Study


def compare(study: Study, results: Results) -> pd.DataFrame:
    """The published rows with what was measured, in the unit that was published.

    Adds `kind`, `status` ("measured", "not run", "as published", "differs", "claim",
    "background", "no counterpart"), for times `ratio` and `ratio_to` of the link, and for each
    protocol the measured value with its 95 % interval and the number of images.
    """
    rows = []
    for _, row in study.published.iterrows():
        link = study.link(row)
        more: dict[str, Any] = {"kind": link.kind, "remark": link.remark}
        if link.ratio is not None:
            more |= {"ratio": link.ratio, "ratio_to": link.ratio_to}
        if link.kind == "setting":
            more["setting"] = link.setting
        if link.is_measured:
            measured = {
                protocol: study.measure(results, link, Protocol(protocol))
                for protocol in study.compared
            }
            for protocol, estimate in measured.items():
                more |= _cells(protocol, estimate)
            more["status"] = "measured" if any(measured.values()) else "not run"
        else:
            more["status"] = _status(link, row["value"])
        rows.append({**row, **more})
    return pd.DataFrame(rows)


def estimate_in(row: pd.Series, protocol: str) -> Estimate | None:
    """What `compare` wrote of a protocol; `None` where nothing was measured."""
    images = row[f"{protocol}_images"]
    if pd.isna(images):
        return None
    value, low, high = (row[f"{protocol}{end}"] for end in ("", "_low", "_high"))
    return Estimate(value, low, high, int(images))


def _cells(protocol: str, estimate: Estimate | None) -> dict[str, float]:
    if estimate is None:
        values = (np.nan,) * 4
    else:
        values = (estimate.value, estimate.low, estimate.high, estimate.images)
    names = ("", "_low", "_high", "_images")
    return {f"{protocol}{name}": value for name, value in zip(names, values, strict=True)}


def _status(link: Link, published: str) -> str:
    if link.kind != "setting":
        return link.kind
    return "as published" if np.isclose(link.setting, float(published)) else "differs"

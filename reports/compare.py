"""Puts a measurement beside every published number."""

from contextlib import suppress

import numpy as np
import pandas as pd

from evaluation import Estimate, NotRun
from harness.arms import Protocol
from harness.links import Link
from harness.results import Results
from harness.study import Study

_OF_LINKS = ("kind", "remark", "setting", "ratio", "ratio_to")
#: How the columns of a protocol end, and what of an estimate they hold.
_ENDS = (("", "value"), ("_low", "low"), ("_high", "high"), ("_images", "images"))


def compare(study: Study, results: Results) -> pd.DataFrame:
    """The published rows with what was measured, in the unit that was published.

    Adds `kind`, `remark`, `setting`, `ratio` and `ratio_to` of the link; `status` ("measured",
    "not run", "as published", "differs", "claim", "background", "no counterpart"); and for each
    protocol the measured value with its 95 % interval and the number of images.
    """
    rows = []
    for _, row in study.published.iterrows():
        link = study.link(row)
        cells = {name: getattr(link, name) for name in _OF_LINKS}
        cells["status"] = _status(link, row["value"])
        for protocol in study.compared:
            estimate = None
            if link.is_measured:
                with suppress(NotRun):
                    estimate = study.measure(results, link, Protocol(protocol))
                    cells["status"] = "measured"
            cells |= {f"{protocol}{end}": getattr(estimate, of, np.nan) for end, of in _ENDS}
        rows.append({**row, **cells})
    return pd.DataFrame(rows)


def estimate_in(row: pd.Series, protocol: str) -> Estimate | None:
    """What `compare` wrote of a protocol; `None` where nothing was measured."""
    images = row[f"{protocol}_images"]
    if pd.isna(images):
        return None
    return Estimate(*(row[f"{protocol}{end}"] for end in ("", "_low", "_high")), int(images))


def _status(link: Link, published: str) -> str:
    if link.is_measured:
        return "not run"
    if link.kind != "setting":
        return link.kind
    return "as published" if np.isclose(link.setting, float(published)) else "differs"

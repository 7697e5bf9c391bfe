"""Puts a measurement beside every published number."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from harness.links import Link

#: (value, low, high, images) of a link in a protocol, or `None` where nothing was run.
Measure = Callable[[Link, str], tuple[float, float, float, float] | None]


def compare(
    published: pd.DataFrame,
    link: Callable[[pd.Series], Link],
    measure: Measure,
    protocols: Sequence[str],
) -> pd.DataFrame:
    """The published rows with what was measured, in the unit that was published.

    Adds `kind`, `status` ("measured", "not run", "as published", "differs", "claim",
    "background", "no counterpart"), for times `ratio` and `ratio_to` of the link, and for each
    protocol the measured value with its 95 % interval and the number of images.
    """
    rows = []
    for _, row in published.iterrows():
        tied = link(row)
        found = {"kind": tied.kind, "remark": tied.remark}
        if tied.ratio is not None:
            found |= {"ratio": tied.ratio, "ratio_to": tied.ratio_to}
        if tied.is_measured:
            for protocol in protocols:
                found |= _columns(protocol, measure(tied, protocol))
            measured = any(pd.notna(found[f"{protocol}_images"]) for protocol in protocols)
            found["status"] = "measured" if measured else "not run"
        elif tied.kind == "setting":
            found["setting"] = tied.setting
            same = np.isclose(tied.setting, float(row["value"]))
            found["status"] = "as published" if same else "differs"
        else:
            found["status"] = tied.kind
        rows.append({**row, **found})
    return pd.DataFrame(rows)


def _columns(protocol: str, value: tuple | None) -> dict:
    measured, low, high, images = value or (np.nan,) * 4
    return {
        protocol: measured,
        f"{protocol}_low": low,
        f"{protocol}_high": high,
        f"{protocol}_images": images,
    }

"""Puts a measurement beside every published number."""

from enum import StrEnum
from operator import attrgetter

import numpy as np
import pandas as pd

from evaluation import Estimate, NotRun
from evaluation.busy import NotTimed
from harness.arms import Protocol
from harness.claims import Standing
from harness.links import Link
from harness.results import Results, selected
from harness.study import Study

_OF_LINKS = ("kind", "remark", "setting", "ratio", "ratio_to")
#: How the columns of a protocol end, and what of an estimate they hold.
_ENDS = (("", "value"), ("_low", "low"), ("_high", "high"), ("_images", "images"))


class Status(StrEnum):
    """What became of a published number, what is nearest to the study first."""

    PUBLISHED = "measured as published"
    REDUCED = "measured at a reduced size"
    OTHER_NETWORK = "measured on a stand-in network"
    OTHER_DATA = "measured on stand-in data"
    CLAIM = "judged as a claim"
    NOT_TIMED = "not timed on a quiet machine"
    NOT_RUN = "not run"
    NO_COUNTERPART = "not measurable here"
    SETTING = "setting as published"
    CHANGED = "setting changed"
    BACKGROUND = "background"

    @property
    def is_result(self) -> bool:
        return self not in (Status.SETTING, Status.CHANGED, Status.BACKGROUND)

    @property
    def is_measured(self) -> bool:
        """Whether a measurement on the study's own data stands beside the number."""
        return self in (Status.PUBLISHED, Status.REDUCED, Status.OTHER_NETWORK)


_MEASURED = {
    Standing.PUBLISHED: Status.PUBLISHED,
    Standing.REDUCED: Status.REDUCED,
    Standing.STAND_IN: Status.OTHER_DATA,
}
_NOT_MEASURED = {
    "claim": Status.CLAIM,
    "background": Status.BACKGROUND,
    "no counterpart": Status.NO_COUNTERPART,
}


def compare(study: Study, results: Results) -> pd.DataFrame:
    """The published rows with what was measured, in the unit that was published.

    Adds `kind`, `remark`, `setting`, `ratio` and `ratio_to` of the link; `status`, a `Status`;
    `on`, the cases that stand in for those of the study where they were measured; and for each
    protocol the measured value with its 95 % interval and the number of images.
    """
    rows = []
    for _, row in study.published.iterrows():
        link = study.link(row)
        status, on, estimates = _beside(study, results, link, row["value"])
        cells = {name: getattr(link, name) for name in _OF_LINKS} | {"status": status, "on": on}
        for protocol in study.compared:
            estimate = estimates.get(protocol)
            cells |= {f"{protocol}{end}": getattr(estimate, of, np.nan) for end, of in _ENDS}
        rows.append({**row, **cells})
    return pd.DataFrame(rows)


def _beside(
    study: Study, results: Results, link: Link, published: str
) -> tuple[Status, str, dict[str, Estimate]]:
    """What became of a number, on which stand-ins, and what was measured by protocol."""
    if link.kind == "setting":
        is_same = np.isclose(link.setting, float(published))
        return Status.SETTING if is_same else Status.CHANGED, "", {}
    if not link.is_measured:
        return _NOT_MEASURED[link.kind], "", {}
    estimates, otherwise = _measured(study, results, link)
    if estimates:
        return _MEASURED[study.standing(results)], "", estimates
    if link.on_stand_ins:
        estimates, _ = _measured(study, results, link.on_stand_ins)
        if estimates:
            status = _MEASURED[study.standing(results)]
            status = status if status == Status.OTHER_DATA else Status.OTHER_NETWORK
            return status, ", ".join(map(str, link.stand_ins)), estimates
    return otherwise, "", {}


def _measured(study: Study, results: Results, link: Link) -> tuple[dict[str, Estimate], Status]:
    """By protocol, in those that were run; and what became of a number that has none."""
    estimates, otherwise = {}, Status.NOT_RUN
    for protocol in study.compared:
        try:
            estimates[protocol] = study.measure(results, link, Protocol(protocol))
        except NotTimed:
            otherwise = Status.NOT_TIMED
        except NotRun:
            pass
    return estimates, otherwise


def measured_in(comparison: pd.DataFrame) -> pd.DataFrame:
    """The rows of `compare` with a measurement beside them, on whatever data."""
    return selected(
        comparison, status=(*filter(attrgetter("is_measured"), Status), Status.OTHER_DATA)
    )


def estimate_in(row: pd.Series, protocol: str) -> Estimate | None:
    """What `compare` wrote of a protocol; `None` where nothing was measured."""
    images = row[f"{protocol}_images"]
    if pd.isna(images):
        return None
    return Estimate(*(row[f"{protocol}{end}"] for end in ("", "_low", "_high")), int(images))

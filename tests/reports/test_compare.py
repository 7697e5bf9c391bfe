"""What a comparison says of published numbers, and reads back."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pandas as pd

from evaluation import Estimate, NotRun
from harness.links import Link
from reports.compare import compare, estimate_in

PUBLISHED = pd.DataFrame(
    [
        {"metric": "accuracy", "value": "50.0"},
        {"metric": "as published", "value": "0.5"},
        {"metric": "another value", "value": "1"},
        {"metric": "quoted", "value": "7"},
        {"metric": "nowhere", "value": "8"},
        {"metric": "time", "value": "9"},
    ]
)
LINKS = {
    "accuracy": Link("accuracy under attack", role="student"),
    "as published": Link("setting", setting=0.5),
    "another value": Link("setting", setting=2.0),
    "quoted": Link("background"),
    "nowhere": Link("no counterpart", remark="no tables"),
    "time": Link("time ratio", ratio=3.0, ratio_to="to the clean images"),
}


@dataclass
class Measured:
    """A measure that gives the same estimate, and remembers what it was asked."""

    estimate: Estimate | None
    asked: list = field(default_factory=list)

    def __call__(self, results, link, protocol):
        self.asked.append((link.kind, protocol))
        if self.estimate is None or protocol != "corrected":
            raise NotRun(protocol)
        return self.estimate


def compared(estimate: Estimate | None) -> tuple[pd.DataFrame, Measured]:
    measure = Measured(estimate)
    study = SimpleNamespace(
        published=PUBLISHED,
        link=lambda row: LINKS[row["metric"]],
        measure=measure,
        compared={"faithful": None, "corrected": None},
    )
    return compare(study, None), measure


def test_what_was_not_run_is_said_and_not_filled_in():
    table, measure = compared(None)
    assert list(table["status"]) == [
        "not run",
        "as published",
        "differs",
        "background",
        "no counterpart",
        "not run",
    ]
    assert table["remark"][4] == "no tables"
    assert table[["faithful", "corrected"]].isna().all(axis=None)
    assert {kind for kind, _ in measure.asked} == {"accuracy under attack", "time ratio"}


def test_a_measurement_stands_beside_the_published_number_with_its_interval():
    table, _ = compared(Estimate(0.4, 0.3, 0.5, 20))
    row = table.iloc[0]
    assert row["status"] == "measured" and row["value"] == "50.0"
    assert list(row[["corrected", "corrected_low", "corrected_high", "corrected_images"]]) == [
        0.4,
        0.3,
        0.5,
        20,
    ]
    assert row[["faithful", "faithful_images"]].isna().all()
    again = estimate_in(row, "corrected")
    assert (again.value, again.low, again.high, again.images) == (0.4, 0.3, 0.5, 20)
    assert estimate_in(row, "faithful") is None
    assert table["ratio"][5] == 3.0 and table["ratio_to"][5] == "to the clean images"


def test_a_number_that_there_is_not_is_a_measurement():
    table, _ = compared(Estimate(np.nan, images=10))
    assert table["status"][0] == "measured" and np.isnan(table["corrected"][0])

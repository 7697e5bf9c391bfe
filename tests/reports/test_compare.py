"""What a comparison says of published numbers, and reads back."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from evaluation import Estimate, NotRun
from evaluation.busy import NotTimed
from harness.claims import Standing
from harness.links import Link
from reports.compare import Status, compare, estimate_in

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
    """A measure that gives the same estimate, and remembers what it was asked.

    `fails` has the errors of protocols without an estimate, those not listed were not run.
    """

    estimate: Estimate | None
    fails: dict[str, NotRun] = field(default_factory=dict)
    asked: list = field(default_factory=list)

    def __call__(self, results, link, protocol):
        self.asked.append((link.kind, protocol))
        if self.estimate is None or protocol != "corrected":
            raise self.fails.get(protocol, NotRun(protocol))
        return self.estimate


def compared(
    estimate: Estimate | None, standing: Standing = Standing.REDUCED, **fails: NotRun
) -> tuple[pd.DataFrame, Measured]:
    measure = Measured(estimate, fails)
    study = SimpleNamespace(
        published=PUBLISHED,
        link=lambda row: LINKS[row["metric"]],
        measure=measure,
        compared={"faithful": None, "corrected": None},
        standing=lambda results: standing,
    )
    return compare(study, None), measure


def test_what_was_not_run_is_said_and_not_filled_in():
    table, measure = compared(None)
    assert list(table["status"]) == [
        Status.NOT_RUN,
        Status.SETTING,
        Status.CHANGED,
        Status.BACKGROUND,
        Status.NO_COUNTERPART,
        Status.NOT_RUN,
    ]
    assert table["remark"][4] == "no tables"
    assert table[["faithful", "corrected"]].isna().all(axis=None)
    assert {kind for kind, _ in measure.asked} == {"accuracy under attack", "time ratio"}


@pytest.mark.parametrize("busy", ["faithful", "corrected"])
def test_what_was_timed_on_a_busy_machine_only_is_told_from_what_was_not_run(busy):
    table, _ = compared(None, **{busy: NotTimed(busy)})
    assert table["status"].iloc[-1] == Status.NOT_TIMED
    assert not Status.NOT_TIMED.is_measured and Status.NOT_TIMED.is_result
    if busy == "faithful":  # what was measured counts
        table, _ = compared(Estimate(0.4, 0.3, 0.5, 20), faithful=NotTimed(busy))
        assert table["status"].iloc[-1] == Status.REDUCED


def test_a_measurement_stands_beside_the_published_number_with_its_interval():
    table, _ = compared(Estimate(0.4, 0.3, 0.5, 20))
    row = table.iloc[0]
    assert row["status"] == Status.REDUCED and row["value"] == "50.0"
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
    assert table["status"][0] == Status.REDUCED and np.isnan(table["corrected"][0])


@pytest.mark.parametrize(
    "standing, status",
    [
        (Standing.PUBLISHED, Status.PUBLISHED),
        (Standing.REDUCED, Status.REDUCED),
        (Standing.STAND_IN, Status.OTHER_DATA),
    ],
)
def test_how_near_to_the_study_a_measurement_is_is_said(standing, status):
    table, _ = compared(Estimate(0.4, 0.3, 0.5, 20), standing)
    assert table["status"][0] == status
    assert status.is_measured == (standing != Standing.STAND_IN)


def on_stand_ins(run: set[str], standing: Standing = Standing.REDUCED) -> pd.Series:
    """A number of a network that `mobile` stands in for, where some cases were run."""

    def measure(results, link, protocol):
        if not run.issuperset(link.cases):
            raise NotRun(str(link.cases))
        return Estimate(float(len(link.cases[0])), images=10)

    study = SimpleNamespace(
        published=PUBLISHED.iloc[:1],
        link=lambda row: Link("accuracy under attack", ("resnet",), stand_ins=("mobile",)),
        measure=measure,
        compared={"faithful": None},
        standing=lambda results: standing,
    )
    return compare(study, None).iloc[0]


def test_a_stand_in_is_measured_where_the_network_itself_was_not_run():
    row = on_stand_ins({"mobile"})
    assert (row["status"], row["on"], row["faithful"]) == (Status.OTHER_NETWORK, "mobile", 6)
    row = on_stand_ins({"mobile", "resnet"})
    assert (row["status"], row["on"]) == (Status.REDUCED, "")
    row = on_stand_ins(set())
    assert (row["status"], row["on"]) == (Status.NOT_RUN, "") and np.isnan(row["faithful"])


def test_a_stand_in_on_other_data_counts_as_other_data():
    assert on_stand_ins({"mobile"}, Standing.STAND_IN)["status"] == Status.OTHER_DATA

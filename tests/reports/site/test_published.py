"""Published numbers beside all runs of a study."""

import numpy as np
import pandas as pd
import pytest

from reports.compare import Status
from reports.site.published import by_table, numbers
from studies import STUDIES

NTU = STUDIES["ntu"]


def comparison(**measured) -> pd.DataFrame:
    """Two printed numbers, of which the first may be measured by the faithful protocol."""
    row = {
        "table": "Table 1",
        "model": "VGG",
        "dataset": "CIFAR-10",
        "defense": "none",
        "attack": "FGSM",
        "epsilon": "0.1",
        "metric": "accuracy",
        "value": "80.0",
        "unit": "percent",
        "kind": "accuracy under attack",
        "remark": "",
        "setting": np.nan,
        "on": "",
    }
    empty = {
        f"{protocol}{end}": np.nan
        for protocol in ("faithful", "corrected")
        for end in ("", "_low", "_high", "_images")
    }
    first = row | {"status": Status.REDUCED if measured else Status.NOT_RUN} | empty | measured
    steps = {
        "kind": "setting",
        "status": Status.CHANGED,
        "setting": 40.0,
        "value": "20",
        "table": "4",
    }
    return pd.DataFrame([first, row | empty | steps])


def measured(value, low, high):
    estimate = {"": value, "_low": low, "_high": high, "_images": 100}
    return {f"faithful{end}": each for end, each in estimate.items()}


def test_a_number_stands_beside_every_run_that_measured_it():
    runs = {
        "a": comparison(**measured(78.0, 75.0, 82.0)),
        "b": comparison(),
        "c": comparison(**measured(60.0, 55.0, 65.0)),
    }
    first, _ = numbers(NTU, runs)
    assert first.outcome == Status.REDUCED
    assert [(each.folder, each.difference, each.inside) for each in first.measured] == [
        ("a", "-2.00", "yes"),
        ("c", "-20.00", "no"),
    ]
    assert first.what == "VGG, CIFAR-10, undefended, FGSM, epsilon 0.1, accuracy"
    assert "NTU-1" in first.claims


def test_what_no_run_measured_says_so():
    first, setting = numbers(NTU, {"a": comparison(), "b": comparison()})
    assert (first.outcome, first.measured) == ("not run", [])
    assert first.is_result and not setting.is_result
    assert setting.remark == "paper profile: 40"


def test_a_measurement_without_a_number_has_no_difference():
    (first, _) = numbers(NTU, {"a": comparison(**measured(np.nan, np.nan, np.nan))})
    (only,) = first.measured
    assert (only.text, only.difference, only.inside) == ("none", "", "")


def test_a_table_that_is_printed_in_two_places_is_one():
    rows = numbers(NTU, {"a": pd.concat([comparison(), comparison()], ignore_index=True)})
    assert {table: len(own) for table, own in by_table(rows).items()} == {"Table 1": 2, "4": 2}
    assert list(by_table(rows)) == ["Table 1", "4"]


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_what_is_measured_is_tied_to_claims(study):
    """From a published number a reader finds the claim that rests on it."""
    links = [study.link(row) for _, row in study.published.iterrows()]
    kinds = {link.kind for link in links if link.is_measured or link.kind == "claim"}
    assert set(study.claims_on) == kinds
    ids = {claim.id for claim in study.claims}
    assert {id for claims in study.claims_on.values() for id in claims} <= ids

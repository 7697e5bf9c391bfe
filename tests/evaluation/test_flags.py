"""Flags: from stored measurements, of what concerns the attack, and never a silent all-clear."""

from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from evaluation.flags import flags, not_recorded, warnings
from harness.results import Results
from made import COMPARED, PLACE, ROW
from reports import summary
from reports.tables import flags as table_of_flags

COMMITTED = sorted((Path(__file__).parents[2] / "reports" / "results").glob("*/laptop*/table.csv"))
STUDY = SimpleNamespace(name="ntu", compared=COMPARED, headline=(("FGSM", 0.8), ("PGD", 0.8)))


def row(attack: str, climbs: str | None, epsilon: float = 0.1, **changes) -> dict:
    measured = {"epsilon": epsilon, "epsilon_grey": 255 * epsilon, "reach": epsilon}
    named = {"attack": attack, "climbs": climbs, "arm": attack, "images": 10, "accuracy": 0.5}
    return ROW | measured | named | changes


def texts(*rows: dict) -> list[list[str]]:
    table = pd.DataFrame(rows)
    marked = flags(table, {}, PLACE)
    return [[flag.text for flag in marked.get(index, [])] for index in table.index]


def results(*rows: dict, without: tuple[str, ...] = ()) -> Results:
    table = pd.DataFrame(rows).drop(columns=list(without))
    run = {"study": "ntu", "profile": "demo"}
    nothing = pd.DataFrame()
    return Results(run, table, nothing, nothing, {}, COMPARED)


def test_a_vanished_gradient_concerns_only_attacks_that_climb():
    gone = {"zero_gradient": 0.93, "gradient_not_finite": 0.2}
    climbing, searching = texts(row("FGSM", "cross-entropy", **gone), row("DeepFool", None, **gone))
    assert climbing == [
        "gradient not finite on 20% of the images",
        "zero gradient on 93% of the images",
    ]
    assert searching == []


@pytest.mark.parametrize("epsilon", [0.0, 0.1])
@pytest.mark.parametrize("climbs", ["cross-entropy", None])
def test_a_network_whose_outputs_are_no_numbers_or_not_the_same_is_flagged(epsilon, climbs):
    bad = {"not_finite": 0.004, "spread": 0.31, "random": 0.02}
    (said,) = texts(row("FGSM", climbs, epsilon, **bad))
    assert said == [
        "logits not finite on 0.4% of the images",
        "random at inference: two passes differ by up to 0.31 in a logit, 2% of the predictions "
        "change",
    ]


def test_a_row_with_nothing_wrong_has_no_flag():
    assert texts(row("FGSM", "cross-entropy"), row("DeepFool", None)) == [[], []]


def test_what_was_not_recorded_is_said_and_not_taken_for_good():
    arms = row("FGSM", "cross-entropy"), row("CW", None), row("CW", None, epsilon=0.0)
    lacking = results(*arms, without=("not_finite", "spread", "random", "gradient_not_finite"))
    shown = table_of_flags(lacking).set_index("flag")["rows"].to_dict()
    assert shown == {
        "logits not finite": "not recorded (3)",
        "random at inference": "not recorded (3)",
        "gradient not finite": "not recorded (1)",
    }
    assert not_recorded(results(*arms).table) == {}
    # Measured of other attacks, but not of this one.
    some = row("APGD, margin", "margin", zero_gradient=np.nan)
    assert not_recorded(pd.DataFrame([*arms, some])) == {"zero gradient": 1}


def test_the_report_counts_flags_and_shows_the_worst_of_each():
    arms = [row("FGSM", "cross-entropy", zero_gradient=share) for share in (0.1, 0.9, 0.0)]
    shown = table_of_flags(results(*arms, row("IFGSM", "cross-entropy", reach=0.05)))
    assert shown["flag"].tolist() == [
        "steps reach only 13 grey levels",
        "zero gradient on 90% of the images",
    ]
    assert shown["rows"].tolist() == ["1", "2"]


def test_the_summary_marks_an_accuracy_that_cannot_be_trusted_and_says_why():
    console = Console(width=200, record=True, file=StringIO())
    grey = {"epsilon": 0.8 / 255}
    good = [row("FGSM", "cross-entropy", 0.0), row("FGSM", "cross-entropy", **grey)]
    bad = [
        each | {"defense": "as_listed student", "role": "student", "not_finite": 0.3}
        for each in good
    ]
    console.print(summary(STUDY, results(*good, *bad)))
    text = console.export_text()
    assert text.count("50.0 !") == 2 and text.count("50.0") == 4
    assert "as_listed student: logits not finite on 30% of the images" in text
    console.print(summary(STUDY, results(*good)))
    assert "!" not in console.export_text()


def test_warnings_name_each_network_once_at_its_worst():
    bad = [row("FGSM", "cross-entropy", epsilon, not_finite=epsilon) for epsilon in (0.0, 0.1, 0.2)]
    (sentence,) = warnings(pd.DataFrame(bad), ("case", "protocol", "defense"))
    assert sentence == "vgg16/cifar10, faithful, none: logits not finite on 20% of the images"


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: f"{path.parts[-3]}-{path.parts[-2]}")
def test_committed_results_store_measurements_and_no_flags(path):
    columns = pd.read_csv(path, nrows=0).columns
    assert "flags" not in columns and {"climbs", "zero_gradient"} <= set(columns)

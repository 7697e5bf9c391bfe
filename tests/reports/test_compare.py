"""What stands beside a published number, on results that are known by construction."""

import numpy as np
import pandas as pd
import pytest

from harness.links import Link
from harness.results import Results
from reports.compare import compare
from studies.ntu.arms import COMPARED
from studies.ntu.measures import Measure

CASE = "vgg16/cifar10"
LEVELS = np.arange(0, 9) / 10


def curve(*correct_of_ten: int) -> np.ndarray:
    """bool [9, 10]: at each epsilon, that many of ten images are correct, the first ones."""
    return np.arange(10) < np.array(correct_of_ten)[:, None]


CURVES = {
    ("none", "FGSM"): curve(9, 8, 8, 7, 6, 6, 5, 4, 4),
    ("none", "PGD"): curve(9, 8, 7, 6, 5, 5, 5, 5, 5),
    ("as_listed student", "FGSM"): curve(10, 9, 9, 8, 6, 7, 6, 5, 5),
    ("as_listed student", "PGD"): curve(10, 9, 8, 9, 6, 6, 6, 6, 6),
}


@pytest.fixture(scope="module")
def results() -> Results:
    rows, correct = [], {}
    for (defense, attack), outcomes in CURVES.items():
        arm = f"{defense} {attack}"
        correct[arm] = outcomes
        rows += [
            {
                "case": CASE,
                "variant": "main",
                "protocol": "faithful",
                "view": "softmax",
                "defense": defense,
                "attack": attack,
                "arm": arm,
                "seed": 0,
                "epsilon_grey": level,
            }
            for level in LEVELS
        ]
    trainings = pd.DataFrame(
        [
            {
                "case": CASE,
                "variant": "main",
                "protocol": "faithful",
                "role": "undefended",
                "test_accuracy": 0.87,
                "test_images": 200,
            }
        ]
    )
    return Results({}, pd.DataFrame(rows), trainings, pd.DataFrame(), correct, {}, COMPARED)


def measured(results, *arguments, **named):
    return Measure(results)(Link(*arguments, cases=(CASE,), **named), "faithful")


def test_accuracy_of_one_cell(results):
    value, low, high, images = measured(
        results, "accuracy under attack", role="student", attacks=("PGD",), epsilon_grey=0.3
    )
    assert (value, images) == (90.0, 10)
    assert low < 90 < high


def test_clean_accuracy_has_wilsons_interval_of_200(results):
    value, low, high, images = measured(results, "clean accuracy", role="undefended", split="test")
    assert (value, images) == (87.0, 200)
    assert (round(low, 1), round(high, 1)) == (81.6, 91.0)


def test_faithful_drops_are_measured_from_the_undefended_network(results):
    # 90 % minus the mean of 90 80 90 60 60 60 60 60.
    value, *_ = measured(results, "mean drop", role="student", attacks=("PGD",))
    assert np.isclose(value, 90 - np.mean([90, 80, 90, 60, 60, 60, 60, 60]))
    increase, *_ = measured(results, "mean drop", role="student", attacks=("PGD",), factor=-1)
    assert np.isclose(increase, -value)


def test_gain_is_the_paired_difference_of_student_and_undefended(results):
    value, low, high, _ = measured(results, "mean gain", role="student", attacks=("FGSM",))
    assert np.isclose(value, 10 * np.mean([1, 1, 1, 0, 1, 1, 1, 1]))
    assert low <= value <= high


def test_plateau_is_where_the_curve_stops_moving(results):
    assert measured(results, "plateau", role="undefended", attacks=("PGD",))[0] == 0.4
    assert measured(results, "plateau", role="undefended", attacks=("FGSM",))[0] == 0.7


def test_rise_is_the_smallest_epsilon_at_which_accuracy_goes_up(results):
    assert measured(results, "rise", role="student", attacks=("PGD",))[0] == 0.3
    none = measured(results, "rise", role="undefended", attacks=("FGSM", "PGD"))
    assert np.isnan(none[0]) and none[3] == 10


def test_a_curve_that_moves_to_the_end_has_no_plateau(results):
    value, _, _, images = measured(results, "plateau", role="student", attacks=("FGSM",))
    assert value == 0.7 and images == 10
    moving = Results(
        {},
        results.table,
        results.trainings,
        results.histories,
        results.correct | {"none PGD": curve(9, 8, 7, 6, 5, 4, 3, 2, 1)},
        {},
        COMPARED,
    )
    value, _, _, images = measured(moving, "plateau", role="undefended", attacks=("PGD",))
    assert np.isnan(value) and images == 10


def test_better_up_to_ends_at_the_first_tie(results):
    assert measured(results, "better up to", role="student", attacks=("FGSM",))[0] == 0.3
    assert measured(results, "better up to", role="student", attacks=("PGD",))[0] == 0.8


def test_what_was_not_run_is_said_and_not_filled_in(results):
    published = pd.DataFrame(
        [
            {"metric": "a", "value": "50.0"},
            {"metric": "b", "value": "0.5"},
            {"metric": "c", "value": "1"},
            {"metric": "d", "value": "7"},
            {"metric": "e", "value": "8"},
        ]
    )
    links = {
        "a": Link("accuracy under attack", ("resnet50/cifar10",), "student", ("PGD",), 0.3),
        "b": Link("setting", setting=0.5),
        "c": Link("setting", setting=2.0),
        "d": Link("background"),
        "e": Link("no counterpart", remark="no tables"),
    }
    table = compare(published, lambda row: links[row["metric"]], Measure(results), tuple(COMPARED))
    statuses = ["not run", "as published", "differs", "background", "no counterpart"]
    assert list(table["status"]) == statuses
    assert table["remark"].iloc[-1] == "no tables"
    assert table[["faithful", "corrected"]].isna().all(axis=None)


def test_seeds_are_averaged_and_do_not_count_as_more_images(results):
    more = results.table.assign(seed=1, arm=results.table["arm"] + " again")
    twice = Results(
        {},
        pd.concat([results.table, more]),
        results.trainings,
        results.histories,
        results.correct | {f"{arm} again": values for arm, values in results.correct.items()},
        {},
        COMPARED,
    )
    cell = dict(role="student", attacks=("PGD",), epsilon_grey=0.3)
    assert measured(twice, "accuracy under attack", **cell) == measured(
        results, "accuracy under attack", **cell
    )
    gain = dict(role="student", attacks=("FGSM",))
    assert measured(twice, "mean gain", **gain) == pytest.approx(
        measured(results, "mean gain", **gain)
    )


def test_corrected_counts_the_worse_of_logits_and_logits_at_t(results):
    rows, correct = [], {}
    for view, outcomes in (("logits", curve(*[9] * 9)), ("logits / T", ~curve(*[2] * 9))):
        correct[view] = outcomes
        rows += [
            {
                "case": CASE,
                "variant": "main",
                "protocol": "corrected",
                "view": view,
                "seed": 0,
                "defense": "corrected student",
                "attack": "PGD",
                "arm": view,
                "epsilon_grey": level,
            }
            for level in LEVELS
        ]
    both = Results({}, pd.DataFrame(rows), results.trainings, pd.DataFrame(), correct, {}, COMPARED)
    # The first nine images through logits, all but the first two through logits / T.
    assert both.outcomes(CASE, "corrected", "student", "PGD")[1].sum() == 9 * 7

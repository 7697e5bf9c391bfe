"""Where the numbers of a run were made, also where that was not recorded."""

import numpy as np

from made import made_arm, made_results
from reports.origins import origins

HERE = {"machine": "two cores", "versions": "keras 3", "commit": "abc"}
THERE = HERE | {"machine": "a GPU"}


def arm(number: int, **origin: str):
    correct = np.ones([2, 5], bool)
    return made_arm([0.0, 0.1], correct, seed=number, stage=f"attack-{number}", **origin)


def test_stages_are_counted_by_machine():
    results = made_results(
        arm(0, **HERE), arm(1, **THERE), arm(2, **THERE), trainings=[{"stage": "train-0", **HERE}]
    )
    table = origins(results)
    assert list(table["made"]) == ["training", "attack", "attack"]
    assert list(table["stages"]) == [1, 1, 2]  # not the rows, two for each arm
    assert list(table["machine"]) == ["two cores", "two cores", "a GPU"]


def test_what_was_not_recorded_is_said_to_be_so():
    table = origins(made_results(arm(0), arm(1), trainings=[{"stage": "train-0"}]))
    assert list(table["stages"]) == [1, 2]
    assert (table[["machine", "versions", "commit"]] == "not recorded").all(axis=None)

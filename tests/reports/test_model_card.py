"""The table of a model card: one row for each attack and epsilon."""

import numpy as np

from evaluation import Estimate
from made import made_arm, made_results
from reports.model_card import attacked

RIGHT = np.arange(40) < 30


def first(count: int) -> np.ndarray:
    """Right on the first images alone."""
    return np.arange(40) < count


def test_a_row_has_its_distance_its_accuracy_and_its_flags():
    columns = {"attack": "PGD", "kind": "iterated", "stage": "attack-1"}
    arm = made_arm([0, 1 / 255, 0.1], [RIGHT, first(20), first(5)], **columns, zero_gradient=0.2)
    in_l2 = made_arm([0, 0.5], [RIGHT, first(10)], attack="DeepFool", norm="l2", stage="attack-2")
    table = attacked(made_results(arm, in_l2))
    assert list(table["within"]) == ["1/255", "25.5/255", "0.5"]
    expected = [Estimate.accuracy(first(count)).percent() for count in (20, 5, 10)]
    assert list(table["accuracy"]) == expected
    assert "zero gradient (warning)" in table["flags"][0] and not table["flags"][2]


def test_an_attack_in_two_places_of_the_study_is_listed_once():
    arms = [
        made_arm([0, 0.1], [RIGHT, first(5)], variant=variant, stage="attack-1")
        for variant in ("main", "control")
    ]
    table = attacked(made_results(*arms))
    assert list(table["protocol"]) == ["faithful"]


def test_the_placements_of_a_patch_are_one_row():
    columns = {"norm": "patch", "attack": "toaster", "kind": "other", "patch_side": 9.0}
    arm = made_arm([0, np.inf, np.inf], [RIGHT, first(10), first(20)], stage="s", **columns)
    (row,) = attacked(made_results(arm)).to_dict("records")
    assert row["within"] == "a patch of 9 pixels a side"
    assert row["accuracy"] == Estimate.share(15 / 40, 40).percent()

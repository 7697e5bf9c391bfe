"""The paper profile is exact: what the study printed is what it runs."""

import numpy as np
import pytest

from harness.arms import Case
from studies import STUDIES
from studies.ntu.arms import arms as arms_of
from studies.ntu.profiles import PROFILES
from studies.ntu.published import link

PUBLISHED = STUDIES["ntu"].published
#: Printed settings that contradict others of the study; the others are what ran.
CONTRADICTED = {
    ("Section 3.2.1", "described number of convolutional layers"): 11,
    ("Section 3.2.1", "described number of max-pooling layers"): 4,
    ("Section 3.2.1", "described number of fully connected layers (first statement)"): 2,
    ("Section 3.2.1", "described number of fully connected layers (second statement)"): 2,
    ("Section 4.4", "PGD step size eps_iter (running text)"): 0.01,
    ("Listing 4.5", "alpha"): 0.2,
    ("Listing 4.5", "temperature"): 200,
}


def test_the_published_file_is_whole():
    assert len(PUBLISHED) == 491
    assert (PUBLISHED["study"] == "ntu").all()


def test_every_hyperparameter_of_tables_4_1_to_4_18_is_that_of_the_paper_profile():
    rows = PUBLISHED[PUBLISHED["metric"].str.startswith("hyperparameter")]
    assert set(rows["table"]) == {f"Table 4-{number}" for number in range(1, 19)}
    for _, row in rows.iterrows():
        assert link(row).setting == float(row["value"]), dict(row)


def test_the_other_settings_are_those_printed_but_for_known_contradictions():
    rows = PUBLISHED[~PUBLISHED["metric"].str.startswith("hyperparameter")]
    found = {}
    for _, row in rows.iterrows():
        tied = link(row)
        if tied.kind == "setting" and not np.isclose(tied.setting, float(row["value"])):
            found[row["table"], row["metric"]] = tied.setting
            assert tied.remark, dict(row)
    assert found == CONTRADICTED


def test_every_row_is_linked_and_results_are_linked_to_measurements():
    kinds = PUBLISHED.apply(lambda row: link(row).kind, axis=1)
    assert kinds.value_counts().to_dict() == {
        "setting": 213,
        "accuracy under attack": 192,
        "mean drop": 24,
        "mean gain": 12,
        "clean accuracy": 18,
        "plateau": 14,
        "rise": 1,
        "better up to": 2,
        "claim": 1,
        "background": 14,
    }


def test_links_name_the_arms_they_speak_of():
    (row,) = [
        row
        for _, row in PUBLISHED.iterrows()
        if row["table"] == "Table 5-6" and row["attack"] == "PGD" and row["epsilon"] == "0.40"
    ]
    tied = link(row)
    assert (tied.cases, tied.role, tied.attacks, tied.epsilon_grey) == (
        (Case("resnet50", "cifar10"),),
        "student",
        ("PGD",),
        0.4,
    )


def test_a_row_nobody_knows_is_refused():
    row = PUBLISHED.iloc[-1].copy()
    row["measures"] = "something else"
    with pytest.raises(ValueError, match="measures is 'something else'; accepted: accuracy under"):
        link(row)


def test_paper_profile_attacks_are_the_listed_calls():
    arms = [
        arm
        for arm in arms_of(PROFILES["paper"])
        if arm.protocol == "faithful" and arm.variant == "main" and arm.attack_name == "PGD"
    ]
    assert arms
    for arm in arms:
        assert arm.attack.steps == 40
        assert np.isclose(arm.attack.step_size * 255, 0.01)
        assert not arm.attack.random_start and not arm.attack.clip and arm.predicted_labels
        assert np.allclose(np.array(arm.epsilons) * 255, np.arange(1, 9) / 10)
        assert arm.images == 200

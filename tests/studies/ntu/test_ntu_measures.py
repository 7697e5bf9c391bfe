"""What stands beside NTU's published numbers, on results that are known by construction."""

import numpy as np
import pytest

from evaluation import NotRun
from harness.arms import Protocol
from harness.links import Link
from made import made_arm, made_results
from studies.ntu.arms import VGG_ON_CIFAR10
from studies.ntu.measures import measure

EPSILONS = np.arange(0, 9) / 10 / 255


def outcomes(*correct_of_ten: int) -> np.ndarray:
    """bool [9, 10]: at each epsilon, that many of ten images are correct, the first ones."""
    return np.arange(10) < np.array(correct_of_ten)[:, None]


def network(role: str, attack: str, correct: np.ndarray, **columns):
    defense = "none" if role == "undefended" else f"as_listed {role}"
    return made_arm(EPSILONS, correct, role=role, defense=defense, attack=attack, **columns)


ARMS = [
    network("undefended", "FGSM", outcomes(9, 8, 8, 7, 6, 6, 5, 4, 4)),
    network("undefended", "PGD", outcomes(9, 8, 7, 6, 5, 5, 5, 5, 5)),
    network("student", "FGSM", outcomes(10, 9, 9, 8, 6, 7, 6, 5, 5)),
    network("student", "PGD", outcomes(10, 9, 8, 9, 6, 6, 6, 6, 6)),
]
TRAININGS = [{"test_accuracy": 0.87, "test_images": 200}]
RESULTS = made_results(*ARMS, trainings=TRAININGS)


def measured(kind: str, role: str, *attacks: str, results=RESULTS, **named):
    link = Link(kind, (VGG_ON_CIFAR10,), role, attacks, **named)
    return measure(results, link, Protocol.FAITHFUL)


def test_accuracy_of_one_cell():
    cell = measured("accuracy under attack", "student", "PGD", epsilon_grey=0.3)
    assert (cell.value, cell.images) == (90.0, 10)
    assert cell.low < 90 < cell.high


def test_clean_accuracy_has_wilsons_interval_of_200():
    clean = measured("clean accuracy", "undefended", split="test")
    assert (clean.value, clean.images) == (87.0, 200)
    assert (round(clean.low, 1), round(clean.high, 1)) == (81.6, 91.0)


def test_faithful_drops_are_measured_from_the_undefended_network():
    # 90 % minus the mean of 90 80 90 60 60 60 60 60.
    drop = measured("mean drop", "student", "PGD")
    assert np.isclose(drop.value, 90 - np.mean([90, 80, 90, 60, 60, 60, 60, 60]))
    increase = measured("mean drop", "student", "PGD", factor=-1)
    assert np.isclose(increase.value, -drop.value)
    assert np.isclose(increase.low, -drop.high) and increase.low < increase.high


def test_gain_is_the_paired_difference_of_student_and_undefended():
    gain = measured("mean gain", "student", "FGSM")
    assert np.isclose(gain.value, 10 * np.mean([1, 1, 1, 0, 1, 1, 1, 1]))
    assert gain.low <= gain.value <= gain.high


def test_plateau_is_where_the_curve_stops_moving():
    assert measured("plateau", "undefended", "PGD").value == pytest.approx(0.4)
    assert measured("plateau", "undefended", "FGSM").value == pytest.approx(0.7)


def test_rise_is_the_smallest_epsilon_at_which_accuracy_goes_up():
    assert measured("rise", "student", "PGD").value == pytest.approx(0.3)
    none = measured("rise", "undefended", "FGSM", "PGD")
    assert np.isnan(none.value) and none.images == 10


def test_a_curve_that_moves_to_the_end_has_no_plateau():
    moving = made_results(network("undefended", "PGD", outcomes(9, 8, 7, 6, 5, 4, 3, 2, 1)))
    plateau = measured("plateau", "undefended", "PGD", results=moving)
    assert np.isnan(plateau.value) and plateau.images == 10


def test_the_plateau_of_all_networks_is_where_the_last_of_them_stops():
    assert measured("plateau", "all", "PGD").value == pytest.approx(0.4)
    moving = network("student", "PGD", outcomes(9, 8, 7, 6, 5, 4, 3, 2, 1))
    both = made_results(ARMS[1], moving)
    assert np.isnan(measured("plateau", "all", "PGD", results=both).value)


def test_what_was_not_run_is_refused():
    only_fgsm = made_results(ARMS[0], trainings=[{"role": "student"}])
    for kind in ("mean drop", "plateau", "clean accuracy"):
        with pytest.raises(NotRun):
            measured(kind, "undefended", "PGD", results=only_fgsm, split="test")


def test_better_up_to_ends_at_the_first_tie():
    assert measured("better up to", "student", "FGSM").value == pytest.approx(0.3)
    assert measured("better up to", "student", "PGD").value == pytest.approx(0.8)


def test_seeds_are_averaged_and_do_not_count_as_more_images():
    again = [
        network(role, attack, correct, seed=1)
        for (role, attack), (_, _, correct) in zip(
            [(role, attack) for role in ("undefended", "student") for attack in ("FGSM", "PGD")],
            ARMS,
            strict=True,
        )
    ]
    twice = made_results(*ARMS, *again)
    cell = ("accuracy under attack", "student", "PGD")
    once, both = (measured(*cell, results=each, epsilon_grey=0.3) for each in (RESULTS, twice))
    assert (both.value, both.low, both.high, both.images) == (
        once.value,
        once.low,
        once.high,
        once.images,
    )
    once, both = (measured("mean gain", "student", "FGSM", results=r) for r in (RESULTS, twice))
    assert (both.value, both.low, both.high) == pytest.approx((once.value, once.low, once.high))

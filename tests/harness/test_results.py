"""Selecting results, and outcomes against epsilon."""

import numpy as np
import pandas as pd
import pytest

from evaluation import NotRun, alike, worst_of
from harness.arms import Case
from harness.results import Results, selected, where_run
from made import made_arm, made_results

EPSILONS = np.array([0.0, 0.1, 0.2])
CASE = Case("vgg16", "cifar10")


def first(*counts: int, of: int = 10) -> np.ndarray:
    """bool [E, N]: at each epsilon, that many images are correct, the first ones."""
    return np.arange(of) < np.array(counts)[:, None]


def last(*counts: int, of: int = 10) -> np.ndarray:
    return first(*counts, of=of)[:, ::-1]


def test_rows_are_selected_by_entries_of_columns():
    results = made_results(
        made_arm(EPSILONS, first(9, 8, 7)), made_arm(EPSILONS, first(9, 5, 1), attack="PGD", seed=1)
    )
    assert len(results.select(case=CASE)) == len(results.select(attack=("FGSM", "PGD"))) == 6
    assert list(results.select(attack="PGD")["seed"]) == [1, 1, 1]
    assert len(results.select(seed=1, epsilon=0.1)) == 1
    assert results.select(case=Case("vgg16", "cifar100")).empty
    assert results.select(attack=()).empty
    with pytest.raises(ValueError, match="where has 'atack'; accepted: .*attack"):
        results.select(atack="PGD")


def test_floats_are_compared_as_tables_write_them():
    results = made_results(made_arm(np.array([0.0, 8 / 255]), first(9, 8)))
    results.table["epsilon"] = results.table["epsilon"].map(lambda value: float(f"{value:.6g}"))
    assert len(results.select(epsilon=8 / 255)) == 1
    assert selected(results.table, epsilon=float("inf")).empty


def test_of_several_attacks_an_image_counts_under_the_worst():
    results = made_results(
        made_arm(EPSILONS, first(9, 8, 6)), made_arm(EPSILONS, last(9, 8, 6), attack="PGD")
    )
    curve = results.curve(case=CASE)
    assert curve.correct.shape == (3, 1, 10)
    assert list(curve.correct.sum(axis=(1, 2))) == [8, 6, 2]
    assert list(results.curve(attack="PGD").correct.sum(axis=(1, 2))) == [9, 8, 6]
    with pytest.raises(NotRun, match="attack CW"):
        results.curve(attack="CW")
    found = where_run(lambda attack: results.curve(attack=attack), ("CW", "PGD", "FGSM"))
    assert [list(each.correct.sum(axis=(1, 2))) for each in found] == [[9, 8, 6], [9, 8, 6]]
    assert [round(each.value, 3) for each in curve.accuracies] == [0.8, 0.6, 0.2]
    assert [round(each.value, 3) for each in curve.errors] == [0.2, 0.4, 0.8]


def test_seeds_stand_side_by_side():
    results = made_results(
        made_arm(EPSILONS, first(9, 8, 6)), made_arm(EPSILONS, first(5, 4, 3), seed=1)
    )
    curve = results.curve(case=CASE)
    assert curve.correct.shape == (3, 2, 10) and curve.images == 10
    np.testing.assert_allclose(curve.per_image[1], (first(8) + 1.0 * first(4))[0] / 2)
    assert results.arms(case=CASE) == [*results.correct]


def test_other_epsilons_and_fewer_images_are_left_out():
    results = made_results(
        made_arm(EPSILONS, first(9, 8, 6)),
        made_arm(np.array([0.0, 0.2]), first(3, 2, of=4), attack="PGD"),
    )
    curve = results.curve(case=CASE)
    assert list(curve.epsilons) == [0.0, 0.2] and curve.images == 4
    assert list(curve.correct.sum(axis=(1, 2))) == [3, 2]
    both = [results.curve(attack=attack) for attack in ("FGSM", "PGD")]
    assert [each.images for each in alike(*both)] == [4, 4]
    assert list(worst_of(both).epsilons) == [0.0, 0.2]


def test_one_epsilon_in_either_unit():
    curve = made_results(made_arm(EPSILONS, first(9, 8, 6))).curve(case=CASE)
    assert curve.at(0.1).sum() == curve.at(grey=25.5).sum() == 8
    with pytest.raises(NotRun, match=r"epsilon is 0.15; accepted: 0, 0.1, 0.2"):
        curve.at(0.15)
    assert list(curve.only([0.2, 0.7]).epsilons) == [0.0, 0.2]
    assert list(curve.where(curve.grey > 30).epsilons) == [0.2]


def test_what_is_compared_is_the_worse_of_its_outputs():
    student = {"protocol": "corrected", "role": "student", "defense": "corrected student"}
    results = made_results(
        made_arm(EPSILONS, first(9, 9, 9), view="logits", **student),
        made_arm(EPSILONS, last(8, 8, 8), view="logits / T", **student),
        made_arm(EPSILONS, first(1, 1, 1), view="softmax", **student),
    )
    curve = results.compared_curve(CASE, "corrected", "student", attack="FGSM")
    assert list(curve.correct.sum(axis=(1, 2))) == [7, 7, 7]
    for protocol, role in (("faithful", "student"), ("corrected", "undefended")):
        with pytest.raises(NotRun, match=f"view .*protocol {protocol}"):
            results.compared_curve(CASE, protocol, role)


def test_a_label_names_the_stand_in():
    assert made_results(made_arm(EPSILONS, first(9, 8, 6))).label(CASE) == "vgg16 on cifar10"
    digits = made_results(made_arm(EPSILONS, first(9, 8, 6), dataset="digits"))
    assert digits.label(CASE) == "vgg16 on digits in place of cifar10"
    assert digits.has(CASE) and not digits.has(Case("vgg16", "cifar100"))


def test_arrays_by_arm_come_back_from_disk(tmp_path):
    arm, rows, correct = made_arm(EPSILONS, first(9, 8, 6))
    shown = {arm: {"images": np.zeros([2, 3]), "labels": np.array([1, 2])}}
    results = made_results((arm, rows, correct), trainings=[{}], examples=shown)
    results.histories.insert(0, "loss", [])
    results.save(tmp_path)
    loaded = Results.load(tmp_path, results.compared)
    np.testing.assert_array_equal(loaded.correct[arm], correct)
    np.testing.assert_array_equal(loaded.examples[arm]["labels"], [1, 2])
    assert loaded.patches == {} and not (tmp_path / "patches.npz").exists()


@pytest.mark.parametrize("digest", ["1678296", "12345e67", "0012", "inf"])
def test_a_digest_that_looks_like_a_number_stays_as_it_is(tmp_path, digest):
    origin = dict.fromkeys(("data", "weights", "commit"), digest)
    arm = made_arm([0, 0.1], [[True], [False]], **origin)
    histories = pd.DataFrame({"epoch": [0]})
    made_results(arm, trainings=[origin], histories=histories).save(tmp_path)
    loaded = Results.load(tmp_path, {})
    for frame in (loaded.table, loaded.trainings):
        for name in origin:
            assert set(frame[name]) == {digest}

"""What was changed in the files of a run is found and named, by formulas that agree with others."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score
from statsmodels.stats.proportion import proportion_confint

from evaluation import statistics
from evaluation.outcomes import Outcomes
from harness import afresh
from harness.verify import PREDICTED, REASONS, agree, read, verify_run

COMMITTED = Path(__file__).parents[2] / "reports" / "results"


@pytest.fixture
def copied(tmp_path):
    """A committed report, to be changed."""
    return Path(shutil.copytree(COMMITTED / "icbai" / "laptop", tmp_path / "laptop"))


def table_of(folder: Path) -> pd.DataFrame:
    return read(folder / "table.csv")


def changed(folder: Path, row: int, **cells: str) -> str:
    """Writes other cells into the table, and returns the arm of the row."""
    table = table_of(folder)
    for column, cell in cells.items():
        assert table.loc[row, column] != cell
        table.loc[row, column] = cell
    table.to_csv(folder / "table.csv", index=False)
    return str(table.loc[row, "arm"])


def rewritten(path: Path, change) -> None:
    """Changes the arrays of a file, by name, in place."""
    with np.load(path) as stored:
        arrays = dict(stored)
    change(arrays)
    np.savez_compressed(path, **arrays)


def places(folder: Path) -> set[tuple[str, str]]:
    return {(each.file, each.column) for each in verify_run(folder).differences}


def test_nothing_differs_in_what_was_not_changed(copied):
    done = verify_run(copied)
    assert not done.differences and done.fits
    assert done.recomputed > 5 * len(table_of(copied))


@pytest.mark.parametrize(
    "column, cell",
    [("accuracy", "0.9762"), ("ci_low", "0.972918"), ("ci_high", "0.97893"), ("correct", "9762")],
)
def test_a_number_of_the_table_that_was_changed(copied, column, cell):
    arm = changed(copied, 1, **{column: cell})
    (difference,) = verify_run(copied).differences
    assert (difference.file, difference.column) == ("table.csv", column)
    assert difference.row == f"{arm}, epsilon 0.007" and difference.printed == cell
    assert f"table.csv, {arm}, epsilon 0.007: {column} is {cell}; recomputed: " in str(difference)


def test_one_outcome_that_was_flipped(copied):
    table = table_of(copied)
    arm = table.loc[0, "arm"]

    def flip(arrays):
        image = np.flatnonzero(arrays[arm][3])[0]
        arrays[arm][3, image] = False

    rewritten(copied / "correct.npz", flip)
    differences = verify_run(copied).differences
    assert {each.row for each in differences} == {f"{arm}, epsilon {table.loc[3, 'epsilon']}"}
    assert {each.column for each in differences} == {"correct", "accuracy", "ci_low", "ci_high"}


def test_an_image_that_is_right_only_under_attack(copied):
    arm = table_of(copied).loc[0, "arm"]

    def swap(arrays):
        wrong = np.flatnonzero(~arrays[arm][0])[0]
        right = np.flatnonzero(arrays[arm][1])[0]
        arrays[arm][1, [wrong, right]] = True, False

    rewritten(copied / "correct.npz", swap)
    assert places(copied) == {("correct.npz", "right only under attack")}


def test_two_arms_that_were_swapped(copied):
    names = list(dict.fromkeys(table_of(copied)["arm"]))
    first, second = (next(name for name in names if f"none/logits/{each}/" in name)
                     for each in ("PGD", "APGD, margin"))  # fmt: skip

    def swap(arrays):
        arrays[first], arrays[second] = arrays[second], arrays[first]

    rewritten(copied / "correct.npz", swap)
    rows = {each.row.rpartition(",")[0] for each in verify_run(copied).differences}
    assert rows == {first, second}


def test_arms_that_only_one_file_has(copied):
    arm = table_of(copied).loc[0, "arm"]
    rewritten(copied / "correct.npz", lambda arrays: arrays.update(other=arrays.pop(arm)))
    done = verify_run(copied)
    assert {(each.file, each.row, each.column) for each in done.differences} == {
        ("correct.npz", "other", "arm"),
        ("table.csv", arm, "arm"),
    }
    assert not done.fits


def test_an_arm_under_a_name_that_its_columns_do_not_make_up(copied):
    changed(copied, 2, attack="PGD")
    (difference,) = verify_run(copied).differences
    assert difference.column == "arm" and "/PGD/" in difference.recomputed


def test_a_training_that_is_not_that_of_its_epochs_and_arms(copied):
    trainings = read(copied / "trainings.csv")
    trainings.loc[0, ["epochs", "test_accuracy"]] = "11", "0.98"
    trainings.to_csv(copied / "trainings.csv", index=False)
    assert places(copied) == {("trainings.csv", "epochs"), ("trainings.csv", "test_accuracy")}


def test_another_count_of_arms_or_another_profile(copied):
    run = json.loads((copied / "run.json").read_text())
    (copied / "run.json").write_text(json.dumps(run | {"arms": 22, "profile": "paper"}))
    assert places(copied) == {("run.json", "arms"), ("run.json", "profile")}


def test_a_formula_of_the_program_that_is_wrong(copied, monkeypatch):
    real = statistics.newcombe
    monkeypatch.setattr(statistics, "newcombe", lambda *pair: (real(*pair)[0], 0.5))
    assert places(copied) == {("evaluation.statistics", "Newcombe, high")}


def test_what_cannot_be_recomputed_is_counted_with_its_reason(copied):
    table = table_of(copied)
    recorded = {(each.file, each.column): each for each in verify_run(copied).recorded}
    distances = recorded["table.csv", "mean_l2"]
    assert distances.numbers == (table["epsilon"] != "0").sum()
    assert "image" in distances.reason
    assert ("table.csv", "accuracy") not in recorded
    assert ("trainings.csv", "test_accuracy") not in recorded  # every network faced all images
    assert ("histories.csv", "val_accuracy") in recorded


@pytest.mark.slow
def test_f1_is_recomputed_where_a_study_keeps_predictions(tmp_path):
    folder = Path(shutil.copytree(COMMITTED / "wpi" / "laptop", tmp_path / "laptop"))
    arm = changed(folder, 1, macro_f1="0.5")
    done = verify_run(folder)
    (difference,) = done.differences
    assert difference.row.startswith(arm) and difference.column == "macro_f1"
    assert "macro_f1" not in {each.column for each in done.recorded}


def test_every_number_of_a_row_is_recomputed_or_has_a_reason():
    settings = {"epsilon", "images", "correct", "accuracy", "ci_low", "ci_high"}
    nothing = np.zeros([1, 1])
    fields = dict.fromkeys(Outcomes.__dataclass_fields__, nothing)
    one = fields | {
        "epsilons": np.array([0.1]),
        "labels": np.array([1]),
        "clean_predictions": np.array([1]),
        "predictions": np.array([[0]]),
        "rounded_predictions": np.array([[0]]),
        "clean_label_ranks": np.array([0]),
        "targets": np.array([0]),
        "spread": 0.0,
        "predicted_labels": False,
        "rounds_away": np.array([[False]]),
        "example_images": np.zeros([1, 2, 2, 1]),
        "example_probabilities": np.zeros([2, 1, 2]),
    }
    columns = set(Outcomes(**one).table().columns)
    assert columns - settings <= set(REASONS)
    assert set(PREDICTED) <= columns


def test_six_digits_may_be_a_unit_of_the_last_apart():
    assert agree("0.976746", 0.9767455) and agree("nan", float("nan")) and agree("9", 9)
    assert agree("0.976746", "0.976747") and not agree("0.976746", 0.976747)
    assert agree("", "") and agree("inf", float("inf"))
    assert not agree("0.976746", 0.976766)
    assert not agree("", 0.0) and not agree("confirmed", "refuted") and not agree("0", 1e-6)


def test_the_formulas_agree_with_those_of_others():
    generator = np.random.default_rng(0)
    for count in (1, 7, 500):
        for right in {0, 1, count // 2, count}:
            other = proportion_confint(right, count, method="wilson")
            np.testing.assert_allclose(afresh.wilson(right, count), other, atol=1e-12)
    labels, predicted = generator.integers(0, 5, [2, 200])
    expected = f1_score(labels, predicted, average="macro")
    assert abs(afresh.macro_f1(labels, predicted) - expected) < 1e-12
    assert afresh.macro_f1(np.array([0, 1]), np.array([0, -1])) == 0.5


@pytest.mark.parametrize("cells", [(36, 12, 2, 0), (50, 3, 9, 20), (0, 5, 5, 0), (8, 0, 0, 0)])
def test_intervals_of_paired_differences_agree_with_those_of_the_program(cells):
    first = np.repeat([True, True, False, False], cells)
    second = np.repeat([True, False, True, False], cells)
    ends = statistics.newcombe(first, second), statistics.adjusted_wald(first * 1.0 - second)
    np.testing.assert_allclose(afresh.newcombe(first, second), ends[0], atol=1e-12)
    np.testing.assert_allclose(afresh.bonett_price(first, second), ends[1], atol=1e-12)
    if cells == (36, 12, 2, 0):  # the first example of Newcombe's paper
        np.testing.assert_allclose(afresh.newcombe(first, second), (0.0569, 0.3404), atol=5e-5)

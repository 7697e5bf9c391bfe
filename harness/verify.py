"""Recomputes what the files of a run say, from the outcome of every image, by formulas of its own.

The formulas are those of `harness.afresh`: what printed the numbers is called only to be checked.
"""

from collections.abc import Container
from dataclasses import dataclass, field
from math import floor, isinf, isnan, log10
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evaluation import statistics
from files.csv_files import read_table
from harness.afresh import bonett_price, macro_f1, newcombe, wilson
from harness.stored import Arrays, arrays_in, by_arm, run_of

_ATTACKED = "needs the adversarial image, which is not kept"
_NETWORK = "needs the network"
_PREDICTIONS = "needs the predictions, which were not kept"
_TIMED = "was measured while it ran"
_LOGITS = "needs the logits, which are not kept"
#: What predictions tell.
PREDICTED = ("macro_f1", "fooled", "target_rate", "not_finite")
#: Why a column of numbers is taken as it was recorded; those of predictions only without them.
REASONS = {
    **dict.fromkeys(("mean_linf", "mean_l2", "median_l2_moved", "max_linf_to_previous"), _ATTACKED),
    **dict.fromkeys(("fooled_mean_linf", "fooled_mean_l2", "fooled_median_l2"), _ATTACKED),
    **dict.fromkeys(("fooled_mean_l0", "fooled_mean_l0_share", "out_of_range"), _ATTACKED),
    **dict.fromkeys(("rounded_accuracy", "rounds_away"), _ATTACKED),
    **dict.fromkeys(PREDICTED, _PREDICTIONS),
    **dict.fromkeys(("gradient_evaluations", "seconds"), _TIMED),
    **dict.fromkeys(("inference_seconds", "crafting_seconds", "others_share"), _TIMED),
    **dict.fromkeys(("zero_gradient", "gradient_not_finite", "gradient_unresolved"), _NETWORK),
    **dict.fromkeys(("gradient_l1", "gradient_l2", "gradient_unstable", "quantised"), _NETWORK),
    **dict.fromkeys(("silent", "not_rising", "still_rising", "random", "spread"), _NETWORK),
    **dict.fromkeys(("classes", "parameters", "train_accuracy", "validation_accuracy"), _NETWORK),
    "test_accuracy": _NETWORK,
    "top_5_accuracy": _LOGITS,
}
#: What a row is of: names and settings, which nothing is computed from but what they name.
_NAMES = ("case", "variant", "protocol", "defense", "view", "attack")
#: What differs where files are not of one run.
_TOGETHER = ("arm", "number of rows", "images", "network", "stage")
#: The arrays that a run keeps by arm, beside `correct.npz`.
_KEPT = ("predictions", "examples", "patches", "pictured", "details")


@dataclass(frozen=True)
class Difference:
    """A number, or a text, that is not what it should be; `row` and `column` name its place."""

    file: str
    row: str
    column: str
    printed: str
    recomputed: str

    def __str__(self) -> str:
        place = ", ".join(filter(None, (self.file, self.row)))
        return f"{place}: {self.column} is {self.printed}; recomputed: {self.recomputed}"


@dataclass(frozen=True)
class Recorded:
    """The numbers of a column that are taken as they were recorded, and why."""

    file: str
    column: str
    numbers: int
    reason: str


@dataclass
class Verification:
    """What was found of one folder.

    Attributes:
        recomputed: how many numbers and texts were.
    """

    folder: Path
    recomputed: int = 0
    differences: list[Difference] = field(default_factory=list)
    recorded: list[Recorded] = field(default_factory=list)

    @property
    def fits(self) -> bool:
        """Whether the files are of one run, so that a report can be made of them."""
        return not any(each.column in _TOGETHER for each in self.differences)

    def expect(self, file: str, row: str, column: str, printed: Any, expected: Any) -> None:
        """Counts one number or text, and notes it where it differs."""
        self.recomputed += 1
        if not agree(printed, expected):
            shown = (
                f"{each:.6g}" if isinstance(each, float) else str(each) or "empty"
                for each in (printed, expected)
            )
            self.differences.append(Difference(file, row, column, *shown))


def agree(printed: Any, expected: Any) -> bool:
    """Whether a table that writes six digits may write `expected` as `printed`.

    Args:
        expected: a number in full, or the text of one that is rounded to six digits as well, so
            that the two may be a unit of the last digit apart.
    """
    if str(printed) == str(expected):
        return True
    try:
        one, other = float(printed), float(expected)
    except (TypeError, ValueError):
        return False
    if isnan(other) or isinf(other):
        return one == other or (isnan(one) and isnan(other))
    unit = 10.0 ** (floor(log10(abs(other))) - 5) if other else 0.0
    return abs(one - other) <= (1.01 if isinstance(expected, str) else 0.51) * unit + 1e-12


def verify_run(directory: Path) -> Verification:
    """Checks the files that `Results.save` wrote.

    Raises:
        FileNotFoundError: one that every run has is not there.
        ValueError: one cannot be read.
    """
    done = Verification(directory)
    table = read(directory / "table.csv")
    correct = arrays_in(directory / "correct.npz")
    paths = {name: directory / f"{name}.npz" for name in _KEPT}
    kept = {name: by_arm(path) if path.exists() else {} for name, path in paths.items()}
    for column in table.columns.intersection(["epsilon", "epsilon_grey", *REASONS]):
        pd.to_numeric(table[column])
    _check_run(done, run_of(directory / "run.json"), table)
    _check_arms(done, table, correct, kept)
    is_whole = bool(kept["predictions"])
    predicted = kept["predictions"] if is_whole else kept["details"]
    predicted = {arm: arrays for arm, arrays in predicted.items() if "predictions" in arrays}
    for arm, rows in table.groupby("arm", sort=False):
        if len(rows) == len(correct.get(arm, ())):
            _check_counts(done, rows, correct[arm])
            if arm in predicted:
                _check_predicted(done, rows, correct[arm], predicted[arm], is_whole)
    _check_formulas(done, correct)
    tested = _check_trainings(done, directory, table)
    _list_recorded(done, directory, table, predicted, is_whole, tested)
    return done


def read(path: Path) -> pd.DataFrame:
    """A table as the texts that were printed; see `files.csv_files.read_table`."""
    return read_table(path, keep_default_na=False, dtype=str)


def compare_tables(
    done: Verification, file: str, printed: pd.DataFrame, expected: pd.DataFrame, names: list[str]
) -> None:
    """Holds a printed table against the same one made again, both as texts.

    Args:
        names: the columns that tell a reader which row it is.
    """
    for column in [*dict.fromkeys([*printed, *expected])]:
        if column not in printed or column not in expected:
            there = "there" if column in printed else "missing"
            wanted = "missing" if column in printed else "there"
            done.expect(file, "", f"column {column}", there, wanted)
    if len(printed) != len(expected):
        done.expect(file, "", "number of rows", len(printed), len(expected))
        return
    for index in range(len(printed)):
        one, other = printed.iloc[index], expected.iloc[index]
        row = f"line {index + 2} ({', '.join(filter(None, (other[name] for name in names)))})"
        for column in printed.columns.intersection(expected.columns):
            done.expect(file, row, column, one[column], other[column])


def _check_run(done: Verification, run: dict[str, Any], table: pd.DataFrame) -> None:
    told = {"arms": table["arm"].nunique(), "seeds": table["seed"].nunique()}
    told |= {name: ", ".join(table[name].unique()) for name in ("study", "profile")}
    for name, expected in told.items():
        done.expect("run.json", "", name, run.get(name), expected)


def _check_arms(
    done: Verification, table: pd.DataFrame, correct: Arrays, kept: dict[str, dict]
) -> None:
    """Whether all files are of the same arms, which have the names that their columns make up."""
    listed = set(table["arm"])
    files = {"correct": correct, **kept}
    for file, arms in files.items():
        for arm in sorted(set(arms) - listed):
            done.expect(f"{file}.npz", arm, "arm", "there", "not in table.csv")
    for arm in sorted(listed - set(correct)):
        done.expect("table.csv", arm, "arm", "there", "not in correct.npz")
    for arm, rows in table.groupby("arm", sort=False):
        if arm in correct:
            done.expect("table.csv", arm, "number of rows", len(rows), len(correct[arm]))
        names = rows.drop_duplicates([*_NAMES, "seed"])
        for _, row in names.iterrows():
            made = "/".join([*(row[name] for name in _NAMES), f"seed {row['seed']}"])
            done.expect("table.csv", str(arm), "arm", arm, made)
        done.expect("table.csv", str(arm), "number of stages", rows["stage"].nunique(), 1)
    for stage, rows in table.groupby("stage", sort=False):
        outcomes = [correct[arm] for arm in rows["arm"].unique() if arm in correct]
        for other in outcomes[1:]:
            same = np.array_equal(outcomes[0], other)
            done.expect("correct.npz", str(stage), "outcomes of one stage", same, True)


def _check_counts(done: Verification, rows: pd.DataFrame, correct: np.ndarray) -> None:
    """Accuracies and their intervals, of which the first row is that of the clean images."""
    done.expect("table.csv", _name(rows.iloc[0]), "epsilon", rows["epsilon"].iloc[0], 0.0)
    for (_, row), outcome in zip(rows.iterrows(), correct, strict=True):
        count, right = len(outcome), int(outcome.sum())
        low, high = wilson(right, count)
        expected = {"images": count, "correct": right, "accuracy": right / count}
        expected |= {"ci_low": low, "ci_high": high}
        if row["labels"] == "true":  # what is wrong without attack stays so
            lost = int((outcome & ~correct[0]).sum())
            done.expect("correct.npz", _name(row), "right only under attack", lost, 0)
        for column, value in expected.items():
            done.expect("table.csv", _name(row), column, row[column], value)


def _check_predicted(
    done: Verification, rows: pd.DataFrame, correct: np.ndarray, kept: Arrays, is_whole: bool
) -> None:
    """What predictions tell.

    Args:
        is_whole: whether they are as predicted; else what is wrong without attack stays so.
    """
    labels, predictions = (np.asarray(kept[name], np.int64) for name in ("labels", "predictions"))
    clean, targets = predictions[0], kept.get("targets")
    for index, (_, row) in enumerate(rows.iterrows()):
        predicted = predictions[index]
        stays = (clean != labels) & (row["labels"] == "true")
        scored = np.where(stays, clean, predicted)
        turned = predicted != labels if targets is None else predicted == targets
        expected: dict[str, Any] = {"macro_f1": macro_f1(labels, scored)}
        if index:
            expected["fooled"] = int((turned & (predicted >= 0) & (clean == labels)).sum())
        if is_whole:
            expected["not_finite"] = float(np.mean(predicted < 0))
        if is_whole and index and targets is not None:
            expected["target_rate"] = float(np.mean(turned))
        wrong = int(((scored == labels) != correct[index]).sum())
        done.expect("correct.npz", _name(row), "images unlike their predictions", wrong, 0)
        for column, value in expected.items():
            if column in row:
                done.expect("table.csv", _name(row), column, row[column], value)


def _check_formulas(done: Verification, correct: Arrays) -> None:
    """The formulas behind all paired differences, on outcomes of this run.

    Each arm is held against its clean images and against the arm before it.
    """
    before: np.ndarray | None = None
    for arm, outcomes in correct.items():
        pairs = [(outcomes[0], outcome) for outcome in outcomes[1:]]
        if before is not None and before.shape == outcomes.shape:
            pairs += zip(before, outcomes, strict=True)
        before = outcomes
        for number, (first, second) in enumerate(pairs):
            difference = first.astype(float) - second
            ends = {
                "Newcombe": (statistics.newcombe(first, second), newcombe(first, second)),
                "Bonett and Price": (
                    statistics.adjusted_wald(difference),
                    bonett_price(first, second),
                ),
            }
            for name, (printed, expected) in ends.items():
                for end, one, other in zip(("low", "high"), printed, expected, strict=True):
                    row = f"{arm}, pair {number}"
                    done.expect("evaluation.statistics", row, f"{name}, {end}", one, other)


def _check_trainings(done: Verification, directory: Path, table: pd.DataFrame) -> int:
    """Whether trainings agree with their epochs, and with the accuracy of their networks.

    Returns:
        How many rows of `trainings.csv` have their test accuracy recomputed.
    """
    file = "trainings.csv"
    tested: set[int] = set()
    trainings, histories = (read(directory / name) for name in (file, "histories.csv"))
    for stage in sorted(set(histories["stage"]) - set(trainings["stage"])):
        done.expect("histories.csv", stage, "stage", "there", f"not in {file}")
    for _, row in trainings.drop_duplicates("stage").iterrows():
        epochs = histories[histories["stage"] == row["stage"]]
        seconds = float(epochs["seconds"].astype(float).sum())
        done.expect(file, row["stage"], "epochs", row["epochs"], len(epochs))
        done.expect(file, row["stage"], "seconds", row["seconds"], f"{seconds:.6g}")
    for arm, rows in table.groupby("arm", sort=False):
        clean = rows.iloc[0]
        alike = trainings[
            (trainings[["case", "role", "seed"]] == clean[["case", "role", "seed"]]).all(axis=1)
        ]
        if alike.empty:
            done.expect(file, str(arm), "network", "missing", "there")
        name = alike["procedure"].where(
            alike["procedure"] == "none", alike["procedure"] + " " + alike["role"]
        )
        # Others have a filter in front, or are judged on fewer images.
        same = alike[(name == clean["defense"]) & (alike["test_images"] == clean["images"])]
        printed = same["test_accuracy"].unique()
        if len(printed) == 1:  # else networks of several variants
            done.expect(file, str(arm), "test_accuracy", printed[0], clean["accuracy"])
            tested.update(same.index)
    return len(tested)


def _list_recorded(
    done: Verification,
    directory: Path,
    table: pd.DataFrame,
    predicted: Container[str],
    is_whole: bool,
    tested: int,
) -> None:
    """Notes the numbers that are taken as they were recorded."""
    frames = {"table.csv": table, "trainings.csv": read(directory / "trainings.csv")}
    with_predictions = PREDICTED if is_whole else ("macro_f1", "fooled")
    for file, frame in frames.items():
        for column in frame.columns.intersection(list(REASONS)):
            there = frame[column] != ""
            if file == "table.csv" and column in with_predictions:
                there &= ~frame["arm"].map(lambda arm: arm in predicted)
            numbers = int(there.sum())
            if file == "trainings.csv":
                numbers -= {"seconds": numbers, "test_accuracy": tested}.get(column, 0)
            if numbers:
                done.recorded.append(Recorded(file, column, numbers, REASONS[column]))
    histories = read(directory / "histories.csv").drop(columns=["epoch", "stage"])
    for column in histories:
        numbers = int((histories[column] != "").sum())
        done.recorded.append(Recorded("histories.csv", str(column), numbers, _TIMED))


def _name(row: pd.Series) -> str:
    return f"{row['arm']}, epsilon {row['epsilon']}"

"""What was changed in the comparison, the verdicts and the page of a run is found and named."""

import shutil
from pathlib import Path

import pytest

from harness.verify import read
from reports import build_report
from reports.verify import verify_report, verify_verdicts
from studies import STUDIES

COMMITTED = Path(__file__).parents[2] / "reports" / "results"
ICBAI = STUDIES["icbai"]


@pytest.fixture
def copied(tmp_path):
    """A committed report, to be changed."""
    return Path(shutil.copytree(COMMITTED / "icbai" / "laptop", tmp_path / "laptop"))


def changed(path: Path, column: str, before: str, after: str) -> None:
    """Changes the first cell of a table that reads `before`."""
    table = read(path)
    table.loc[table.index[table[column] == before][0], column] = after
    table.to_csv(path, index=False)


def test_a_cell_of_the_comparison_a_verdict_and_a_line(copied):
    measured = read(copied / "comparison.csv").query("faithful != ''").iloc[0]
    changed(copied / "comparison.csv", "faithful", measured["faithful"], "91.5")
    changed(copied / "verdicts.csv", "outcome", "undecided", "refuted")
    text = (copied / "report.md").read_text()
    (copied / "report.md").write_text(text.replace("(+0.2 [-0.2, +0.7] points)", "(+2 points)"))
    comparison, verdict, line = verify_report(ICBAI, copied).differences
    assert (comparison.file, comparison.column) == ("comparison.csv", "faithful")
    assert (comparison.printed, comparison.recomputed) == ("91.5", measured["faithful"])
    assert measured["metric"] in comparison.row
    assert (verdict.file, verdict.column) == ("verdicts.csv", "outcome")
    assert (verdict.printed, verdict.recomputed) == ("refuted", "undecided")
    assert verdict.row.startswith("line ") and "ICB-" in verdict.row
    assert line.file == "report.md" and "(+0.2 [-0.2, +0.7] points)" in line.recomputed


def test_a_report_of_files_that_do_not_belong_together_is_not_made(copied):
    other = COMMITTED / "icbai" / "laptop-imagenet"
    shutil.copy(other / "correct.npz", copied / "correct.npz")
    done = verify_report(ICBAI, copied)
    assert not done.fits
    assert {each.file for each in done.differences} <= {"correct.npz", "table.csv"}


def test_a_row_that_was_left_out(copied):
    verdicts = read(copied / "verdicts.csv")
    verdicts.iloc[1:].to_csv(copied / "verdicts.csv", index=False)
    (difference,) = verify_report(ICBAI, copied).differences
    assert (difference.file, difference.column) == ("verdicts.csv", "number of rows")


def test_verdicts_over_all_runs(tmp_path):
    folder = Path(shutil.copytree(COMMITTED / "icbai", tmp_path / "icbai"))
    assert not verify_verdicts(ICBAI, folder).differences
    changed(folder / "verdicts.csv", "outcome", "refuted", "confirmed")
    (difference,) = verify_verdicts(ICBAI, folder).differences
    assert difference.column == "outcome" and difference.recomputed == "refuted"


@pytest.mark.slow
def test_numbers_of_a_comparison_that_rest_on_recorded_ones_are_counted(tmp_path):
    """As if the times were a quiet machine's."""
    folder = Path(shutil.copytree(COMMITTED / "wpi" / "laptop", tmp_path / "laptop"))
    read(folder / "table.csv").assign(others_share="0").to_csv(folder / "table.csv", index=False)
    build_report(STUDIES["wpi"], folder)
    wpi = verify_report(STUDIES["wpi"], folder)
    assert not wpi.differences
    ratios = {each.column: each for each in wpi.recorded if each.file == "comparison.csv"}
    printed = read(folder / "comparison.csv")
    resting = printed[printed["kind"].isin(["time ratio", "confidence gap"])]
    resting = resting[~resting["faithful"].isin(["", "1"])]  # 1: of MNIST to MNIST
    assert ratios["faithful"].numbers == len(resting) > 50

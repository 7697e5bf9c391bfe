"""Recomputes what a report makes of the files of its run: the comparison, verdicts and pages."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from itertools import zip_longest
from pathlib import Path

import pandas as pd

from harness.claims import Verdict
from harness.results import Results
from harness.study import Study
from harness.verify import (
    PREDICTED,
    REASONS,
    Recorded,
    Verification,
    compare_tables,
    read,
    verify_run,
)
from reports.compare import compare
from reports.page import report_text, verdicts_text
from reports.verdicts import frame, run_in, runs_below, verdicts_of

_RESTS = "rests on recorded times, distances or other numbers of this list"
_PLACE = ["table", "model", "defense", "attack", "epsilon", "metric"]


def verify_report(study: Study, directory: Path) -> Verification:
    """Checks everything in the folder of one run but its pictures.

    Raises:
        FileNotFoundError, ValueError: see `harness.verify.verify_run`.
    """
    done = verify_run(directory)
    if not done.fits:
        return done
    run = run_in(study, directory)
    comparison, verdicts = compare(study, run.results), verdicts_of(study, [run])
    expected = _as_printed(comparison)
    compare_tables(done, "comparison.csv", read(directory / "comparison.csv"), expected, _PLACE)
    _list_recorded(done, study, run.results, expected)
    _check_verdicts(done, directory, verdicts)
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder) / "figures"
        text = report_text(study, run.results, comparison, pictures, verdicts=verdicts)
    compare_lines(done, "report.md", (directory / "report.md").read_text(), text)
    return done


def verify_verdicts(study: Study, directory: Path) -> Verification:
    """Checks the verdicts over all runs of a study, in the folders of `directory`.

    Raises:
        FileNotFoundError, ValueError: a file is not there, or cannot be read.
    """
    done = Verification(directory)
    runs = runs_below(study, directory)
    verdicts = verdicts_of(study, runs)
    _check_verdicts(done, directory, verdicts)
    text = verdicts_text(study, runs, verdicts)
    compare_lines(done, "verdicts.md", (directory / "verdicts.md").read_text(), text)
    return done


def compare_lines(done: Verification, file: str, printed: str, expected: str) -> None:
    """Holds a text against the same one made again, line by line."""
    pairs = zip_longest(printed.splitlines(), expected.splitlines(), fillvalue="")
    for number, (one, other) in enumerate(pairs, 1):
        done.expect(file, f"line {number}", "the text", one, other)


def _check_verdicts(done: Verification, directory: Path, verdicts: Sequence[Verdict]) -> None:
    printed, expected = read(directory / "verdicts.csv"), _as_printed(frame(verdicts))
    compare_tables(done, "verdicts.csv", printed, expected, ["claim", "folder", "where"])


def _as_printed(table: pd.DataFrame) -> pd.DataFrame:
    """A table as the texts that a file has of it."""
    text = table.to_csv(index=False, float_format="%.6g")
    return pd.read_csv(StringIO(text), keep_default_na=False, dtype=str)


def _list_recorded(
    done: Verification, study: Study, results: Results, comparison: pd.DataFrame
) -> None:
    """Notes the numbers of a comparison that change with what was only recorded."""
    other = _as_printed(compare(study, _otherwise_recorded(results)))
    for protocol in study.compared:
        for column in (str(protocol), f"{protocol}_low", f"{protocol}_high"):
            numbers = int((comparison[column] != other[column]).sum())
            if numbers:
                done.recorded.append(Recorded("comparison.csv", column, numbers, _RESTS))


def _otherwise_recorded(results: Results) -> Results:
    """The same outcomes, with other numbers wherever no outcome tells them."""

    def changed(table: pd.DataFrame) -> pd.DataFrame:
        columns = table.columns.intersection(list(REASONS)).difference(PREDICTED)
        # Not all by one factor, as some numbers are ratios.
        return table.assign(**{each: table[each] / (2 + table.index) for each in columns})

    details = {
        arm: {
            name: array / number if array.dtype.kind == "f" else array
            for name, array in arrays.items()
        }
        for number, (arm, arrays) in enumerate(results.details.items(), 2)
    }
    tables = {name: changed(getattr(results, name)) for name in ("table", "trainings")}
    return replace(results, details=details, **tables)

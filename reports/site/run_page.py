"""The full report of one run, as the site shows it."""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from harness.claims import Run
from harness.study import Study
from reports.figures.medium import Medium, drawn_for
from reports.markdown import Page, rendered
from reports.page import report_text
from reports.tables import markdown_table

#: What of a run's results can be downloaded beside its page.
_FILES = ("table.csv", "comparison.csv", "verdicts.csv", "trainings.csv", "histories.csv")
#: What the page has in its own head, and in its own place.
_TITLE = re.compile(r"\A\s*# .*\n")


@dataclass
class Tables:
    """The tables of a page, in their order."""

    frames: list[pd.DataFrame] = field(default_factory=list)

    def markdown(self, frame: pd.DataFrame) -> str:
        """Keeps a table and writes it as Markdown."""
        self.frames.append(frame)
        return markdown_table(frame)

    def write(self, folder: Path) -> None:
        """Writes every table as CSV and LaTeX."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, frame in enumerate(self.frames, 1):
            if not frame.empty:
                stem = folder / f"table-{number:02d}"
                frame.to_csv(stem.with_suffix(".csv"), index=False)
                frame.fillna("").to_latex(stem.with_suffix(".tex"), index=False, escape=True)


@dataclass(frozen=True)
class ShownRun:
    """The report of a run for its page, and the names of the files beside it."""

    report: Page
    tables: Tables
    files: Sequence[str]

    @property
    def entries(self) -> list[tuple[str, str]]:
        """Anchors and texts of its sections."""
        return [(each.anchor, each.text) for each in self.report.headings if each.level == 2]


def shown_run(
    study: Study, run: Run, comparison: pd.DataFrame, source: Path, folder: Path
) -> ShownRun:
    """Draws the figures of a run and copies its tables.

    Args:
        comparison: see `reports.compare.compare`.
        source: the folder of its results.
        folder: of its page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # A link may lead to a file that is not for everybody.
    files = [name for name in _FILES if (source / name).is_file()]
    files = [name for name in files if not (source / name).is_symlink()]
    for name in files:
        shutil.copy(source / name, folder / name)
    tables = Tables()
    with drawn_for(Medium.SITE):
        text = _report(study, run, comparison, folder / "figures", tables)
    return ShownRun(rendered(_TITLE.sub("", text)), tables, files)


def export_run(
    study: Study, run: Run, comparison: pd.DataFrame, tables: Tables, folder: Path
) -> None:
    """Writes the figures of a run as PNG and PDF, and its tables as CSV and LaTeX."""
    for medium in (Medium.REPORT, Medium.PAPER):
        with drawn_for(medium):
            _report(study, run, comparison, folder / "figures", Tables())
    tables.write(folder / "tables")


def _report(
    study: Study, run: Run, comparison: pd.DataFrame, pictures: Path, tables: Tables
) -> str:
    return report_text(study, run.results, comparison, pictures, verdicts=(), table=tables.markdown)

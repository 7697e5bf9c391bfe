"""Turns the results of a study into tables, figures and pages."""

from reports.compare import compare
from reports.page import build_report
from reports.progress import Bars
from reports.summary import summary
from studies.run import Report, results_directory, run_study, study

__all__ = [
    "Bars",
    "Report",
    "build_report",
    "compare",
    "results_directory",
    "run_study",
    "study",
    "summary",
]

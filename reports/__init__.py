"""Turns the results of a study into tables, figures and pages."""

from reports.compare import compare
from reports.page import build_report

__all__ = ["build_report", "compare"]

"""Turns the results of a study into tables, figures and pages; knows no study."""

from reports.compare import compare
from reports.page import build_report, build_verdicts
from reports.progress import Bars
from reports.summary import summary

__all__ = ["Bars", "build_report", "build_verdicts", "compare", "summary"]

"""Writes the site: an index, a page for each study and each of its runs, and pages of reference."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from jinja2 import Environment

from harness.claims import Run
from harness.machine import commit
from harness.stored import refusing
from harness.study import KeyFinding, Study
from reports import key_figure
from reports.figures.medium import Medium
from reports.markdown import figure, linked, picture, rendered
from reports.rendering import environment, inline_html_of
from reports.site.lessons import lessons
from reports.site.reference import attack_entries, network_entries
from reports.site.run_page import export_run, shown_run
from reports.site.study_page import (
    SCALES,
    StudyPage,
    at_reduced_size,
    claim_id,
    gathered,
    ruling_of,
)
from reports.verdicts import runs_below

_TEMPLATES = Path(__file__).parents[1] / "templates" / "site"
_ROOT = Path(__file__).parents[2]
_FLAGS = _ROOT / "evaluation" / "flags.md"
_WORDS = dict(enumerate(("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven")))
_FILES = ("style.css", "site.js")
#: The drawing of what a study comes to, in its folder.
_FINDING = "finding.svg"


@dataclass(frozen=True)
class _Site:
    """Where the site goes, and what all of its pages share."""

    folder: Path
    templates: Environment
    addresses: dict[str, str]
    shared: Mapping[str, Any]

    def write(self, template: str, page: str, **variables: Any) -> None:
        """Writes a page; `page` is its path within the site."""
        up = "../" * page.count("/")
        html = self.templates.get_template(f"site/{template}").render(
            root=up, page=page, **self.shared, **variables
        )
        addresses = {id: up + address for id, address in self.addresses.items()}
        path = self.folder / page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(linked(html, addresses))


def build_site(
    studies: Mapping[str, Study], results: Path, folder: Path, export: Path | None = None
) -> Path:
    """Writes the site from the results of all studies.

    Args:
        studies: by name.
        results: a folder for each study, with one for each of its runs.
        folder: of the site; what an earlier site has there is written over.
        export: a folder for the figures as PNG and PDF and the tables as CSV and LaTeX; `None`
            for none.

    Returns:
        The index.

    Raises:
        FileNotFoundError: there are no results on the data of any study.
        FileExistsError: `folder` holds something else than a site.
    """
    by_study: dict[str, list[Run]] = {}
    for name, study in studies.items():
        with refusing(results / name, "shown"):
            by_study[name] = runs_below(study, results / name)
    by_study = {name: runs for name, runs in by_study.items() if runs}
    if not by_study:
        raise FileNotFoundError(
            f"no results on real data in {results}; first: python reproduce.py run STUDY "
            "--profile laptop"
        )
    _clear(folder)
    for name in _FILES:
        shutil.copy(_TEMPLATES / name, folder / name)
    pages: list[StudyPage] = []
    for name, runs in by_study.items():
        with refusing(results / name, "shown"):
            one = gathered(studies[name], runs)
            if one.finding is not None:
                _draw(one.finding, folder / name, export and export / name)
        pages.append(one)
    addresses = {id: f"{one.study.name}/index.html#{id}" for one in pages for id in one.ids}
    site = _Site(folder, _templates(), addresses, {"built": date.today(), "commit": commit()})
    for one in pages:
        name = one.study.name
        reports = {}
        for run in one.runs:
            page = f"{name}/{run.folder}/index.html"
            comparison, source = one.comparisons[run.folder], results / name / run.folder
            with refusing(source, "shown"):
                shown = shown_run(one.study, run, comparison, source, (folder / page).parent)
            site.write("run.html", page, study=one.study, run=run, shown=shown, pages=pages)
            reports[run.folder] = shown.report
            if export is not None:
                target = export / name / run.folder
                export_run(one.study, run, comparison, shown.tables, target)
        site.write("study.html", f"{name}/index.html", one=one, reports=reports, pages=pages)
    flags = rendered(_FLAGS.read_text())
    site.write("flags.html", "flags.html", text=flags, pages=pages)
    site.write("attacks.html", "attacks.html", attacks=attack_entries(), pages=pages)
    site.write("networks.html", "networks.html", networks=network_entries(), pages=pages)
    site.write("index.html", "index.html", pages=pages, lessons=lessons(pages))
    return folder / "index.html"


def _draw(finding: KeyFinding, folder: Path, export: Path | None) -> None:
    """What a study comes to, for its page, and for print into `export`."""
    key_figure.draw(finding, folder / _FINDING)
    for medium in (Medium.REPORT, Medium.PAPER) if export else ():
        key_figure.draw(finding, export / f"finding{medium}")


def _templates() -> Environment:
    templates = environment()
    templates.filters |= {"paragraph": inline_html_of, "markdown": lambda text: rendered(text).html}
    templates.globals |= {
        "figure": figure,
        "picture": picture,
        "described": key_figure.described,
        "claim_id": claim_id,
        "ruling_of": ruling_of,
        "at_reduced_size": at_reduced_size,
        "in_words": lambda count: _WORDS.get(count, str(count)),
        "scales": SCALES,
        "finding_figure": _FINDING,
        "rulings": rendered(templates.get_template("verdicts.md").module.rulings()).html,
    }
    return templates


def _clear(folder: Path) -> None:
    """An empty folder, or an earlier site taken away."""
    if folder.exists() and any(folder.iterdir()) and not (folder / _FILES[0]).exists():
        raise FileExistsError(f"{folder} holds other files; accepted: a new or empty folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)

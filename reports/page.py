"""The report of a study: figures, a table of comparisons, and the pages that show them."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from evaluation.diagnostics import not_recorded
from harness.claims import Run, Verdict
from harness.results import Results
from harness.study import Study
from reports.compare import Status, compare
from reports.markdown import rendered
from reports.origins import origins
from reports.rendering import environment
from reports.tables import cost, flags, markdown_table, settings
from reports.verdicts import by_claim, measured_on, run_in, runs_below, verdicts_of, written
from reports.worst_case import worst_case

#: To be said wherever a minimum-norm attack is shown within a budget.
ONE_SEARCH = (
    "An attack such as CW looks for the smallest distance and knows no budget. Within one, the "
    "images count for which its single search stayed inside: an attack made for that budget may "
    "turn many more."
)
#: What the published numbers of each status are, in words.
_STATUSES = {
    Status.PUBLISHED: "measured in the published setting",
    Status.REDUCED: "measured at a reduced size",
    Status.OTHER_NETWORK: "measured on a network that stands in for the study's",
    Status.OTHER_DATA: "measured on data that stand in for the study's, which counts as none",
    Status.CLAIM: "judged as a claim",
    Status.NOT_TIMED: "times that other programs may have disturbed",
    Status.NOT_RUN: "measured by arms that were not run here",
    Status.NO_COUNTERPART: "not measurable here, for the reason given beside them",
    Status.SETTING: "settings that the paper profile repeats",
    Status.CHANGED: "settings that the paper profile changes, listed at the end",
    Status.BACKGROUND: "quoted by the study from elsewhere",
}


def build_report(study: Study, directory: Path) -> Path:
    """Writes `comparison.csv`, `verdicts.csv`, `figures/`, `report.md` and `index.html`.

    Args:
        directory: where `Results.save` wrote.

    Returns:
        The HTML page.

    Raises:
        FileNotFoundError: `directory` holds no results.
    """
    run = run_in(study, directory)
    comparison, verdicts = compare(study, run.results), verdicts_of(study, [run])
    # What is there is replaced, and only by all of it: a link in its place leads nowhere.
    with TemporaryDirectory(dir=directory, prefix=".being-written.") as folder:
        new = Path(folder)
        comparison.to_csv(new / "comparison.csv", index=False, float_format="%.6g")
        written(verdicts, new / "verdicts.csv")
        text = report_text(study, run.results, comparison, new / "figures", verdicts=verdicts)
        (new / "report.md").write_text(text)
        templates, title = environment(study.folder), title_of(study, run.results)
        page = templates.get_template("page.html").render(title=title, body=rendered(text).html)
        (new / "index.html").write_text(page)
        shutil.rmtree(directory / "figures", ignore_errors=True)  # of arms that are there no more
        for each in new.iterdir():
            os.replace(each, directory / each.name)
    return directory / "index.html"


def report_text(
    study: Study,
    results: Results,
    comparison: pd.DataFrame,
    pictures: Path,
    *,
    verdicts: Sequence[Verdict],
    table: Callable[[pd.DataFrame], str] = markdown_table,
) -> str:
    """The report of a run as Markdown.

    Args:
        pictures: the folder that they are drawn into.
        verdicts: on the study's claims; without any there is no section on them.
        table: how a table is written.
    """
    return (
        environment(study.folder)
        .get_template("report.md")
        .render(
            title=title_of(study, results),
            study=study,
            run=results.run,
            claims=by_claim(verdicts),
            settings=settings(comparison),
            status=comparison["status"].value_counts().to_dict(),
            statuses=_STATUSES,
            worst_case=worst_case(study, results),
            flags=flags(results),
            not_recorded=not_recorded(results.table),
            warnings=results.warnings,
            one_search=ONE_SEARCH,
            cost=cost(results),
            origins=origins(results),
            takeaways=study.takeaways(results.learned),
            table=table,
            **study.contents(results, comparison, pictures),
        )
    )


def build_verdicts(study: Study, directory: Path) -> Path:
    """Writes `verdicts.csv` and `verdicts.md`, from all results in the folders of `directory`."""
    runs = runs_below(study, directory)
    verdicts = verdicts_of(study, runs)
    written(verdicts, directory / "verdicts.csv")
    (directory / "verdicts.md").write_text(verdicts_text(study, runs, verdicts))
    return directory / "verdicts.md"


def verdicts_text(study: Study, runs: Sequence[Run], verdicts: Sequence[Verdict]) -> str:
    """The verdicts on all runs of a study as Markdown."""
    template = environment(study.folder).get_template("all_verdicts.md")
    return template.render(
        study=study, runs=runs, claims=by_claim(verdicts), measured_on=measured_on
    )


def title_of(study: Study, results: Results) -> str:
    """Of a page, which other pages of the study do not share."""
    run = results.run
    some = "" if run["pattern"] == "*" else f", {run['arms']} of {run['arms_of_the_profile']} arms"
    return f"{study.title} (profile {run['profile']}{some})"

"""The report of a study: figures, a table of comparisons, and the pages that show them."""

import shutil
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markdown_it import MarkdownIt
from markupsafe import Markup

from harness.flags import warnings
from harness.results import Results
from harness.study import Study
from reports.compare import compare
from reports.tables import cost, flags, markdown_table, settings
from studies.icbai import report as icbai
from studies.ntu import report as ntu
from studies.praxis import report as praxis
from studies.rit_mnist import report as rit_mnist
from studies.wpi import report as wpi

#: To be said wherever a minimum-norm attack is shown within a budget.
ONE_SEARCH = (
    "An attack such as CW looks for the smallest distance and knows no budget. Within one, the "
    "images count for which its single search stayed inside: an attack made for that budget may "
    "turn many more."
)
_TEMPLATES = Path(__file__).parent / "templates"
_STUDIES = Path(__file__).parents[1] / "studies"
#: By study: `measure(results)` gives what `compare` asks, `contents(results, comparison,
#: directory)` what its template shows.
_PAGES = {"ntu": ntu, "icbai": icbai, "praxis": praxis, "rit_mnist": rit_mnist, "wpi": wpi}


def build_report(study: Study, directory: Path) -> Path:
    """Writes `comparison.csv`, `verdicts.csv`, `figures/`, `report.md` and `index.html`.

    Args:
        directory: where `Results.save` wrote.

    Returns:
        The HTML page.

    Raises:
        FileNotFoundError: `directory` holds no results.
    """
    results = Results.load(directory, study.compared)
    own = _PAGES[study.name]
    published = pd.read_csv(study.published, keep_default_na=False, dtype=str)
    comparison = compare(published, study.link, own.measure(results), tuple(study.compared))
    comparison.to_csv(directory / "comparison.csv", index=False, float_format="%.6g")
    verdicts = pd.DataFrame([vars(verdict) for verdict in study.claims(results)])
    verdicts.to_csv(directory / "verdicts.csv", index=False)

    shutil.rmtree(directory / "figures", ignore_errors=True)  # of arms that are there no more
    environment = Environment(
        loader=FileSystemLoader([_TEMPLATES, _STUDIES / study.name]),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    text = environment.get_template("report.md").render(
        study=study,
        run=results.run,
        verdicts=verdicts,
        settings=settings(comparison),
        status=comparison["status"].value_counts().to_dict(),
        flags=flags(results),
        warnings=warnings(results.table),
        one_search=ONE_SEARCH,
        cost=cost(results),
        table=markdown_table,
        **own.contents(results, comparison, directory / "figures"),
    )
    (directory / "report.md").write_text(text)
    body = MarkdownIt("commonmark").enable("table").render(text)
    page = environment.get_template("page.html").render(title=study.title, body=Markup(body))
    (directory / "index.html").write_text(page)
    return directory / "index.html"

"""`site`: one static site about all studies."""

from pathlib import Path
from typing import Annotated

import typer

from commands.console import errors, import_tensorflow, say, shown


@errors()
def site(
    to: Annotated[
        Path, typer.Option(help="A new or empty folder, or that of an earlier site.")
    ] = Path("site"),
    results: Annotated[
        Path | None, typer.Option(help="The results of all studies; default: reports/results.")
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(help="Write figures as PNG and PDF and tables as CSV and LaTeX here too."),
    ] = None,
) -> None:
    """Builds a static site about all studies from their results; it opens from disk."""
    import_tensorflow()
    from reports.site import build_site
    from studies import STUDIES
    from studies.run import RESULTS

    say(f"Site: {shown(build_site(STUDIES, results or RESULTS, to, export))}")

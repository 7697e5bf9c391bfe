"""`list`: the studies, or the arms of one."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from commands import catalogue
from commands.console import console, errors, import_tensorflow
from commands.parameters import Profile


@errors()
def list_studies(
    study: Annotated[str | None, typer.Argument(help="List the arms of this study.")] = None,
    profile: Profile = "demo",
) -> None:
    """The studies and their profiles, or the arms of one study."""
    if study is not None:
        catalogue.check(study, profile)
        import_tensorflow()
        from studies import STUDIES

        for arm in STUDIES[study].arms(STUDIES[study].profile(profile)):
            print(arm.key)
        return
    table = Table("study", "what", "profile", "cost")
    for name, listed in catalogue.STUDIES.items():
        for number, row in enumerate(listed.costs.items()):
            about = ("", "") if number else (name, listed.title)
            table.add_row(*map(escape, (*about, *row)), end_section=number == len(listed.costs) - 1)
    console.print(table)

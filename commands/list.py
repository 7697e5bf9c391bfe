"""`list`: the studies, or the arms of one."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from commands.console import console, errors
from commands.parameters import Profile


@errors()
def list_studies(
    study: Annotated[str | None, typer.Argument(help="List the arms of this study.")] = None,
    profile: Profile = "demo",
) -> None:
    """The studies and their profiles, or the arms of one study."""
    from studies import STUDIES, run

    if study is not None:
        chosen = run.study(study)
        for arm in chosen.arms(chosen.profile(profile)):
            print(arm.key)
        return
    table = Table("study", "profile", "arms", "cost", "what")
    for name, listed in STUDIES.items():
        for profile_name, each in listed.profiles.items():
            arms = str(len(listed.arms(each)))
            table.add_row(*map(escape, (name, profile_name, arms, each.cost, listed.title)))
    console.print(table)

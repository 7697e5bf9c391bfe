"""What a shell completes besides options: names, found without TensorFlow."""

import typer

from commands import catalogue
from commands.choices import DataSet, Model


def studies(incomplete: str) -> list[tuple[str, str]]:
    """Names of studies, with what they are about."""
    named = ((name, listed.title) for name, listed in catalogue.STUDIES.items())
    return [each for each in named if each[0].startswith(incomplete)]


def profiles(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Profiles of the study that has been typed, with their cost; without one, of every study."""
    typed = [ctx.params.get("study"), *ctx.args]  # an option without its value ends the reading
    every = [catalogue.STUDIES[name] for name in typed if name in catalogue.STUDIES]
    every = every or list(catalogue.STUDIES.values())
    costs = {name: cost for each in every for name, cost in each.costs.items()}
    return [each for each in costs.items() if each[0].startswith(incomplete)]


def data_sets(incomplete: str) -> list[str]:
    """Names of data sets; where none fits, the shell goes on to files."""
    return [name for name in DataSet if name.startswith(incomplete)]


def weights(incomplete: str) -> list[str]:
    """The beginnings of MODEL=FILE."""
    return [f"{name}=" for name in Model if name.startswith(incomplete)]

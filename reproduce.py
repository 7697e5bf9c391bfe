#!/usr/bin/env python3
"""The command line: run a study, report it, attack, evaluate or export a model.

python reproduce.py list
python reproduce.py plan ntu --profile paper
python reproduce.py run ntu --profile demo
python reproduce.py report ntu --profile demo
python reproduce.py verify
python reproduce.py site
python reproduce.py attack model.h5 --data cifar10 --attack pgd --epsilon 8/255
python reproduce.py evaluate model.h5 --data cifar10
python reproduce.py export ntu --profile demo --network papernot_cnn/cifar10/student --to student.h5
"""

from importlib.metadata import version
from shutil import get_terminal_size
from typing import Annotated

import typer

from commands.attack import attack
from commands.evaluate import evaluate
from commands.export import export
from commands.list import list_studies
from commands.plan import plan
from commands.program import Program
from commands.report import report
from commands.run import run
from commands.site import site
from commands.verify import verify

app = typer.Typer(
    cls=Program,
    # In boxes, a narrow terminal cuts off the names of options.
    rich_markup_mode="rich" if get_terminal_size().columns >= 80 else None,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def print_versions(asked: bool) -> None:
    if asked:
        for package in ("tensorflow", "keras", "cleverhans", "numpy"):
            typer.echo(f"{package} {version(package)}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def main(
    ctx: typer.Context,
    versions: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=print_versions,
            is_eager=True,
            help="Show the versions of what the numbers come from.",
        ),
    ] = False,
) -> None:
    """Run a study, report it, attack, evaluate or export a model."""
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


app.command("list")(list_studies)
app.command()(plan)
app.command()(run)
app.command()(report)
app.command()(verify)
app.command()(site)
app.command()(attack)
app.command()(evaluate)
app.command()(export)

if __name__ == "__main__":
    app()

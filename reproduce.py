"""The command line: run a study, report it, attack, evaluate or export a model.

python reproduce.py list
python reproduce.py run ntu --profile demo
python reproduce.py report ntu --profile demo
python reproduce.py site
python reproduce.py attack model.h5 --data cifar10 --attack pgd --epsilon 8/255
python reproduce.py evaluate model.h5 --data cifar10
python reproduce.py export ntu --profile demo --network papernot_cnn/cifar10/student --to student.h5
"""

from importlib.metadata import version
from typing import Annotated

import typer

from commands.attack import attack
from commands.evaluate import evaluate
from commands.export import export
from commands.list import list_studies
from commands.report import report
from commands.run import run
from commands.site import site

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def print_versions(asked: bool) -> None:
    if asked:
        for package in ("tensorflow", "keras", "cleverhans", "numpy"):
            typer.echo(f"{package} {version(package)}")
        raise typer.Exit


@app.callback()
def main(
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


app.command("list")(list_studies)
app.command()(run)
app.command()(report)
app.command()(site)
app.command()(attack)
app.command()(evaluate)
app.command()(export)

if __name__ == "__main__":
    app()

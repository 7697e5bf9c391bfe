"""The command line: run a study, report it, attack, evaluate or export a model.

python reproduce.py list
python reproduce.py run ntu --profile demo
python reproduce.py report ntu --profile demo
python reproduce.py attack model.h5 --data cifar10 --attack pgd --epsilon 8/255
python reproduce.py evaluate model.h5 --data cifar10
python reproduce.py export ntu --profile demo --network vgg16/cifar10/student --to student.h5
"""

import typer

from commands.attack import attack
from commands.evaluate import evaluate
from commands.export import export
from commands.list import list_studies
from commands.report import report
from commands.run import run

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help=__doc__.splitlines()[0],
    pretty_exceptions_enable=False,
)
app.command("list")(list_studies)
app.command()(run)
app.command()(report)
app.command()(attack)
app.command()(evaluate)
app.command()(export)

if __name__ == "__main__":
    app()

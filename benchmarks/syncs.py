"""The benchmark of transfers: how often each attack reads from the device, and what it uploads.

python -m benchmarks.syncs
python -m benchmarks.syncs --look-every 8 --before earlier.json

Counts, no times, so that it says the same on every machine, with a GPU or without. Each attack
is run twice, with few steps and with more, and what the further steps took is divided by the
number of compiled functions that they called (`benchmarks/transfers.py`).
"""

import json as json_
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated, Any
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import typer  # noqa: E402
from rich.console import Console  # noqa: E402

import attacks  # noqa: E402
from attacks.engine import remaining  # noqa: E402
from benchmarks import networks, report  # noqa: E402
from benchmarks.networks import Network  # noqa: E402
from benchmarks.transfers import Transfers, counted  # noqa: E402

RESULTS = Path(__file__).parent / "results"
IMAGES = 32
#: Within it some images of the small network withstand and others do not.
EPSILON = 0.02
HOW = (
    "Transfers for each call of a compiled function, such as the step of an attack: reads, each of "
    "which lets the queue of a GPU run dry, and their bytes; arrays uploaded, and their bytes; "
    "single numbers handed over. {images} images of 32x32x3 in one batch, on the small CNN; budget "
    "attacks at epsilon {epsilon:g}. What is read or uploaded once, at either end of a run, is not "
    "in it. Attacks that let images leave looked at who is done every {look_every} steps; they do "
    "so every 8 steps where there is a GPU, and at every step where there is none."
)

console = Console()
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Row:
    """An attack of any length.

    Attributes:
        make: the attack of so many steps.
        short, long: the steps of the two runs.
    """

    name: str
    make: Callable[[int], Any]
    short: int = 5
    long: int = 21


ROWS = (
    Row("PGD", attacks.PGD),
    Row("PGD, stop at success", lambda steps: attacks.PGD(steps, stop_at_success=True)),
    Row("momentum", attacks.MomentumIterative),
    Row("APGD", attacks.APGD),
    Row("APGD, stop at success", lambda steps: attacks.APGD(steps, stop_at_success=True)),
    Row("Square", lambda steps: attacks.Square(queries=steps), 70, 134),
    Row("Square, L2", lambda steps: attacks.Square(queries=steps, norm="l2"), 70, 134),
    Row("CW", lambda steps: attacks.CarliniWagner(search_steps=1, steps=steps, initial_c=1.0)),
    Row("DeepFool", attacks.DeepFool, 1, 50),
    Row("FAB", lambda steps: attacks.FAB(steps, final_search=0)),
    Row("DDN", attacks.DDN),
    Row("FMN", attacks.FMN),
    Row("sigma-zero", attacks.SigmaZero),
    Row("JSMA", lambda steps: attacks.JSMA(gamma=2 * steps / 3072, targets=1)),
)


@dataclass(frozen=True)
class Measured:
    """What one call of a compiled function takes, in an attack."""

    name: str
    calls: int
    reads: float
    read_bytes: float
    uploads: float
    upload_bytes: float
    numbers: float


@app.command(help=__doc__.splitlines()[0])
def main(
    only: Annotated[str, typer.Option(help="Rows whose name matches, such as 'Square*'.")] = "*",
    before: Annotated[
        Path | None, typer.Option(help="The JSON of an earlier state, to be shown beside.")
    ] = None,
    look_every: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Steps between two looks at which images are done; default: as on this machine, "
            "see `attacks.engine.remaining`.",
        ),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(help="Default: benchmarks/results/syncs.json, if all rows are run."),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(help="Default: benchmarks/results/syncs.md, if all rows are run."),
    ] = None,
) -> None:
    """Counts every row, and writes JSON and a Markdown table."""
    rows = [row for row in ROWS if fnmatch(row.name, only)]
    if not rows:
        names = ", ".join(row.name for row in ROWS)
        raise typer.BadParameter(f"--only is {only!r}; accepted: a pattern for one of {names}")
    if only == "*":
        json, table = json or RESULTS / "syncs.json", table or RESULTS / "syncs.md"
    earlier = json_.loads(before.read_text()) if before else {"rows": []}
    network = networks.BUILDERS[networks.SMALL]()
    steps = look_every or remaining.look_every()
    with mock.patch("attacks.engine.task.look_every", lambda: steps):
        measured = [measure(row, network) for row in rows]
    console.print(report.screen_table(_HEADER, map(_cells, measured)))
    if json:
        report.write_json(json, as_json(measured, steps))
    if table:
        table.write_text(as_markdown(measured, steps, earlier))


def measure(row: Row, network: Network) -> Measured:
    """What a step takes; what both runs take, such as the classification of results, cancels."""
    run(row.make(row.long), network)  # so that all is compiled
    short, long = (run(row.make(steps), network) for steps in (row.short, row.long))
    calls = long.calls - short.calls
    names = [each.name for each in fields(Measured)][2:]
    per_call = {name: (getattr(long, name) - getattr(short, name)) / calls for name in names}
    return Measured(row.name, calls, **per_call)


def run(attack: attacks.Attack, network: Network) -> Transfers:
    images, labels = network.images[:IMAGES], network.labels[:IMAGES]
    epsilon = {"epsilon": EPSILON} if isinstance(attack, attacks.BudgetAttack) else {}
    with counted() as transfers:
        attack(network.model, images, labels, **epsilon)  # type: ignore[operator]
    return transfers


def as_json(measured: Sequence[Measured], look_every: int) -> dict:
    return {
        **report.machine("benchmarks.syncs"),
        "images": IMAGES,
        "epsilon": EPSILON,
        "look_every": look_every,
        "rows": [asdict(each) for each in measured],
    }


def as_markdown(measured: Sequence[Measured], look_every: int, before: Mapping[str, Any]) -> str:
    parts = [
        "# Transfers between host and device",
        report.where_and_when(report.machine("benchmarks.syncs")),
        HOW.format(images=IMAGES, epsilon=EPSILON, look_every=look_every),
        report.markdown(_HEADER, map(_cells, measured)),
    ]
    if before["rows"]:
        earlier = map(_cells, (Measured(**row) for row in before["rows"]))
        parts += [f"Before, at commit {before['commit']}:", report.markdown(_HEADER, earlier)]
    return "\n\n".join(parts) + "\n"


_HEADER = ["attack", "calls", "reads", "bytes read", "uploads", "bytes uploaded", "numbers"]


def _cells(measured: Measured) -> list[str]:
    return [
        measured.name,
        str(measured.calls),
        f"{measured.reads:.3g}",
        f"{measured.read_bytes:.0f}",
        f"{measured.uploads:.3g}",
        f"{measured.upload_bytes:.0f}",
        f"{measured.numbers:.3g}",
    ]


if __name__ == "__main__":
    sys.exit(app())

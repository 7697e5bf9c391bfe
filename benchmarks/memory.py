"""The benchmark of memory: the peak of attacks, trainings and stages, against what is promised.

python -m benchmarks.memory
python -m benchmarks.memory --only 'evaluate, *'

Each work (`benchmarks/memory_works.py`) runs in a process of its own, first on a few images (one
batch; sixteen in trainings), then on all. A peak is how far the resident memory rises above what
the process holds before the first of these (`benchmarks/peaks.py`).

    bound = the peak of the few images + the outputs + what is promised besides + 64 MiB of slack
    ratio = peak / bound

So what does not fit the bound is memory that grows with the number of images, without need.
Linux only, about ten minutes on two cores; what is measured is kept when it is interrupted.
"""

import json as json_
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import typer  # noqa: E402
from rich.console import Console  # noqa: E402

from benchmarks import memory_works, peaks, report  # noqa: E402
from benchmarks.memory_works import MIB, Row, Work  # noqa: E402

RESULTS = Path(__file__).parent / "results"
#: MiB that the libraries' allocators keep of what was freed, from one run to the next.
SLACK = 64.0
HOW = (
    "Memory in MiB. Every work ran in a process of its own, on a few images (one batch; sixteen in "
    'trainings) and then on all; its peak is how far the process rose above "before", which is '
    "what imports, network and inputs take. The bound is the peak of the few images + the outputs "
    "+ what is promised besides + {slack:g} MiB for what allocators keep. Attacks took few steps; "
    "the rows with two numbers of steps show that the peak does not depend on it."
)
_ROOT = Path(__file__).parents[1]

console = Console()
app = typer.Typer(
    add_completion=False, help=__doc__.splitlines()[0], pretty_exceptions_enable=False
)


@dataclass(frozen=True)
class Measured:
    """The memory of a work, in MiB.

    Attributes:
        before: what the process holds when the inputs are made.
        few_images: the peak on `Work.few` images; 0 where there are none.
        peak: that on all images.
    """

    name: str
    images: int
    before: float
    inputs: float
    outputs: float
    besides: float
    few_images: float
    peak: float

    @property
    def bound(self) -> float:
        return self.few_images + self.outputs + self.besides + SLACK

    @property
    def ratio(self) -> float:
        return self.peak / self.bound

    @property
    def missed(self) -> bool:
        return not self.peak <= self.bound


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    only: Annotated[str, typer.Option(help="Rows whose name matches, such as 'fit*'.")] = "*",
    json: Annotated[
        Path | None,
        typer.Option(help="Default: benchmarks/results/memory.json, if all rows are run."),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(help="Default: benchmarks/results/memory.md, if all rows are run."),
    ] = None,
) -> None:
    """Measures every row, and writes JSON and a Markdown table; fails where a bound is missed."""
    if context.invoked_subcommand:
        return
    if not peaks.is_measurable():
        console.print("Only Linux reports the peak of a process.")
        raise typer.Exit(1)
    if only == "*":
        json, table = json or RESULTS / "memory.json", table or RESULTS / "memory.md"
    for path in filter(None, (json, table)):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        rows = memory_works.selected(only)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None

    def save(measured: list[Measured]) -> None:
        if json:
            report.write_json(json, as_json(measured))
        if table:
            table.write_text(as_markdown(measured))

    if any(each.missed for each in run(rows, save)):
        raise typer.Exit(1)


def run(
    rows: Sequence[Row], save: Callable[[list[Measured]], None] = lambda measured: None
) -> list[Measured]:
    """Measures rows; `save` is called after each with all that has been measured."""
    measured: list[Measured] = []
    for row in rows:
        with console.status(row.name):
            measured.append(alone(row))
        save(measured)
        line = ", ".join(map(" ".join, zip(_HEADER[1:], _cells(measured[-1])[1:])))
        console.print(f"{row.name}: {line}", soft_wrap=True, highlight=False)
    return measured


def alone(row: Row) -> Measured:
    """`measure` in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.memory", "peak", row.name]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return Measured(**json_.loads(done.stdout.splitlines()[-1]))


def measure(name: str, work: Work) -> Measured:
    """The memory of a work in this process, which no other work has used."""
    before = peaks.resident()
    counts = [work.few, work.images] if work.few else [work.images]
    *few_images, peak = peaks.rises(*(lambda count=count: work.run(count) for count in counts))
    return Measured(
        name,
        work.images,
        before,
        work.inputs / MIB,
        work.outputs / MIB,
        work.besides / MIB,
        max(few_images, default=0.0),
        peak,
    )


@app.command("peak", hidden=True)
def print_measured(name: str) -> None:
    """Prints the memory of one work as JSON."""
    [row] = [row for row in memory_works.ROWS if row.name == name]
    print(json_.dumps(asdict(measure(name, row.make()))))


def as_json(measured: Sequence[Measured]) -> dict:
    return {
        **report.machine("benchmarks.memory"),
        "unit": "MiB",
        "slack": SLACK,
        "rows": [
            {**asdict(each), "bound": each.bound, "ratio": each.ratio, "missed": each.missed}
            for each in measured
        ],
    }


def as_markdown(measured: Sequence[Measured]) -> str:
    parts = [
        "# Memory: peaks and their bounds",
        report.where_and_when(report.machine("benchmarks.memory")),
        HOW.format(slack=SLACK),
        report.markdown(_HEADER, map(_cells, measured)),
    ]
    return "\n\n".join(parts) + "\n"


_COLUMNS = ("before", "inputs", "few images", "outputs", "besides", "peak", "bound")
_HEADER = ["work", "images", *_COLUMNS, "ratio"]


def _cells(measured: Measured) -> list[str]:
    memory = [getattr(measured, column.replace(" ", "_")) for column in _COLUMNS]
    return [
        measured.name,
        f"{measured.images:,}",
        *(f"{each:.0f}" for each in memory),
        f"{measured.ratio:.2f}" + (" (missed)" if measured.missed else ""),
    ]


if __name__ == "__main__":
    sys.exit(app())

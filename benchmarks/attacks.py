"""The benchmark of the attacks against other libraries and the bare gradient.

python -m benchmarks.attacks
python -m benchmarks.attacks --only 'PGD*' --repeats 5
python -m benchmarks.attacks --quick --json /tmp/attacks.json

Every library does the same work: the same Keras model, images, steps and gradient budget
(`benchmarks/rows.py`; how each is called: `benchmarks/peers.py`, and `benchmarks/pytorch.py` for
the authors' own code). They take turns in one run (`benchmarks/timing.py`) with the bare compiled
passes (`benchmarks/bare.py`).

    ratio      = median time of a library / our median time
    efficiency = median time of the bare passes that our attack did / our median time
    memory     = our peak / that of the leanest library (`benchmarks/peaks.py`)

A full run takes an hour on two cores that do nothing else; what is measured is kept when it is
interrupted. `--only` runs some rows, to be written to files of their own.
"""

import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf  # noqa: E402
import typer  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: E402

from benchmarks import libraries, ours, peaks, report, rows  # noqa: E402
from benchmarks.measuring import Bench, Measured  # noqa: E402
from benchmarks.timing import Timings  # noqa: E402

RESULTS = Path(__file__).parent / "results"
QUICK_STEPS, QUICK_IMAGES = 2, 8
AT_LEAST = 10.0  # seconds for the runs of one row

console = Console()
app = typer.Typer(
    add_completion=False, help=__doc__.splitlines()[0], pretty_exceptions_enable=False
)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    only: Annotated[str, typer.Option(help="Rows whose name matches, such as 'PGD*'.")] = "*",
    repeats: Annotated[int, typer.Option(help="Runs of which the median is taken.")] = 3,
    json: Annotated[
        Path | None,
        typer.Option(help="Default: benchmarks/results/attacks.json, if all rows are run."),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(help="Default: benchmarks/results/attacks.md, if all rows are run."),
    ] = None,
    quick: Annotated[
        bool, typer.Option(help="A few steps of a few images, no memory: a test.")
    ] = False,
) -> None:
    """Times every row, measures its memory, and writes JSON and a Markdown table."""
    if context.invoked_subcommand:
        return
    if repeats < 3:
        raise typer.BadParameter(f"--repeats is {repeats}; accepted: 3 or more")
    if only == "*" and not quick:
        json, table = json or RESULTS / "attacks.json", table or RESULTS / "attacks.md"
    for path in filter(None, (json, table)):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        chosen, scalings = rows.selected(only)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    for line in libraries.missing():
        console.print(f"[yellow]{line}[/]")

    def save(measured, scaled):
        if json:
            report.write_json(json, report.as_json(measured, scaled, repeats))
        if table:
            table.write_text(report.as_markdown(measured, scaled, repeats))

    measured, scaled = run(chosen, scalings, repeats, quick, save)
    for each in report.on_screen(measured, scaled):
        console.print(each)
    if unequal := [each.row.name for each in measured if "equality" in report.missed(each)]:
        console.print(f"[red]images differ from those of CleverHans: {'; '.join(unequal)}[/]")
        raise typer.Exit(1)


def run(
    chosen: Sequence[rows.Row],
    scalings: Sequence[rows.Scaling],
    repeats: int,
    quick: bool = False,
    save: Callable[[list[Measured], list], None] = lambda measured, scaled: None,
) -> tuple[list[Measured], list[tuple[rows.Scaling, Timings]]]:
    """Measures rows and scalings with the libraries that are installed, showing progress.

    `save` is called after each of them with all that has been measured, so that an interrupted
    run leaves what it has.
    """
    if quick:
        chosen = [row.shortened(QUICK_STEPS, QUICK_IMAGES) for row in chosen]
        scalings = [each.shortened(QUICK_STEPS, QUICK_IMAGES) for each in scalings]
    bench = Bench(libraries.available())
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    # Drawn between runs only: a thread that draws would take part in them.
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as progress:
        task = progress.add_task("")

        def saying(name: str):
            def say(text: str) -> None:
                progress.update(task, description=f"{name}: {text}", refresh=True)

            return say

        measured, scaled = [], []
        for row in chosen:
            each = bench.measure(row, repeats, saying(row.name), 0.0 if quick else AT_LEAST)
            if row.memory and peaks.is_measurable() and not quick:
                each = replace(each, memory=_peaks(bench, row, saying(row.name)))
            measured.append(each)
            save(measured, scaled)
            progress.console.print(report.line(each), soft_wrap=True, highlight=False)
        for scaling in scalings:
            scaled.append((scaling, bench.scale(scaling, repeats, saying(scaling.name))))
            save(measured, scaled)
    return measured, scaled


def _peaks(bench: Bench, row: rows.Row, say) -> dict[str, float]:
    """Peak memory of each contestant, in MiB."""
    by_name = {}
    with tempfile.TemporaryDirectory() as folder:
        bench.network(row.network).save(Path(folder))
        for each in bench.contestants(row):
            say(f"memory of {each.name}")
            by_name[each.name] = peaks.peak_of(row.name, each.name, Path(folder))
    return by_name


@app.command(hidden=True)
def peak(row: str, library: str, folder: Path) -> None:
    """Prints the peak memory of one work by one library, in MiB."""
    [chosen], _ = rows.selected(row)
    kind = {ours.NAME: ours.Ours, **libraries.available()}[library]
    print(peaks.peak(chosen, kind, folder))


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the other libraries give many
    tf.get_logger().setLevel("ERROR")
    sys.exit(app())

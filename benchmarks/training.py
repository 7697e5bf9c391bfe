"""The benchmark of training: images per second of every trainer, as ratios to plain `fit`.

python -m benchmarks.training
python -m benchmarks.training --only 'rit_cnn, *' --repeats 5
python -m benchmarks.training --quick --json /tmp/training.json

Each work (`benchmarks/training_works.py`) takes turns with an epoch of plain `fit` of the same
network on the same images, in random order (`benchmarks/timing.py`).

    images/s   = images that an epoch trains on / its median time
    times fit  = median time for each image / that of plain fit
    made once  = median time of what is made before the first epoch / that of an epoch of plain fit
    efficiency = median time of the bare compiled training step, on batches that lie ready, / that
                 of plain fit with its pipeline, metrics and callbacks

What is measured is kept when it is interrupted.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf  # noqa: E402
import typer  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: E402

from benchmarks import report, training_works  # noqa: E402
from benchmarks.timing import Contestant, Timings, alternate  # noqa: E402
from benchmarks.training_works import BARE, BATCH, Row  # noqa: E402

RESULTS = Path(__file__).parent / "results"
QUICK_IMAGES = 32
AT_LEAST = 10.0  # seconds for the runs of one row
FIT, EPOCH, ONCE = "plain fit", "epoch", "once"
HOW = (
    "Batches of {batch}. Times are medians of {repeats} runs or more of one epoch; each work took "
    'turns with plain `fit`, after one run of both that is not counted. "times fit" is the time '
    "for each image it trains on / that of plain fit. What is made once is in epochs of plain fit. "
    "Efficiency is the time of a bare compiled training step on batches that lie ready / that of "
    "plain fit, the goal in parentheses."
)

console = Console()
app = typer.Typer(
    add_completion=False, help=__doc__.splitlines()[0], pretty_exceptions_enable=False
)


@dataclass(frozen=True)
class Measured:
    """The measurements of a row: the times of `FIT`, `EPOCH` and perhaps `ONCE`.

    Attributes:
        images: how many images an epoch of the work trains on; plain fit trains on `row.images`.
    """

    row: Row
    timings: Timings
    images: int

    @property
    def speeds(self) -> dict[str, float]:
        """Images per second of plain fit and of the work."""
        medians = self.timings.medians
        return {FIT: self.row.images / medians[FIT], EPOCH: self.images / medians[EPOCH]}

    @property
    def times_fit(self) -> float:
        return self.speeds[FIT] / self.speeds[EPOCH]

    @property
    def made_once(self) -> float | None:
        """The time of what is made once, in epochs of plain fit."""
        medians = self.timings.medians
        return medians[ONCE] / medians[FIT] if ONCE in medians else None

    @property
    def efficiency(self) -> float | None:
        return self.times_fit if self.row.work == BARE else None

    @property
    def missed(self) -> bool:
        return self.efficiency is not None and self.efficiency < (self.row.goal or 0)


@app.callback(invoke_without_command=True)
def main(
    only: Annotated[str, typer.Option(help="Rows whose name matches, such as '*Trades*'.")] = "*",
    repeats: Annotated[int, typer.Option(help="Runs of which the median is taken.")] = 3,
    json: Annotated[
        Path | None,
        typer.Option(help="Default: benchmarks/results/training.json, if all rows are run."),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(help="Default: benchmarks/results/training.md, if all rows are run."),
    ] = None,
    quick: Annotated[bool, typer.Option(help="A few images: a test.")] = False,
) -> None:
    """Times every row and writes JSON and a Markdown table."""
    if repeats < 3:
        raise typer.BadParameter(f"--repeats is {repeats}; accepted: 3 or more")
    if only == "*" and not quick:
        json, table = json or RESULTS / "training.json", table or RESULTS / "training.md"
    for path in filter(None, (json, table)):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        rows = training_works.selected(only)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if quick:
        rows = [replace(row, images=QUICK_IMAGES) for row in rows]

    def save(measured: list[Measured]) -> None:
        if json:
            report.write_json(json, as_json(measured, repeats))
        if table:
            table.write_text(as_markdown(measured, repeats))

    measured = run(rows, repeats, 0.0 if quick else AT_LEAST, save)
    console.print(report.screen_table(_HEADER, map(_cells, measured)))


def run(
    rows: Sequence[Row],
    repeats: int,
    at_least: float,
    save: Callable[[list[Measured]], None] = lambda measured: None,
) -> list[Measured]:
    """Measures rows, showing progress.

    `save` is called after each with all that has been measured.
    """
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    # Drawn between runs only: a thread that draws would take part in them.
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as progress:
        task = progress.add_task("")
        measured = []
        for row in rows:

            def say(text: str, name=row.name) -> None:
                progress.update(task, description=f"{name}: {text}", refresh=True)

            measured.append(measure(row, repeats, at_least, say))
            save(measured)
            line = ", ".join(map(" ".join, zip(_HEADER[1:], _cells(measured[-1])[1:])))
            progress.console.print(f"{row.name}: {line}", soft_wrap=True, highlight=False)
    return measured


def measure(
    row: Row, repeats: int, at_least: float = 0.0, say: Callable[[str], None] = lambda text: None
) -> Measured:
    """A work and plain fit, `repeats` times each, and more often until `at_least` seconds."""
    on = training_works.setting(row.network, row.images)
    work = row.make(on)
    contestants = [] if work.once is None else [Contestant(ONCE, work.once)]
    contestants += [
        Contestant(EPOCH, work.epoch),
        Contestant(FIT, training_works.plain_fit(on).epoch),
    ]
    for each in contestants:
        say(f"{each.name}, warm-up")
        each.run()
    return Measured(row, alternate(contestants, repeats, say, at_least), work.images)


def as_json(measured: Sequence[Measured], repeats: int) -> dict:
    return {
        **report.machine("benchmarks.training"),
        "repeats": repeats,
        "batch_size": BATCH,
        "rows": [
            {
                "name": each.row.name,
                "network": each.row.network,
                "work": each.row.work,
                "images": {FIT: each.row.images, EPOCH: each.images},
                "seconds": each.timings.seconds,
                "medians": each.timings.medians,
                "images_per_second": each.speeds,
                "times_fit": each.times_fit,
                "made_once_in_epochs_of_fit": each.made_once,
                "efficiency": each.efficiency,
                "goal": each.row.goal,
                "missed": each.missed,
            }
            for each in measured
        ],
    }


def as_markdown(measured: Sequence[Measured], repeats: int) -> str:
    parts = [
        "# Training: images per second",
        report.where_and_when(report.machine("benchmarks.training")),
        HOW.format(repeats=repeats, batch=BATCH),
        report.markdown(_HEADER, map(_cells, measured)),
    ]
    return "\n\n".join(parts) + "\n"


_HEADER = ["work", "images/s", "plain fit, images/s", "times fit", "made once", "efficiency"]


def _cells(measured: Measured) -> list[str]:
    efficiency = "-"
    if measured.efficiency is not None:
        goal = f"{measured.row.goal:g}" + (", missed" if measured.missed else "")
        efficiency = f"{measured.efficiency:.2f} ({goal})"
    return [
        measured.row.name,
        f"{measured.speeds[EPOCH]:.0f}",
        f"{measured.speeds[FIT]:.0f}",
        f"{measured.times_fit:.2f}",
        "-" if measured.made_once is None else f"{measured.made_once:.2f}",
        efficiency,
    ]


if __name__ == "__main__":
    tf.get_logger().setLevel("ERROR")
    sys.exit(app())

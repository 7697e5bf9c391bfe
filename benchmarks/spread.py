"""The benchmark of runs on Ray: two workers beside one, and one beside a run without Ray.

python -m benchmarks.spread
python -m benchmarks.spread --repeats 5 --arms '*T = 20/corrected*' --json /tmp/spread.json

The same part of NTU's demo (`--arms`) is run from nothing: without Ray, with one worker
for all cores, and with two. They take turns, in random order (`benchmarks/timing.py`). Times are of
the whole command: start, stages and report. TensorFlow has as many threads in each, so that all
come to the same numbers; one worker alone keeps more than one core busy.

    two workers / one = median time of two workers / that of one
    one worker / local = median time of one worker / that of a run without Ray
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import typer  # noqa: E402
from rich.console import Console  # noqa: E402

from benchmarks import report  # noqa: E402
from benchmarks.timing import Contestant, Timings, alternate  # noqa: E402

RESULTS = Path(__file__).parent / "results"
#: Two teachers with a student each that do not wait for each other, and five attacks.
ARMS = "*T = */corrected*"
LOCAL, ONE, TWO = "local", "one worker", "two workers"
HOW = (
    "`reproduce.py run ntu --arms '{arms}'` from nothing, start and report included; medians of "
    "{repeats} runs, which took turns, after one of each that is not counted. TensorFlow has as "
    "many threads in each, one for every core."
)
_ROOT = Path(__file__).parents[1]

console = Console()
app = typer.Typer(
    add_completion=False, help=__doc__.splitlines()[0], pretty_exceptions_enable=False
)


@dataclass(frozen=True)
class Measured:
    """The seconds of every run, by where its stages were done."""

    arms: str
    timings: Timings

    @property
    def ratios(self) -> dict[str, float]:
        medians = self.timings.medians
        return {
            "two workers / one": medians[TWO] / medians[ONE],
            "one worker / local": medians[ONE] / medians[LOCAL],
        }

    @property
    def overhead(self) -> float:
        """Seconds that Ray takes with one worker: to start, and to hand over every stage."""
        return self.timings.medians[ONE] - self.timings.medians[LOCAL]


@app.callback(invoke_without_command=True)
def main(
    arms: Annotated[str, typer.Option(help="Arms of NTU's demo.")] = ARMS,
    repeats: Annotated[int, typer.Option(help="Runs of which the median is taken.")] = 3,
    json: Annotated[
        Path | None, typer.Option(help="Default: benchmarks/results/spread.json.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(help="Default: benchmarks/results/spread.md.")
    ] = None,
) -> None:
    """Times runs and writes JSON and a Markdown table."""
    if repeats < 3:
        raise typer.BadParameter(f"--repeats is {repeats}; accepted: 3 or more")
    if find_spec("ray") is None:
        raise typer.BadParameter("Ray is not installed (pip install -r requirements-ray.txt)")
    cores = os.cpu_count() or 1
    if cores < 2:
        raise typer.BadParameter("this machine has one core; accepted: two or more")
    if arms == ARMS:
        json, table = json or RESULTS / "spread.json", table or RESULTS / "spread.md"
    options = {
        LOCAL: [],
        ONE: ["--on", "ray", "--cpus-per-stage", str(cores)],
        TWO: ["--on", "ray", "--cpus-per-stage", str(cores // 2)],
    }
    contestants = [
        Contestant(name, lambda more=more: run(arms, more)) for name, more in options.items()
    ]
    for each in contestants:
        console.print(f"{each.name}, not counted")
        each.run()
    measured = Measured(arms, alternate(contestants, repeats, console.print))
    if json:
        report.write_json(json, as_json(measured, repeats))
    if table:
        table.write_text(as_markdown(measured, repeats))
    console.print(report.screen_table(_HEADER, _cells(measured)))


def run(arms: str, options: list[str]) -> None:
    """Runs the arms in a process of its own, with nothing to start from."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "reproduce.py", "run", "ntu", "--quiet", "--arms", arms]
        places = ["--runs", f"{folder}/runs", "--results", f"{folder}/results"]
        done = subprocess.run(
            [*command, *places, *options], cwd=_ROOT, capture_output=True, text=True
        )
    if done.returncode:
        raise RuntimeError(f"{' '.join(done.args)} failed:\n{done.stderr[-2000:]}")


def as_json(measured: Measured, repeats: int) -> dict:
    return {
        **_machine(),
        "repeats": repeats,
        "arms": measured.arms,
        "seconds": measured.timings.seconds,
        "medians": measured.timings.medians,
        "ratios": measured.ratios,
        "overhead_of_one_worker_in_seconds": measured.overhead,
    }


def as_markdown(measured: Measured, repeats: int) -> str:
    parts = [
        "# Runs on Ray",
        report.where_and_when(_machine()),
        HOW.format(arms=measured.arms, repeats=repeats),
        report.markdown(_HEADER, _cells(measured)),
        f"With one worker Ray takes {measured.overhead:.0f} s more.",
    ]
    return "\n\n".join(parts) + "\n"


_HEADER = [LOCAL + ", s", ONE + ", s", TWO + ", s", "two workers / one", "one worker / local"]


def _cells(measured: Measured) -> list[list[str]]:
    medians = measured.timings.medians
    seconds = [f"{medians[name]:.1f}" for name in (LOCAL, ONE, TWO)]
    return [seconds + [f"{ratio:.2f}" for ratio in measured.ratios.values()]]


def _machine() -> dict:
    facts = report.machine("benchmarks.spread")
    return facts | {"versions": facts["versions"] | {"ray": version("ray")}}


if __name__ == "__main__":
    sys.exit(app())

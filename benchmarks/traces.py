"""The benchmark of like networks in one model: a study's arms with it, and without.

python -m benchmarks.traces
python -m benchmarks.traces --study rit_mnist --repeats 5 --json /tmp/traces.json

The networks of a study's demo are trained once. Then all its arms are attacked in a new process,
where every network whose layers are those of the one before is loaded into that one's model, so
that its compiled steps serve again; and in another process, where each network has a model of its
own. The two take turns, in random order (`benchmarks/timing.py`). Times are of the attacks with
what is compiled for them, without the start of the program.

    before / after = median time with a model for each network / that with one for like networks
"""

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Annotated, Any, TypeVar
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
import typer  # noqa: E402
from rich.console import Console  # noqa: E402

from benchmarks import report  # noqa: E402
from benchmarks.timing import Contestant, Timings, alternate  # noqa: E402
from harness import plan as plans  # noqa: E402
from harness.plan import Kind, Plan  # noqa: E402
from harness.runner import Runner  # noqa: E402
from harness.store import Store  # noqa: E402
from harness.views import Views  # noqa: E402
from studies import STUDIES  # noqa: E402

RESULTS = Path(__file__).parent / "results"
PROFILE = "demo"
ONE, OWN = "one model for like networks", "a model for each network"
HOW = (
    "The attacks of each study's demo with what is compiled for them, in a process that has "
    "compiled nothing; medians of {repeats} runs each way, which took turns. Outcomes are the "
    "same to the bit."
)

T = TypeVar("T")
#: By arm and name, what was measured of every image.
Outcomes = dict[str, dict[str, np.ndarray]]

console = Console()
app = typer.Typer(
    add_completion=False, help=__doc__.splitlines()[0], pretty_exceptions_enable=False
)


@dataclass(frozen=True)
class Measured:
    """The seconds of every run of a study's arms, by how networks became models."""

    study: str
    networks: int
    arms: int
    timings: Timings

    @property
    def ratio(self) -> float:
        return self.timings.medians[OWN] / self.timings.medians[ONE]


@app.callback(invoke_without_command=True)
def main(
    study: Annotated[
        list[str] | None, typer.Option(help="A study; repeatable. Default: all.")
    ] = None,
    repeats: Annotated[int, typer.Option(help="Runs of which the median is taken.")] = 3,
    json: Annotated[
        Path | None, typer.Option(help="Default: benchmarks/results/traces.json, of all studies.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(help="Default: benchmarks/results/traces.md, of all studies.")
    ] = None,
) -> None:
    """Times the attacks of demos and writes JSON and a Markdown table."""
    if repeats < 3:
        raise typer.BadParameter(f"--repeats is {repeats}; accepted: 3 or more")
    for name in study or ():
        if name not in STUDIES:
            raise typer.BadParameter(f"--study is {name!r}; accepted: {', '.join(STUDIES)}")
    if not study:
        json, table = json or RESULTS / "traces.json", table or RESULTS / "traces.md"
    measured = [measure(name, repeats) for name in study or STUDIES]
    if json:
        report.write_json(json, as_json(measured, repeats))
    if table:
        table.write_text(as_markdown(measured, repeats))
    console.print(report.screen_table(_HEADER, map(_cells, measured)))


def measure(study: str, repeats: int) -> Measured:
    """Trains the networks of a study's demo and times its attacks.

    Raises:
        RuntimeError: the two ways differ in the outcome of an image.
    """
    todo = plans.plan(STUDIES[study], STUDIES[study].profile(PROFILE))
    with TemporaryDirectory() as folder:
        trained = Path(folder) / "trained"
        console.print(f"{study}: {len(todo.trainings)} networks are trained")
        in_new_process(train, study, trained)
        first: list[Outcomes] = []
        seconds: dict[str, list[float]] = {ONE: [], OWN: []}

        def run(way: str) -> None:
            took, outcomes = in_new_process(attack, study, trained, way == ONE)
            seconds[way].append(took)
            first.append(outcomes) if not first else check_equal(first[0], outcomes)

        ways = [Contestant(way, partial(run, way)) for way in (ONE, OWN)]
        # Which takes turns; the times that it returns have the start of the program in them.
        alternate(ways, repeats, lambda text: console.print(f"{study}: {text}"))
    return Measured(study, len(todo.trainings), len(todo.arms), Timings(seconds))


def in_new_process(work: Callable[..., T], *arguments: Any) -> T:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def train(study: str, folder: Path) -> None:
    """Trains the networks of a study's demo into a folder."""
    todo = plans.plan(STUDIES[study], STUDIES[study].profile(PROFILE))
    Runner(Store(folder)).run(Plan(todo.trainings, [], todo.pattern), _Silent())


def attack(study: str, trained: Path, share: bool) -> tuple[float, Outcomes]:
    """The seconds that all attacks of a study's demo took, and their outcomes by arm.

    Args:
        trained: the folder of the networks.
        share: whether like networks share a model.
    """
    todo = plans.plan(STUDIES[study], STUDIES[study].profile(PROFILE))
    with TemporaryDirectory() as folder:
        runner = Runner(Store(copytree(trained, Path(folder) / "runs")))
        with _sharing(share):
            runner.run(todo, _Silent())
        stages = [stage for stage in todo.stages if stage.kind != Kind.TRAIN]
        took = [runner.store.seconds(runner.stage_path(stage)) for stage in stages]
        if None in took:
            raise RuntimeError(f"{took.count(None)} of {len(took)} stages have no time")
        return sum(took), {arm.key: runner.outcomes(arm).arrays for arm in todo.arms}


def _sharing(share: bool) -> Any:
    """Within it, a model takes the weights of like networks, or else of none but its own."""
    takes = Views.takes if share else lambda views, training: views.training == training
    return mock.patch.object(Views, "takes", takes)


def check_equal(expected: Outcomes, found: Outcomes) -> None:
    """Raises RuntimeError where an array differs that is no time."""
    for arm, arrays in expected.items():
        for name, array in arrays.items():
            if "seconds" in name or name == "others_share":
                continue
            is_float = np.issubdtype(array.dtype, np.floating)  # others cannot be asked for NaN
            if not np.array_equal(array, found[arm][name], equal_nan=is_float):
                raise RuntimeError(f"{arm}: {name} differs between the two ways")


class _Silent:
    """A progress that shows nothing."""

    def plan(self, stages: int) -> None: ...

    def found(self, title: str) -> None: ...

    def remark(self, sentence: str) -> None: ...

    @contextmanager
    def stage(self, title: str) -> Iterator[Callable[[float, str], None]]:
        yield lambda share, words: None


def as_json(measured: list[Measured], repeats: int) -> dict:
    return {
        **report.machine("benchmarks.traces"),
        "repeats": repeats,
        "studies": [
            {
                "study": each.study,
                "networks": each.networks,
                "arms": each.arms,
                "seconds": each.timings.seconds,
                "medians": each.timings.medians,
                "before / after": each.ratio,
            }
            for each in measured
        ],
    }


def as_markdown(measured: list[Measured], repeats: int) -> str:
    parts = [
        "# Like networks in one model",
        report.where_and_when(report.machine("benchmarks.traces")),
        HOW.format(repeats=repeats),
        report.markdown(_HEADER, map(_cells, measured)),
    ]
    return "\n\n".join(parts) + "\n"


_HEADER = ["study", "networks", "arms", f"{OWN}, s", f"{ONE}, s", "before / after"]


def _cells(measured: Measured) -> list[str]:
    medians = measured.timings.medians
    return [
        measured.study,
        str(measured.networks),
        str(measured.arms),
        *(f"{medians[way]:.1f}" for way in (OWN, ONE)),
        f"{measured.ratio:.2f}",
    ]


if __name__ == "__main__":
    sys.exit(app())

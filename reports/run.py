"""From a study's name to its report."""

from dataclasses import dataclass
from pathlib import Path

from reports.page import build_report
from reports.progress import Bars
from studies import STUDIES
from studies.results import Results, collect
from studies.runner import Progress, Runner, plan
from studies.store import Store
from studies.study import Study

_ROOT = Path(__file__).resolve().parents[1]
RUNS = _ROOT / "runs"


@dataclass(frozen=True)
class Report:
    """Results in memory, and the page that shows them."""

    results: Results
    page: Path


def study(name: str) -> Study:
    """The study called `name`; ValueError for an unknown one."""
    if name not in STUDIES:
        raise ValueError(f"study is {name!r}; accepted: {', '.join(STUDIES)}")
    return STUDIES[name]


def results_directory(name: str, profile: str) -> Path:
    """Where the results of a study are kept."""
    return _ROOT / "reports" / "results" / name / profile


def run_study(
    name: str,
    profile: str = "demo",
    *,
    arms: str = "*",
    data_dir: Path | None = None,
    runs: Path = RUNS,
    directory: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Trains, attacks, measures and reports; what was done before is not done again.

    Args:
        name: of the study.
        profile: "demo", "laptop" or "paper".
        arms: a shell pattern for the names of arms.
        data_dir: see `data.load`.
        runs: the artifact store.
        directory: for results and report; default `reports/results/NAME/PROFILE`.
        progress: default: bars.

    Raises:
        ValueError: an unknown study or profile, or a pattern that matches nothing.
        data.DatasetNotFoundError: a data set is not there.
    """
    chosen = study(name)
    scaled = chosen.profile(profile)
    todo = plan(chosen, scaled, arms)
    runner = Runner(Store(runs), data_dir)
    if progress is None:
        with Bars() as bars:
            runner.run(todo, bars)
    else:
        runner.run(todo, progress)
    directory = directory or results_directory(name, profile)
    results = collect(chosen, scaled, runner, todo)
    results.save(directory)
    return Report(results, build_report(chosen, directory))

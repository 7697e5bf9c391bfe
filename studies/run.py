"""From a study's name to its report."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from harness.arms import Arm
from harness.collect import collect
from harness.plan import Plan, plan, plan_of
from harness.results import Results
from harness.runner import Progress, Runner
from harness.store import Store
from harness.stored import frame_in, refusing
from harness.study import Study
from reports import Bars, build_report, build_verdicts, summary
from reports.summary import Screen
from studies import STUDIES

_ROOT = Path(__file__).resolve().parents[1]
RUNS = _ROOT / "runs"
RESULTS = _ROOT / "reports" / "results"


@dataclass(frozen=True)
class Report:
    """Results in memory, and the page that shows them."""

    study: Study
    results: Results
    page: Path

    @property
    def summary(self) -> Screen:
        """The results on one screen, for `rich`."""
        return summary(self.study, self.results)


def study(name: str) -> Study:
    """The study called `name`; ValueError for an unknown one."""
    if name not in STUDIES:
        raise ValueError(f"study is {name!r}; accepted: {', '.join(STUDIES)}")
    return STUDIES[name]


def results_directory(name: str, profile: str) -> Path:
    """Where the results of a study are kept."""
    return RESULTS / name / profile


def run_study(
    name: str,
    profile: str = "demo",
    *,
    arms: str = "*",
    data_dir: Path | None = None,
    weights: Mapping[str, Path] | None = None,
    runs: Path = RUNS,
    directory: Path | None = None,
    progress: Progress | None = None,
    tensorboard: Path | None = None,
    mirrored: bool = False,
    precision: str = "float32",
    execute: Callable[[Runner, Plan, Progress], None] = Runner.run,
) -> Report:
    """Trains, attacks, measures and reports; what was done before is not done again.

    The report shows all arms of the profile that are finished, also those of earlier runs.

    Args:
        name: of the study.
        profile: "demo", "laptop", "colab", "paper", or another of the study.
        arms: a shell pattern for the names of arms.
        data_dir: see `data.load`.
        weights: see `harness.runner.Runner`.
        runs: the artifact store.
        directory: for results and report; default `reports/results/NAME/PROFILE`.
        progress: default: bars.
        tensorboard: a folder for the curves of the trainings that are run; default: none.
        mirrored: whether networks are trained on all GPUs at once, see `harness.replicas`.
        precision: what networks are trained in, see `harness.precision`.
        execute: what runs the stages; default: this process. See `harness.on_ray.OnRay.run`.

    Raises:
        ValueError: an unknown study or profile, a pattern that matches nothing, a directory with
            results of other arms that the new report would not have, no TensorBoard where its
            curves are asked for, one device only to mirror on, or an unknown precision.
        data.DatasetNotFoundError: a data set is not there.
    """
    chosen = study(name)
    scaled = chosen.profile(profile)
    todo = plan(chosen, scaled, arms)
    runner = Runner(Store(runs), data_dir, weights, tensorboard, mirrored, precision)
    directory = directory or results_directory(name, profile)
    _refuse_to_lose(directory, runner, chosen.arms(scaled), todo)
    if progress is None:
        with Bars() as bars:
            execute(runner, todo, bars)
    else:
        execute(runner, todo, progress)
    finished = runner.finished(chosen.arms(scaled))
    # Of several runs: the command that gives all that is shown is the one without a pattern.
    shown = plan_of(finished, arms if set(finished) <= set(todo.arms) else "*")
    results = collect(chosen, scaled, runner, shown)
    with runner.store.locked(_lock_of(directory), wait=True):
        results.save(directory)
        return Report(chosen, results, _pages(chosen, directory))


def report_study(name: str, profile: str = "demo", directory: Path | None = None) -> Path:
    """Makes the tables, figures and pages of a finished run again.

    Args:
        directory: where the results are; default `reports/results/NAME/PROFILE`.

    Returns:
        The HTML page.

    Raises:
        ValueError: an unknown study or profile, no results, or some that `run` did not write.
    """
    chosen = study(name)
    directory = directory or results_directory(name, chosen.profile(profile).name)
    if not (directory / "run.json").exists():
        raise ValueError(
            f"no results in {directory}; first: python reproduce.py run {name} --profile {profile}"
        )
    with refusing(directory, "reported"):
        return _pages(chosen, directory)


def _lock_of(directory: Path) -> str:
    """The name of the lock on results, which two runs may write at the same time."""
    return f"results-{sha256(str(directory.resolve()).encode()).hexdigest()[:16]}"


def _pages(study: Study, directory: Path) -> Path:
    """The page of one run; with those of the repository, the verdicts over all of them too."""
    page = build_report(study, directory)
    if directory.parent == results_directory(study.name, "any").parent:
        build_verdicts(study, directory.parent)
    return page


def _refuse_to_lose(directory: Path, runner: Runner, every: list[Arm], todo: Plan) -> None:
    """Keeps a run of some arms from replacing results of others by a report without them."""
    if todo.pattern == "*" or not (directory / "table.csv").exists():
        return
    there = set(frame_in(directory / "table.csv")["arm"])
    if there <= {arm.key for arm in todo.arms}:
        return
    kept = {arm.key for arm in [*todo.arms, *runner.finished(every)]}
    lost = sorted(there - kept)
    if lost:
        raise ValueError(
            f"arms is {todo.pattern!r}, but {directory} holds {len(lost)} arms whose stages are "
            f"not under {runner.store.root}, for example {lost[0]!r}, and would lose them; "
            "accepted: '*', or another directory for the results"
        )

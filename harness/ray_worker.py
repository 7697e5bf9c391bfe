"""What a worker on a Ray cluster does: one stage at a time, between the store and the driver."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from time import monotonic, sleep

from ray.util.queue import Queue

from harness.determinism import is_deterministic, make_deterministic
from harness.plan import Stage
from harness.runner import Runner, Update
from harness.store import Store

_REPORT_SECONDS = 0.5
_LOOK_SECONDS = 0.2
#: What one node has written, a network file system may show to others as late as that.
_SEEN_SECONDS = 60.0


def perform(settings: tuple, stage: Stage, messages: Queue) -> str:
    """Does a stage in a worker; returns the last words about it.

    Args:
        settings: of the driver, see `settings_of`.
        messages: gets (stage, share done, words), and remarks with `None` in place of the stage.

    Raises:
        ValueError: this node does not see what the stage needs; or what the stage raises.
    """
    runner, told = _runner_of(*settings), _Told(stage, messages)
    wait_to_see(runner, stage.needs)
    runner.complete([stage], told)
    return told.text


class _Told:
    """The progress of one stage in a worker, which tells the driver."""

    def __init__(self, stage: Stage, messages: Queue):
        self._stage, self._messages, self._next = stage, messages, 0.0
        self.text = ""

    def plan(self, stages: int) -> None:
        """The driver has the plan."""

    def found(self, title: str) -> None:
        self.text = "made by another run"

    def remark(self, sentence: str) -> None:
        self._messages.put_nowait((None, 0.0, sentence))

    @contextmanager
    def stage(self, title: str) -> Iterator[Update]:
        yield self._update

    def _update(self, share: float, text: str) -> None:
        self.text = text
        if monotonic() >= self._next:
            self._next = monotonic() + _REPORT_SECONDS
            self._messages.put_nowait((self._stage, share, text))


def settings_of(runner: Runner) -> tuple:
    """What a worker makes a runner like `runner` from; for `perform`."""
    folders = runner.store.root, runner.data_dir, runner.tensorboard
    whole = (path and Path(path).expanduser().absolute() for path in folders)
    weights = tuple((model, Path(path).absolute()) for model, path in runner.weights.items())
    return *whole, weights, is_deterministic(), runner.precision


@cache
def _runner_of(
    runs: Path,
    data_dir: Path | None,
    tensorboard: Path | None,
    weights: tuple[tuple[str, Path], ...],
    deterministic: bool,
    precision: str,
) -> Runner:
    """A worker keeps its data set and network for the next stage."""
    if deterministic:
        make_deterministic()
    return Runner(Store(runs), data_dir, dict(weights), tensorboard, precision=precision)


def wait_to_see(runner: Runner, stages: Sequence[Stage]) -> None:
    """Waits until this machine sees stages that another one has finished.

    Raises:
        ValueError: it does not.
    """
    until = monotonic() + _SEEN_SECONDS
    while not all(map(runner.has, stages)):
        if monotonic() > until:
            raise ValueError(
                f"--runs is {runner.store.root}, where one node does not see what another one "
                "wrote; accepted: a folder that all nodes share under this path"
            )
        sleep(_LOOK_SECONDS)

"""Progress bars on a terminal or in a notebook, a line per finished stage anywhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import perf_counter

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
)
from rich.table import Column
from rich.text import Text

from files import printable


class Bars:
    """A `harness.runner.Progress` for people; used as a context manager."""

    def __init__(self, console: Console | None = None):
        self.console = console or Console()
        self._progress = Progress(
            # Where there is little room, the title is what is cut.
            TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True)),
            BarColumn(bar_width=10),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}"),
            _TimeLeft(),
            expand=True,
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._stages = None
        self._found = 0

    def __enter__(self) -> "Bars":
        self._progress.start()
        return self

    def __exit__(self, *_) -> None:
        self._progress.stop()
        if self._found:
            self.console.print(f"{self._found} stages were there already.")

    def plan(self, stages: int) -> None:
        self._stages = self._progress.add_task("stages", total=stages, text="")

    def found(self, title: str) -> None:
        self._found += 1
        self._advance()

    def remark(self, sentence: str) -> None:
        self.console.print(printable(sentence), markup=False, highlight=False)

    @contextmanager
    def stage(self, title: str) -> Iterator[Callable[[float, str], None]]:
        task = self._progress.add_task(escape(title), total=100, text="")
        last = ""

        def update(share: float, text: str) -> None:
            nonlocal last
            last = text
            self._progress.update(task, completed=100 * share, text=escape(text))

        started = perf_counter()
        try:
            yield update
        finally:
            self._progress.remove_task(task)
        self.console.print(
            f"{perf_counter() - started:6.1f} s  {escape(title)}  [dim]{escape(last)}[/]"
        )
        self._advance()

    def _advance(self) -> None:
        if self._stages is not None:
            self._progress.advance(self._stages)


class _TimeLeft(ProgressColumn):
    """What it took and what is left, at the mean pace so far.

    Rich's own column takes the pace of the last half minute, in which a long attack may not move.
    """

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        elapsed = task.elapsed or 0.0
        text = str(timedelta(seconds=int(elapsed)))
        if task.completed and task.total is not None:
            left = elapsed * (task.total - task.completed) / task.completed
            text += f", {timedelta(seconds=round(left))} left"
        return Text(text, style="progress.elapsed")

"""Progress bars on a terminal or in a notebook, a line per finished stage anywhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from files import printable


class Bars:
    """A `harness.runner.Progress` for people; used as a context manager."""

    def __init__(self, console: Console | None = None):
        self.console = console or Console()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}"),
            TimeElapsedColumn(),
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
            self._progress.update(task, completed=int(100 * share), text=escape(text))

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

"""How an evaluation tells how far it is."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Stages(Protocol):
    """Shows how far an evaluation is; `reports.Bars` is one."""

    def plan(self, stages: int) -> None:
        """Says how many stages there are going to be."""

    def stage(self, title: str) -> AbstractContextManager[Callable[[float, str], None]]:
        """One attack; what it gives is called with the share that is done, and a text."""


class Silent:
    """Shows nothing."""

    def plan(self, stages: int) -> None:
        pass

    def stage(self, title: str) -> AbstractContextManager[Callable[[float, str], None]]:
        return nullcontext(lambda share, text: None)

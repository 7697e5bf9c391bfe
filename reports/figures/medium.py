"""What pictures are drawn for: a report of one run, or the site."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum


class Medium(StrEnum):
    """By how their files end: a report has PNG, the site SVG, and papers take PDF."""

    REPORT = ".png"
    SITE = ".svg"
    PAPER = ".pdf"


_current: ContextVar[Medium] = ContextVar("medium", default=Medium.REPORT)


@contextmanager
def drawn_for(medium: Medium) -> Iterator[None]:
    """Within it, a `reports.gallery.Gallery` asks for pictures of this kind."""
    token = _current.set(medium)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Medium:
    return _current.get()

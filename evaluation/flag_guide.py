"""The paragraphs of `flags.md`: when a flag is raised, what it means and what to do."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_GUIDE = Path(__file__).with_name("flags.md")


@dataclass(frozen=True)
class Paragraph:
    """What the guide says of one flag, in Markdown without the names of its parts."""

    flagged: str
    means: str
    do: str


def paragraph(name: str) -> Paragraph:
    """The paragraph of a flag, one of `diagnostics.NAMES`."""
    return _paragraphs()[name]


@cache
def _paragraphs() -> dict[str, Paragraph]:
    _, *sections = _GUIDE.read_text().split("\n## ")
    return {
        name: Paragraph(*_parts(text))
        for name, text in (section.split("\n\n", maxsplit=1) for section in sections)
    }


def _parts(text: str) -> list[str]:
    """What follows *Flagged*, *Means* and *Do*."""
    _, *parts = re.split(r"\*(?:Flagged|Means|Do)\*:?", text)
    return [part.strip() for part in parts]

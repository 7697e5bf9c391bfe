"""Docstrings of Google's form, read into their parts."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_SECTIONS = ("Args", "Attributes", "Example", "Raises", "References", "Returns")


@dataclass(frozen=True)
class Docstring:
    """The parts of a docstring.

    Attributes:
        summary: its first paragraph.
        description: the other paragraphs outside its sections, in Markdown.
        sections: the entries of each section, by its name. An entry is one line of text; what
            continues it is indented further.
    """

    summary: str
    description: str
    sections: dict[str, list[str]]

    def parameters(self) -> dict[str, str]:
        """What "Args" or "Attributes" say, by the name of the parameter."""
        entries = self.sections.get("Args", []) + self.sections.get("Attributes", [])
        described = {}
        for entry in entries:
            names, _, text = entry.partition(": ")
            described |= {name.lstrip("*"): text for name in names.split(", ")}
        return described


def docstring_of(documented: Any) -> Docstring:
    """The docstring of a class, a function or a module.

    Raises:
        ValueError: it has none of its own.
    """
    text = documented.__doc__
    if not text:
        raise ValueError(f"{documented!r} has no docstring; accepted: one of Google's form")
    summary, _, rest = inspect.cleandoc(text).partition("\n\n")
    prose: list[str] = []
    sections: dict[str, list[str]] = {}
    for name, lines in _parts(rest):
        if name:
            sections[name] = _entries(inspect.cleandoc("\n" + "\n".join(lines)))
        else:
            prose += lines
    return Docstring(" ".join(summary.split()), "\n".join(prose).strip(), sections)


def _parts(text: str) -> Iterator[tuple[str, list[str]]]:
    """The lines of each section, and of the text between sections under the name ""."""
    name, lines = "", list[str]()
    for line in text.split("\n"):
        heading = line.removesuffix(":") if line.endswith(":") else ""
        ends = name and line and not line.startswith(" ")
        if heading in _SECTIONS or ends:
            yield name, lines
            name, lines = (heading, []) if heading in _SECTIONS else ("", ["", line])
        else:
            lines.append(line)
    yield name, lines


def _entries(text: str) -> list[str]:
    """Each entry of a section, its lines joined."""
    return [" ".join(each.split()) for each in re.split(r"\n(?=\S)", text) if each.strip()]

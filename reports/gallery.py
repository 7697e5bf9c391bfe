"""The pictures of a report: where they go, and in which section they are shown."""

import re
from pathlib import Path

from reports.figures.medium import current
from reports.outside_names import in_markdown

#: What is not a letter, a digit, or a mark inside a file's name.
_SEPARATORS = re.compile(r"[^\w.+-]+|(?<!\w)\.+")


class Gallery(dict[str, list[tuple[str, str]]]):
    """By section, (caption, path relative to the report) of every picture.

    Args:
        directory: of the pictures, `figures/` beside the report.
        sections: of the report; a section without pictures is empty.
    """

    def __init__(self, directory: Path, sections: tuple[str, ...]):
        super().__init__({section: [] for section in sections})
        self.directory = directory

    def add(self, section: str, name: str, caption: str) -> Path:
        """Where the next picture of a section has to be drawn."""
        path = self.directory / f"{_SEPARATORS.sub('-', name)}{current()}"
        self[section].append((in_markdown(caption), f"{path.parent.name}/{path.name}"))
        return path

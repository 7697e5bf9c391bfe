"""The pictures of a report: where they go, and in which section they are shown."""

from pathlib import Path

from reports.figures.medium import current


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
        path = self.directory / f"{name}{current()}"
        self[section].append((caption, f"{path.parent.name}/{path.name}"))
        return path

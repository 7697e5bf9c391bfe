"""A report inside a notebook: its pictures, each shown once, and its text."""

import re
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from IPython.display import Image as ShownImage
from IPython.display import Markdown, display
from PIL import Image

#: Enough for charts and grey images; a notebook with all colours would be several times as large.
_COLORS = 128


class Pictures:
    """The pictures of a report, shown where they are asked for.

    Args:
        page: `Report.page`; the pictures are in the folder `figures` beside it.
    """

    def __init__(self, page: Path):
        self._folder = page.parent / "figures"
        self._shown: set[Path] = set()

    def show(self, *patterns: str) -> None:
        """Shows the pictures whose names match a shell pattern, unless they were shown before.

        Where there is none, since the profile does not run what it would show, a line says so.
        """
        if not self._show_new(patterns):
            print(f"This run has no picture called {' or '.join(patterns)}.")

    def show_rest(self) -> None:
        """Shows the pictures that were not shown before."""
        self._show_new(["*"])

    def _show_new(self, patterns: Sequence[str]) -> bool:
        """Whether there was one to show."""
        paths = [path for each in patterns for path in sorted(self._folder.glob(f"{each}.png"))]
        new = [path for path in dict.fromkeys(paths) if path not in self._shown]
        for path in new:
            display(ShownImage(_with_fewer_colors(path), alt=path.name))
        self._shown.update(new)
        return bool(new)


def show_text(page: Path) -> None:
    """Shows the text and the tables of a report, without its pictures."""
    text = page.with_name("report.md").read_text()
    display(Markdown(re.sub(r"!\[[^\]]*\]\([^)]*\)\n*", "", text)))


def _with_fewer_colors(path: Path) -> bytes:
    written = BytesIO()
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(_COLORS).save(written, "png", optimize=True)
    return written.getvalue()

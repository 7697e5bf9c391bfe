"""A table on a screen of any width, of which no cell is ever cut off."""

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text


class FittingTable(Table):
    """A table where it fits as it is, else a block of lines for each row.

    Heads may have line breaks in them. No cell is wrapped, unless one alone is too long.
    """

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if Measurement.get(console, options.update(max_width=_ENDLESS), self).maximum <= (
            options.max_width
        ):
            yield from super().__rich_console__(console, options)
        else:
            yield from self._blocks(console)

    def _blocks(self, console: Console) -> RenderResult:
        heads = [" ".join(_plain(console, column.header).split()) for column in self.columns]
        width = max(map(len, heads))
        for number, cells in enumerate(zip(*(column.cells for column in self.columns))):
            if number:
                yield Text()
            for head, cell in zip(heads, cells, strict=True):
                text = _plain(console, cell)
                if text:
                    yield Text(f"{head:{width}}  {text}", overflow="fold")


_ENDLESS = 10_000


def _plain(console: Console, cell: object) -> str:
    return cell.plain if isinstance(cell, Text) else console.render_str(str(cell)).plain

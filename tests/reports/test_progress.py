"""Progress on a terminal prints what it is given, whatever brackets are in it."""

import io

from rich.console import Console

from reports import Bars


def test_brackets_are_printed_as_they_are():
    printed = io.StringIO()
    console = Console(file=printed, force_terminal=True, width=100)
    with Bars(console) as bars, bars.stage("attack on m[1].h5 in [/x]") as update:
        update(0.5, "[bold]half[/y] of 3 images")
        bars._progress.refresh()
    assert "[bold]half[/y] of 3 images" in printed.getvalue()
    assert "attack on m[1].h5 in [/x]" in printed.getvalue()

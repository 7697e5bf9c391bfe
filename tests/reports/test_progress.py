"""Progress on a terminal: what it is given, whatever brackets are in it, and the time left."""

import io

import pytest
from rich.console import Console
from rich.progress import Task

from reports import Bars
from reports.progress import _TimeLeft


def test_brackets_are_printed_as_they_are():
    printed = io.StringIO()
    console = Console(file=printed, force_terminal=True, width=100)
    with Bars(console) as bars, bars.stage("attack on m[1].h5 in [/x]") as update:
        update(0.5, "[bold]half[/y] of 3 images")
        bars._progress.refresh()
    assert "[bold]half[/y] of 3 images" in printed.getvalue()
    assert "attack on m[1].h5 in [/x]" in printed.getvalue()


@pytest.mark.parametrize(
    "completed, left",
    [(0.0, ""), (25.0, ", 0:03:00 left"), (0.5, ", 3:19:00 left"), (100.0, ", 0:00:00 left")],
)
def test_the_time_left_is_that_of_the_mean_pace(completed, left):
    clock = iter([0.0, *[60.0] * 9]).__next__
    task = Task(0, "attack", total=100, completed=completed, _get_time=clock)
    task.start_time = clock()
    assert _TimeLeft().render(task).plain == f"0:01:00{left}"


def test_a_stage_on_a_terminal_says_what_is_left():
    printed = io.StringIO()
    with Bars(Console(file=printed, force_terminal=True, width=120)) as bars:
        with bars.stage("attack") as update:
            update(0.5, "64 of 128 images")
            bars._progress.refresh()
    assert " left" in printed.getvalue()

"""Whether other programs kept the machine busy while something was timed."""

import os
from collections.abc import Callable
from math import nan
from pathlib import Path

import pandas as pd

from evaluation.curves import NotRun

#: The most that other programs may take of the processors while a time is taken.
MOST = 0.05

_TIMES, _QUOTA = Path("/proc/stat"), Path("/sys/fs/cgroup/cpu.max")
#: Where the first line of times counts processors that have nothing to do: "idle" and "iowait".
_IDLE = (3, 4)
#: What it counts a second time, in "user" and "nice": "guest" and "guest_nice".
_TWICE = 8


class NotTimed(NotRun):
    """Nothing was timed on a machine that is known to have had nothing else to do."""


def quiet(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of outcomes whose times can be trusted.

    Raises:
        NotTimed: there are none.
    """
    alone = rows[rows["others_share"] <= MOST] if "others_share" in rows else rows[:0]
    if alone.empty:
        raise NotTimed(f"times in which other programs took at most {MOST:.0%} of the processors")
    return alone


def watch() -> Callable[[], float]:
    """Starts to watch; the function gives the share of the processors that others have taken.

    This process and those that it has started and waited for are not others. The processors are
    those that this process may use. NaN where the system does not say: only Linux does here. Who
    else computes on a GPU is not seen.
    """
    before = _spent()

    def share() -> float:
        after = _spent()
        if before is None or after is None:
            return nan
        everything, working, own = (now - then for now, then in zip(after, before, strict=True))
        if everything <= 0:  # too short for anything to be counted
            return 0.0
        return max(0.0, working - own) / (everything * _usable())

    return share


def unknown() -> float:
    """What a watch gives that was not there all the time."""
    return nan


def _spent() -> tuple[float, float, float] | None:
    """Seconds since the start of all processors, of those that worked, and of this process."""
    try:
        first, *counts = _TIMES.read_text().split("\n", 1)[0].split()
        ticks = [int(count) / os.sysconf("SC_CLK_TCK") for count in counts[:_TWICE]]
        if first != "cpu" or len(ticks) <= max(_IDLE):
            return None
    except (OSError, ValueError, AttributeError):  # no Linux
        return None
    times, everything = os.times(), sum(ticks)
    own = times.user + times.system + times.children_user + times.children_system
    return everything, everything - sum(ticks[each] for each in _IDLE), own


def _usable() -> float:
    """The share of the machine's processors that this process may use."""
    processors = os.cpu_count() or 1
    usable = float(len(os.sched_getaffinity(0)))
    try:
        quota, period = map(int, _QUOTA.read_text().split())
        usable = min(usable, quota / period)
    except (OSError, ValueError, ZeroDivisionError):  # no container, or "max"
        pass
    return min(1.0, usable / processors)

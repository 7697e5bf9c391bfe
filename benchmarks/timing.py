"""Alternating runs of contestants that do the same work, and their medians.

Machines change speed while they run. So contestants take turns and are compared only within one
run. Each turn has an order of its own, since caches and heap are left by the contestant before.
Each is run once beforehand, so that no time includes traces or first allocations.
"""

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from statistics import median
from time import perf_counter


@dataclass(frozen=True)
class Contestant:
    """Something to be timed.

    Attributes:
        run: does the work and returns its result.
        factor: multiplies the time where only a part of the work is run.
    """

    name: str
    run: Callable[[], object]
    factor: int = 1


@dataclass(frozen=True)
class Timings:
    """Seconds of every single run, by contestant."""

    seconds: dict[str, list[float]]

    @property
    def medians(self) -> dict[str, float]:
        return {name: median(seconds) for name, seconds in self.seconds.items()}

    def ratios(self, base: str) -> dict[str, float]:
        """Median time of each other contestant / that of `base`."""
        medians = self.medians
        return {name: medians[name] / medians[base] for name in medians if name != base}


def alternate(
    contestants: Sequence[Contestant],
    repeats: int,
    say: Callable[[str], None] = lambda text: None,
    at_least: float = 0.0,
) -> Timings:
    """Times contestants in turn; the caller has run each of them once.

    Each is run `repeats` times, and more often until `at_least` seconds have gone: medians of
    works that take milliseconds need more runs.
    """
    seconds: dict[str, list[float]] = {each.name: [] for each in contestants}
    order = Random(0)
    started = perf_counter()
    done = 0
    while done < repeats or perf_counter() - started < at_least:
        gc.collect()  # no contestant clears up after the round before
        done += 1
        for each in order.sample(contestants, len(contestants)):
            say(f"{each.name}, run {done}")
            seconds[each.name].append(each.factor * _seconds(each.run))
    return Timings(seconds)


def _seconds(run: Callable[[], object]) -> float:
    started = perf_counter()
    run()
    return perf_counter() - started

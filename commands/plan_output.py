"""What `plan` prints: stages, operations, time, memory and disk."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from commands.console import console, print_json, say
from commands.list_output import duration

if TYPE_CHECKING:
    from harness.cost import Cost, Rate
    from harness.plan import Stage

_KINDS = {"train": "trainings", "patch": "patches", "attack": "attacks"}
_LARGEST = 5


def show_plan(
    title: str,
    stages: "Sequence[Stage]",
    left: "Sequence[Cost]",
    rate: "Rate | None",
    gpu: float | None,
    as_json: bool,
) -> None:
    """What is left of a plan.

    Args:
        stages: all of the plan.
        left: what those take that are not there yet.
        rate: as measured here; `None` where nothing is left.
        gpu: 10^12 operations a second that the user's GPU sustains.
    """
    if as_json:
        print_json(_described(title, stages, left, rate, gpu))
        return
    done = len(stages) - len(left)
    say(f"{title}: {len(stages):,} stages, {done:,} of them there already.")
    if rate is None:
        return
    table = Table(box=None, pad_edge=False)
    for name in ("left", "stages", "operations", "time here", *(["GPU time"] if gpu else [])):
        table.add_column(name, justify="left" if name == "left" else "right")
    for kind, title_of_kind in _KINDS.items():
        costs = [each for each in left if each.stage.kind == kind]
        if costs:
            table.add_row(title_of_kind, *_row(costs, rate, gpu))
    table.add_row("together", *_row(left, rate, gpu))
    console.print(table)
    _show_rooms(left)
    say("The longest:")
    for count, each in _longest(left, rate):
        say(f"  {count:3} x {duration(rate.seconds(each)):>8}  {each.stage.title}")
    say(
        "Operations are the most that the settings allow: images that an attack breaks early take "
        f"less. Time here: {rate.described}."
    )
    if gpu is None and not rate.on_gpu:
        say("For the time on a GPU: --rate TFLOPS, what it sustains on such networks.")


def _longest(left: "Sequence[Cost]", rate: "Rate") -> "list[tuple[int, Cost]]":
    """The stages that take longest, each with how many there are like it."""
    by_title: dict[str, list[Cost]] = {}
    for each in sorted(left, key=rate.seconds, reverse=True):
        by_title.setdefault(each.stage.title, []).append(each)
    return [(len(like), like[0]) for like in list(by_title.values())[:_LARGEST]]


def _row(costs: "Sequence[Cost]", rate: "Rate", gpu: float | None) -> list[str]:
    operations = sum(each.operations for each in costs)
    row = [f"{len(costs):,}", f"{operations:.1e}", duration(sum(map(rate.seconds, costs)))]
    return row + ([duration(operations / (1e12 * gpu))] if gpu else [])


def _show_rooms(left: "Sequence[Cost]") -> None:
    memory = max(left, key=lambda each: each.memory)
    meanwhile = max(each.disk_meanwhile for each in left)
    say(f"Memory: up to {_size(memory.memory)} ({memory.stage.title}).")
    stay = sum(each.disk for each in left)
    say(f"Disk: {_size(stay)} stay, and a stage at work takes up to {_size(meanwhile)} more.")


def _size(size: float) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def _described(
    title: str,
    stages: "Sequence[Stage]",
    left: "Sequence[Cost]",
    rate: "Rate | None",
    gpu: float | None,
) -> dict[str, object]:
    return {
        "plan": title,
        "stages": len(stages),
        "left": [
            {
                "kind": each.stage.kind,
                "title": each.stage.title,
                "operations": each.operations,
                "memory_bytes": each.memory,
                "disk_bytes": each.disk,
                "disk_bytes_meanwhile": each.disk_meanwhile,
                "seconds_here": rate and rate.seconds(each),
                "seconds_on_gpu": gpu and each.operations / (1e12 * gpu),
            }
            for each in left
        ],
        "rate": rate and rate.described,
    }

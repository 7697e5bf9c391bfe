"""Measurements as JSON, as Markdown and on the screen, each goal beside its figure."""

import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import tensorflow as tf
from rich.table import Table

from benchmarks import libraries, ours
from benchmarks.measuring import EQUAL, Measured
from benchmarks.rows import EFFICIENCY, Scaling
from benchmarks.timing import Timings

PACKAGES = (
    "tensorflow", "keras", "numpy", "cleverhans", "foolbox", "adversarial-robustness-toolbox",
    "torch", "adv-lib", "pyautoattack",
)  # fmt: skip
HOW = (
    "Times are medians of {repeats} runs or more; the libraries took turns in one process after "
    "one run each that is not counted. A ratio is a library's time / ours, the goal "
    "in parentheses. Efficiency is the time of the bare compiled passes that our attack "
    "did / our time (`benchmarks/bare.py`). Ours in batches of 128, the others with all images in "
    "one. In sweeps Foolbox and ART ran one epsilon, whose time was multiplied. CleverHans' attack "
    "of Carlini and Wagner does not run with Keras 3. Memory is the peak above the loaded model in "
    "a fresh process, ours / that of the leanest other library. PyTorch is the authors' own code "
    "on the CPU, with the same weights: AutoAttack; DDN, FMN and sigma-zero as adv-lib has them. "
    "CW is our attack of Carlini and Wagner with the fewest steps (doubled from 10) with which its "
    "mean distance is no longer than ours."
)
_ROOT = Path(__file__).parents[1]


def missed(measured: Measured) -> list[str]:
    """The goals that a row does not reach, of those that were measured."""
    figures = {**measured.ratios, EFFICIENCY: measured.efficiency}
    names = [name for name, goal in measured.row.goals.items() if figures.get(name, goal) < goal]
    if measured.difference is not None and not measured.difference <= EQUAL:
        names.append("equality")
    return names


def memory_ratio(memory: dict[str, float] | None) -> float | None:
    """Our peak / that of the leanest other library."""
    others = [peak for name, peak in (memory or {}).items() if name != ours.NAME]
    return memory[ours.NAME] / min(others) if others else None


def machine(module: str = "benchmarks.attacks") -> dict:
    """Versions, devices, and the command (`python -m module`) with its date and commit."""
    return {
        "command": shlex.join(["python", "-m", module, *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "gpus": _gpus(),
        "system": platform.platform(),
        "versions": {"python": platform.python_version(), **dict(_versions())},
    }


def where_and_when(facts: dict) -> str:
    """The facts of `machine` in one line, for the page of a table."""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return (
        f"`{facts['command']}`, {facts['date']}, commit {facts['commit']}, "
        f"{facts['processor']}, {facts['cores']} cores, {', '.join(facts['gpus']) or 'no GPU'}, "
        f"{versions}."
    )


def as_json(
    rows: Sequence[Measured], scalings: Sequence[tuple[Scaling, Timings]], repeats: int
) -> dict:
    return {
        **machine(),
        "repeats": repeats,
        "rows": [_row(each) for each in rows],
        "scaling": [
            {
                "name": scaling.name,
                "variable": scaling.variable,
                "values": list(scaling.values),
                "seconds": timings.seconds,
                "medians": timings.medians,
                "growth": growth(scaling, timings),
            }
            for scaling, timings in scalings
        ],
    }


def growth(scaling: Scaling, timings: Timings) -> dict[str, list[float]]:
    """By library: median time at each value / that at the first."""
    medians, factors = timings.medians, {}
    for name in (ours.NAME, *libraries.KINDS):
        times = [medians.get(f"{name} at {value}") for value in scaling.values]
        if None not in times:
            factors[name] = [time / times[0] for time in times]
    return factors


def as_markdown(
    rows: Sequence[Measured], scalings: Sequence[tuple[Scaling, Timings]], repeats: int
) -> str:
    parts = [
        "# Attacks: speed and memory",
        where_and_when(machine()),
        HOW.format(repeats=repeats),
        *([markdown(_header(rows), _table(rows))] if rows else []),
    ]
    parts += [f"- {each.row.name}: {each.row.note}." for each in rows if each.row.note]
    for scaling, timings in scalings:
        header = [scaling.name, *(f"{value} {scaling.variable}" for value in scaling.values)]
        parts.append(markdown(header, _growth_cells(scaling, timings)))
    blocks = "\n\n".join(parts)
    return blocks.replace(".\n\n- ", ".\n- ") + "\n"


def on_screen(
    rows: Sequence[Measured], scalings: Sequence[tuple[Scaling, Timings]]
) -> Iterator[Table]:
    if rows:
        yield screen_table(_header(rows), _table(rows))
    for scaling, timings in scalings:
        header = [scaling.name, *map(str, scaling.values)]
        yield screen_table(header, _growth_cells(scaling, timings))


def line(measured: Measured) -> str:
    """A row in one line, for the terminal."""
    [[name, *cells]] = _table([measured])
    return f"{name}: " + ", ".join(map(" ".join, zip(_header([measured])[1:], cells)))


def _header(rows: Sequence[Measured]) -> list[str]:
    return ["work", "ours, ms", *_shown(rows), EFFICIENCY, "memory"]


def _shown(rows: Sequence[Measured]) -> list[str]:
    """The libraries that have a column."""
    active = {name for each in rows for name in each.ratios}
    return [each for each in libraries.KINDS if each in active.union(libraries.ALWAYS_SHOWN)]


def _table(rows: Sequence[Measured]) -> Iterator[list[str]]:
    shown = _shown(rows)
    return (_cells(each, shown) for each in rows)


def _cells(measured: Measured, shown: Sequence[str]) -> list[str]:
    lost = missed(measured)
    figures = {**measured.ratios, EFFICIENCY: measured.efficiency}

    def cell(name: str) -> str:
        if name not in figures:
            return "-"
        digits = 2 if name == EFFICIENCY or figures[name] < 10 else 1
        text = f"{figures[name]:.{digits}f}"
        if name in measured.row.goals:
            text += f" ({measured.row.goals[name]:g}{', missed' if name in lost else ''})"
        return text

    name = measured.row.name + (" (NOT EQUAL)" if "equality" in lost else "")
    memory = memory_ratio(measured.memory)
    return [
        name,
        f"{1000 * measured.timings.medians[ours.NAME]:.1f}",
        *map(cell, (*shown, EFFICIENCY)),
        "-" if memory is None else f"{memory:.2f}",
    ]


def _growth_cells(scaling: Scaling, timings: Timings) -> Iterator[list[str]]:
    for name, values in growth(scaling, timings).items():
        yield [name, *(f"{value:.2f}" for value in values)]


def markdown(header: list[str], rows) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def screen_table(header: list[str], rows) -> Table:
    table = Table(*header)
    for cells in rows:
        table.add_row(*(f"[red]{each}[/]" if "missed" in each else each for each in cells))
    return table


def _row(measured: Measured) -> dict:
    row = measured.row
    return {
        "name": row.name,
        "network": row.network,
        "images": row.images,
        "work": row.method,
        "arguments": dict(row.arguments),
        "note": row.note,
        "seconds": measured.timings.seconds,
        "medians": measured.timings.medians,
        "ratios": measured.ratios,
        "efficiency": measured.efficiency,
        "passes": measured.passes,
        "credited": measured.credited,
        "goals": dict(row.goals),
        "missed": missed(measured),
        "outcomes": measured.outcomes,
        "difference_from_cleverhans": measured.difference,
        "peak_mib": dict(measured.memory) if measured.memory else None,
        "memory_ratio": memory_ratio(measured.memory),
    }


def _versions() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        try:
            yield package, metadata.version(package)
        except metadata.PackageNotFoundError:
            yield package, "not installed"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def _gpus() -> list[str]:
    """The names of the GPUs that TensorFlow computes on."""
    return [
        tf.config.experimental.get_device_details(device).get("device_name", device.name)
        for device in tf.config.list_physical_devices("GPU")
    ]


def _commit() -> str | None:
    """The commit that is checked out, marked where files differ from it."""
    describe = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(describe, cwd=_ROOT, capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() or None


def write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n")

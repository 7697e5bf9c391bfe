"""Peak memory of a work, and of one attack by one library in a fresh process.

It is how far the resident memory rises above what the process holds before the work: the
interpreter, the libraries, the model, the images, and what TensorFlow sets up for a gradient of
two images. Tracing the work is part of it. Only Linux reports it (the high-water mark of
/proc/self/status, which is reset before). A few steps are run, as the peak does not depend on
their number.
"""

import gc
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import tensorflow as tf

from benchmarks.measuring import timed_part
from benchmarks.networks import Network
from benchmarks.rows import Row

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
STEPS = 3
_ROOT = Path(__file__).parents[1]


def is_measurable() -> bool:
    return _STATUS.exists() and _RESET.exists()


def rises(*works: Callable[[], object]) -> list[float]:
    """MiB by which the memory of this process rises during each of some works.

    All are counted from what it holds before the first one.
    """
    gc.collect()
    before = resident()
    return [_highest_during(work) - before for work in works]


def resident() -> float:
    """MiB that this process holds now."""
    return _mebibytes("VmRSS")


def peak(row: Row, kind: type, folder: Path) -> float:
    """MiB that a library needs for the work of `row`; for a process of its own."""
    network = Network.load(folder)
    images, labels = network.images[: row.images], network.labels[: row.images]
    library = kind(network.model)
    part = row.shortened(STEPS)
    if hasattr(kind, "times_one_epsilon"):
        part, _ = timed_part(part, kind)
    _warm_up(network)
    work = partial(getattr(library, row.method), images, labels, **part.arguments)
    return rises(work)[0]


def peak_of(row: str, library: str, folder: Path) -> float:
    """Runs `peak` in a fresh process, on the network saved in `folder`."""
    command = [sys.executable, "-m", "benchmarks.attacks", "peak", row, library, str(folder)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return float(done.stdout.split()[-1])


def _warm_up(network: Network) -> None:
    images = tf.constant(network.images[:2])
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = network.model(images, training=False)
    tape.gradient(logits, images)


def _highest_during(work: Callable[[], object]) -> float:
    _RESET.write_text("5")
    work()
    return _mebibytes("VmHWM")


def _mebibytes(name: str) -> float:
    lines = _STATUS.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":")) / 1024

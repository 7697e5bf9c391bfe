"""Spreads the stages of a run over a Ray cluster, each as a task.

Tasks share their results through the store. All nodes have to see the store, the data and this
checkout under the same paths, and need its requirements and `requirements-ray.txt` installed.
"""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import tensorflow as tf
from ray.exceptions import RayError, RayTaskError
from ray.util.queue import Queue
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from harness.plan import Plan, Stage
from harness.ray_worker import perform, settings_of, wait_to_see
from harness.runner import Progress, Runner, Update

#: How often a stage is begun again after its worker, or the node of its worker, was lost.
RETRIES = 3

_ROOT = Path(__file__).resolve().parents[1]
_POLL_SECONDS = 0.2
_ANSWER_SECONDS = 10.0
_OBJECT_STORE_BYTES = 100_000_000  # stages hardly use it
#: Environment variables that change what a stage computes, or where it finds its data.
_PASSED_ON = ("TF_", "XLA_", "KERAS_", "REPRODUCE_", "OMP_", "OPENBLAS_", "NVIDIA_TF32_")

#: No statistics are sent, and no warning asks for a choice.
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


@dataclass(frozen=True)
class OnRay:
    """Executes plans on Ray, as `Runner.run` does in this process.

    Attributes:
        address: of a cluster that this machine belongs to, "auto" or "HOST:PORT"; `None` starts
            Ray on this machine for as long as the run takes.
        cpus: CPU cores that Ray reserves for a stage. TensorFlow uses as many threads as in this
            process all the same, since another number of threads gives other bits.
        gpus: GPUs for a stage, below 1 for a part of one; `None`: one where there are any.
    """

    address: str | None = None
    cpus: int = 1
    gpus: float | None = None

    def run(self, runner: Runner, todo: Plan, progress: Progress) -> None:
        """Does what is missing; a second call does nothing.

        Raises:
            ValueError: no cluster at the address, no node with room for a stage, or a store that
                the nodes do not share; or what a stage raises.
            OSError: a stage lost its worker too often.
        """
        runner.find_data(todo)
        with suppress(RuntimeError):  # TensorFlow uses them already
            tf.config.set_visible_devices([], "GPU")  # they are for the workers
        with _connected(self.address), ExitStack() as shown:
            _Spread(self, runner, progress, shown).run(todo.stages)


class _Spread:
    """One run on a cluster: which stages are running, and what is shown of them."""

    def __init__(self, on: OnRay, runner: Runner, progress: Progress, shown: ExitStack):
        self._runner, self._progress, self._shown = runner, progress, shown
        gpus = on.gpus if on.gpus is not None else float(any("GPU" in node for node in _nodes()))
        self._needs = {"CPU": float(on.cpus), "GPU": gpus}
        self._task = ray.remote(num_cpus=on.cpus, num_gpus=gpus, max_retries=RETRIES)(perform)
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self._messages = Queue(actor_options={"num_cpus": 0, "scheduling_strategy": here})
        self._settings = settings_of(runner)
        self._running: dict[Any, Stage] = {}
        self._bars: dict[Stage, tuple[ExitStack, Update]] = {}

    def run(self, left: list[Stage]) -> None:
        self._progress.remark(self._overview())
        self._progress.plan(len(left))
        done: set[Stage] = set()
        try:
            while (left := self._submit(left, done)) or self._running:
                ended, _ = ray.wait(list(self._running), timeout=_POLL_SECONDS)
                self._show()
                for task in ended:
                    done.add(self._end(task))
        except BaseException:
            for task in self._running:
                ray.cancel(task, force=True)
            raise

    def _submit(self, left: list[Stage], done: set[Stage]) -> list[Stage]:
        """Begins the first stages that have what they need; returns those that are left.

        No more than there is room for, so that the plan says which comes next, and not Ray; but
        one where all nodes are lost, which waits for a new one.
        """
        free = max(self._room(), 1) - len(self._running)
        later = []
        for stage in left:
            if not done.issuperset(stage.needs):
                later.append(stage)
            elif self._runner.has(stage):
                self._progress.found(stage.title)
                done.add(stage)
            elif free > 0:
                free -= 1
                self._running[self._task.remote(self._settings, stage, self._messages)] = stage
                bar = self._shown.enter_context(ExitStack())
                self._bars[stage] = bar, bar.enter_context(self._progress.stage(stage.title))
            else:
                later.append(stage)
        return later

    def _show(self) -> None:
        for stage, share, text in self._messages.get_nowait_batch(self._messages.qsize()):
            if stage is None:
                self._progress.remark(text)
            elif stage in self._bars:
                self._bars[stage][1](share, text)

    def _end(self, task: Any) -> Stage:
        stage = self._running.pop(task)
        try:
            text = ray.get(task)
        except RayTaskError as error:
            raise error.cause from error
        except RayError as error:
            raise OSError(
                f"{stage.title} lost its worker {RETRIES + 1} times ({_first_line(error)}); what "
                "is finished is kept, and the same command goes on from there"
            ) from error
        wait_to_see(self._runner, [stage])
        bar, update = self._bars.pop(stage)
        update(1.0, text)
        bar.close()
        return stage

    def _room(self) -> int:
        """How many stages the cluster has room for at once."""
        return sum(
            min(int(node.get(name, 0) // need) for name, need in self._needs.items() if need)
            for node in _nodes()
        )

    def _overview(self) -> str:
        """What the run has, for people.

        Raises:
            ValueError: no node has room for a stage; Ray would wait for one for ever.
        """
        nodes, room = _nodes(), self._room()
        if not room:
            there = ", ".join(
                " and ".join(f"{node.get(name, 0):g}" for name in self._needs) for node in nodes
            )
            raise ValueError(
                f"--cpus-per-stage is {self._needs['CPU']:g} and --gpus-per-stage is "
                f"{self._needs['GPU']:g}; accepted: what one node of the cluster has ({there})"
            )
        return f"On Ray: nodes {len(nodes)}, stages at once {room}."


@contextmanager
def _connected(address: str | None) -> Iterator[None]:
    """Raises ValueError if no cluster answers."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    own: dict[str, Any] = {"include_dashboard": False, "object_store_memory": _OBJECT_STORE_BYTES}
    try:
        if address not in (None, "auto"):  # Ray itself would try for minutes
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), _ANSWER_SECONDS).close()
        ray.init(
            "local" if address is None else address,
            **(own if address is None else {}),
            runtime_env={"env_vars": _environment()},
            log_to_driver=False,
            logging_level=logging.CRITICAL,
        )
    except (OSError, OverflowError, RuntimeError, ValueError) as error:
        if address is None:
            raise
        raise ValueError(
            f"--address is {address!r}, where no Ray cluster answers ({_first_line(error)}); "
            "accepted: auto on a node of the cluster, or what `ray start --head` prints there, "
            "such as 10.0.0.1:6379"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _environment() -> dict[str, str]:
    """What workers get: this checkout, and as many threads as this process has.

    Ray gives them one otherwise.
    """
    has_affinity = hasattr(os, "sched_getaffinity")
    threads = str(len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count())
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    return {
        "TF_NUM_INTRAOP_THREADS": threads,
        "OMP_NUM_THREADS": threads,
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # several stages may share a GPU
        **{name: value for name, value in os.environ.items() if name.startswith(_PASSED_ON)},
        "PYTHONPATH": path,
    }


def _nodes() -> list[dict[str, float]]:
    """The resources of the nodes that are up."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]

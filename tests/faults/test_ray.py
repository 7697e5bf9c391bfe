"""Runs on Ray that lose a node, fail or are interrupted do what is said of them."""

import signal
from dataclasses import replace
from time import monotonic, sleep

import pytest

from harness.plan import plan_of
from harness.runner import Runner
from harness.store import Store
from made import SMALL, small_arm
from own_process import Command, check_equal
from recording import Recorder

pytestmark = pytest.mark.faults
pytest.importorskip("ray", reason="needs requirements-ray.txt")


@pytest.fixture
def nodes(monkeypatch):
    """A cluster on this machine, with no room for stages on the node that runs start from."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_health_check_period_ms", "1000")  # a lost one is noticed sooner
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    yield cluster
    cluster.shutdown()


def wait_for(condition, seconds: float = 300.0) -> None:
    until = monotonic() + seconds
    while not condition():
        assert monotonic() < until
        sleep(0.02)


def test_a_node_is_lost_half_way(tmp_path, part, undisturbed, nodes):
    lost, _ = (nodes.add_node(num_cpus=1) for _ in range(2))
    command = Command(tmp_path, options=("--on", "ray", "--address", nodes.address), **part)
    stages = [path.name for path in undisturbed.store.glob("*-*") if path.is_dir()]

    def is_half_way() -> bool:
        """Half of the stages are done, and both nodes are at one."""
        done = sum((command.store / name).is_dir() for name in stages)
        return done >= len(stages) / 2 and len(list(command.store.glob("*.partial"))) == 2

    process = command.start()
    wait_for(is_half_way)
    nodes.remove_node(lost, allow_graceful=False)
    output, errors = process.communicate()
    assert process.returncode == 0, output + errors
    check_equal(command, undisturbed)
    # One line for a stage, and nothing of what Ray has to say.
    on, on_ray, *lines = errors.splitlines()
    assert on.startswith("On ") and on_ray == "On Ray: nodes 3, stages at once 2."
    made = [line for line in lines if not line.endswith("there already.")]  # for two arms
    assert len(made) == len(stages) and all(" s  " in line for line in made), lines


def test_interrupted_by_hand(tmp_path, part):
    command = Command(tmp_path, options=("--on", "ray"), **part)
    process = command.start()
    wait_for(lambda: any(command.store.glob("*.partial")))
    process.send_signal(signal.SIGINT)
    started = monotonic()
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130 and monotonic() - started < 10
    assert "the same command goes on from there" in errors and "Traceback" not in errors
    partial = {path: path.stat().st_mtime for path in command.store.rglob("*")}
    sleep(3)
    assert {path: path.stat().st_mtime for path in command.store.rglob("*")} == partial


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Ray 2.50 leaves files open
def test_an_error_of_a_stage_is_that_of_a_local_run(tmp_path):
    from harness.on_ray import OnRay

    recipe = replace(SMALL.recipe, learning_rate=1e30)
    diverging = small_arm(replace(SMALL, recipe=recipe))
    said = []
    for number, run in enumerate((Runner.run, lambda *given: OnRay().run(*given))):
        with pytest.raises(ValueError, match="diverged: in epoch 1") as raised:
            run(Runner(Store(tmp_path / str(number))), plan_of([diverging], "*"), Recorder())
        said.append(str(raised.value))
    assert said[0] == said[1]

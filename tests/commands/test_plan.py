"""`reproduce.py plan`: what a run would take."""

import json

import pytest

import harness.cost
from command_line import run
from harness.cost import Pace, Rate, cost_of

RATE = Rate(Pace(10.0, 1e9), Pace(1.0, 2e9), "made for a test", on_gpu=False)


@pytest.fixture(autouse=True)
def rate(monkeypatch):
    monkeypatch.setattr(harness.cost, "measured_rate", lambda: RATE)


def test_what_is_left(tiny_study, finished, tmp_path):
    _, todo, _, _ = finished
    document = json.loads(run("plan", "ntu", "--runs", tmp_path, "--rate", "8", "--json").stdout)
    costs = [cost_of(stage) for stage in todo.stages]
    assert document["stages"] == len(costs) > 0 and document["rate"] == "made for a test"
    for entry, cost in zip(document["left"], costs, strict=True):
        assert entry["title"] == cost.stage.title and entry["operations"] == cost.operations
        assert entry["seconds_here"] == RATE.seconds(cost)
        assert entry["seconds_on_gpu"] == pytest.approx(cost.operations / 8e12)
        assert entry["memory_bytes"] == cost.memory and entry["disk_bytes"] == cost.disk > 0

    said = run("plan", "ntu", "--runs", tmp_path).stdout
    assert f"{len(costs)} stages, 0 of them there already" in said
    assert "--rate TFLOPS" in said and "GPU time" not in said
    assert "GPU time" in run("plan", "ntu", "--runs", tmp_path, "--rate", "8").stdout


def test_nothing_is_left(tiny_study, finished):
    root, todo, _, _ = finished
    count = len(todo.stages)
    said = run("plan", "ntu", "--runs", root).stdout.splitlines()
    assert said == [f"ntu, profile demo: {count} stages, {count} of them there already."]
    assert json.loads(run("plan", "ntu", "--runs", root, "--json").stdout)["left"] == []


@pytest.mark.parametrize("rate", ["0", "-1", "fast", "nan", "inf"])
def test_a_rate_is_a_positive_number(rate):
    done = run("plan", "ntu", f"--rate={rate}")
    assert done.exit_code == 2 and "accepted: a number" in " ".join(done.output.split())

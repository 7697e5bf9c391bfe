"""What the benchmark of like networks in one model makes of its times, and what it compares."""

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks import traces
from harness import plan as plans
from harness.views import Views
from studies import STUDIES


def outcomes_of(prediction: int, seconds: float = 1.0) -> traces.Outcomes:
    arrays = {"predictions": np.array([[prediction]]), "gaps": np.array([[np.nan]])}
    return {"an arm": {**arrays, "crafting_seconds": np.array(seconds)}}


@pytest.fixture
def without_processes(monkeypatch):
    """Attacks take 1 second in one model and 3 in models of their own."""

    def work(what, study, folder, *share):
        if what is traces.train:
            return None
        took = 1.0 if share[0] else 3.0
        return took, outcomes_of(0, took)

    monkeypatch.setattr(traces, "in_new_process", work)


def test_the_ratio_is_of_medians_and_what_was_not_asked_for_is_left(without_processes, tmp_path):
    paths = ["--json", str(tmp_path / "t.json"), "--table", str(tmp_path / "t.md")]
    done = CliRunner().invoke(traces.app, ["--study", "rit_mnist", *paths])
    assert done.exit_code == 0, done.output
    (study,) = json.loads((tmp_path / "t.json").read_text())["studies"]
    assert study["seconds"] == {traces.ONE: [1.0] * 3, traces.OWN: [3.0] * 3}
    assert study["before / after"] == 3.0 and study["study"] == "rit_mnist"
    todo = plans.plan(STUDIES["rit_mnist"], STUDIES["rit_mnist"].profile("demo"))
    counts = f"{len(todo.trainings)} | {len(todo.arms)}"
    assert f"| rit_mnist | {counts} | 3.0 | 1.0 | 3.00 |" in (tmp_path / "t.md").read_text()


@pytest.mark.parametrize("options", [["--study", "mnist"], ["--repeats", "2"]])
def test_what_is_not_accepted(options):
    done = CliRunner().invoke(traces.app, options)
    assert done.exit_code == 2 and "accepted" in done.output


def test_outcomes_are_equal_but_for_times():
    traces.check_equal(outcomes_of(1, 1.0), outcomes_of(1, 2.0))
    with pytest.raises(RuntimeError, match="an arm: predictions differs"):
        traces.check_equal(outcomes_of(1), outcomes_of(2))


def test_without_sharing_a_model_takes_no_other_network():
    first = plans.plan(STUDIES["rit_mnist"], STUDIES["rit_mnist"].profile("demo")).trainings[0]
    second = replace(first, seed=first.seed + 1)
    views = Views.__new__(Views)
    views.training = first
    assert views.takes(second)
    with traces._sharing(False):
        assert views.takes(first) and not views.takes(second)
    with traces._sharing(True):
        assert views.takes(second)

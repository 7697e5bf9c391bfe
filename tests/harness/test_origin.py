"""Every row of the results says what it comes from, and keeps what was predicted."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness import digests
from harness.collect import collect
from harness.digests import versions
from harness.machine import machine
from harness.results import Results
from harness.stored import by_arm
from harness.verify import PREDICTED, verify_run
from made import SMALL
from models import weights_sum

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def results(finished, study, tiny_profile, tmp_path_factory):
    """Of the smallest run, with the folder that they were saved in."""
    _, todo, runner, _ = finished
    folder = tmp_path_factory.mktemp("results")
    collected = collect(study, tiny_profile, runner, todo)
    collected.save(folder)
    return collected, folder


def test_a_row_alone_says_what_it_comes_from(finished, results):
    _, todo, runner, _ = finished
    for arm in todo.arms:
        rows = results[0].select(arm=arm.key)
        sums = weights_sum(runner.training_path(arm.training) / "model.h5")
        for name, value in {
            "random_seed": arm.training.seed,
            "seed": arm.training.run,
            "data": runner.dataset(arm.training).fingerprint[:12],
            "weights": sums[:12],
            "machine": machine(),
        }.items():
            assert (rows[name] == value).all(), name
        for name, number in versions().items():
            assert rows["versions"].str.contains(f"{name} {number}", regex=False).all()
        assert rows["versions"].str.contains("python 3").all() and rows["commit"].all()


def test_a_training_says_so_with_whole_digests(finished, results):
    _, todo, runner, _ = finished
    for training in todo.trainings:
        (row,) = results[0].trained(stage=runner.training_path(training).name).itertuples()
        assert row.weights == runner.network_sum(training) and len(row.weights) == 64
        assert row.data == runner.fingerprint(training) and row.random_seed == training.seed


def test_predictions_are_kept_so_that_f1_is_recomputed(finished, study, results):
    _, todo, runner, _ = finished
    collected, folder = results
    loaded = Results.load(folder, study.compared)
    for arm in todo.arms:
        outcomes, kept = runner.outcomes(arm), loaded.predictions[arm.key]
        np.testing.assert_array_equal(kept["predictions"][0], outcomes.clean_predictions)
        np.testing.assert_array_equal(kept["predictions"][1:], outcomes.predictions)
        np.testing.assert_array_equal(kept["labels"], outcomes.labels)
        assert kept["predictions"].dtype == np.int16
    done = verify_run(folder)
    assert not done.differences
    recorded = {each.column for each in done.recorded if each.file == "table.csv"}
    assert recorded and not recorded & set(PREDICTED)


def test_a_prediction_that_was_changed_is_found(results, tmp_path):
    collected, _ = results
    collected.save(tmp_path)
    with np.load(tmp_path / "predictions.npz") as stored:
        arrays = dict(stored)
    name = next(each for each in arrays if each.endswith("|predictions"))
    labels = arrays[name.replace("|predictions", "|labels")]
    right = np.flatnonzero(arrays[name][0] == labels)[0]
    arrays[name][0, right] = (labels[right] + 1) % 10
    np.savez_compressed(tmp_path / "predictions.npz", **arrays)
    differences = verify_run(tmp_path).differences
    arm = name.partition("|")[0]
    assert {each.row.rpartition(",")[0] for each in differences} == {arm}
    assert {"images unlike their predictions", "macro_f1"} <= {each.column for each in differences}
    assert by_arm(tmp_path / "predictions.npz").keys() == collected.correct.keys()


def test_deterministic_operations_give_other_stages(monkeypatch):
    usual = digests.of_training(SMALL, "data", None)
    assert "deterministic" not in usual
    monkeypatch.setattr(digests, "is_deterministic", lambda: True)
    assert digests.of_training(SMALL, "data", None) == usual | {"deterministic": True}


_TRAINED = """
import sys
from pathlib import Path
from harness.determinism import is_deterministic, make_deterministic
assert not is_deterministic()
make_deterministic()
assert is_deterministic()
import data
from harness.training import train
from made import SMALL
from models import weights_sum
for name in sys.argv[1:]:
    Path(name).mkdir()
    train(SMALL, data.load(SMALL.dataset, SMALL.split), Path(name), {}, lambda share, text: None)
    print(weights_sum(Path(name) / "model.h5"))
"""


@pytest.mark.slow
def test_a_deterministic_training_repeats(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", _TRAINED, str(tmp_path / "first"), str(tmp_path / "second")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = done.stdout.split()
    assert first == second

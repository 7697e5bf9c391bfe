"""Two replicas train as one device does, resume to the bit, and have digests of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from command_line import run, said
from harness import digests
from harness.runner import Runner
from harness.store import Store
from made import SMALL

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mirrored")
    finished = subprocess.run(
        [sys.executable, ROOT / "tests" / "mirrored.py", folder],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""},
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout.splitlines()[-1])


@pytest.mark.slow
def test_killed_trainings_end_as_those_left_alone(outcomes):
    assert outcomes["killed"] == outcomes["undisturbed"]
    assert len(outcomes["killed"]["history"]["epoch"]) == 2


@pytest.mark.slow
def test_two_replicas_train_as_one_device(outcomes):
    one, two = outcomes["one"], outcomes["two"]
    for of_one, of_two in zip(one["weights"], two["weights"], strict=True):
        np.testing.assert_allclose(of_two, of_one, atol=1e-5)
    assert two["stage"] != one["stage"] and two["sum"] != one["sum"]


def test_the_number_of_replicas_is_part_of_the_digest():
    usual = digests.of_training(SMALL, "data", None)
    assert digests.of_training(SMALL, "data", None, 1) == usual
    assert digests.of_training(SMALL, "data", None, 2) == usual | {"replicas": 2}


def test_one_device_is_not_mirrored(tmp_path):
    with pytest.raises(ValueError, match="mirrored is True with one device .*CPU:0.*two GPUs"):
        Runner(Store(tmp_path), mirrored=True)
    done = run("run", "ntu", "--mirrored", "--runs", tmp_path, "--results", tmp_path / "results")
    assert done.exit_code == 2 and "--mirrored is True with one device" in said(done)

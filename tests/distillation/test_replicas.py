"""Two replicas under MirroredStrategy do what one device does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def outcomes():
    finished = subprocess.run(
        [sys.executable, HERE / "replicas.py"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(HERE.parents[1]), "CUDA_VISIBLE_DEVICES": ""},
    )
    assert finished.returncode == 0, finished.stderr
    outcomes = json.loads(finished.stdout.splitlines()[-1])
    return outcomes["one"], outcomes["two"]


def test_step(outcomes):
    one, two = outcomes
    for of_one, of_two in zip(one["weights"], two["weights"], strict=True):
        np.testing.assert_allclose(of_two, of_one, atol=1e-6)


# In the last three one replica has more images than the other.
@pytest.mark.parametrize("part", ["step", "unequal", "unequal at alpha 1", "evaluated"])
def test_logs(outcomes, part):
    one, two = outcomes
    assert two[part] == pytest.approx(one[part], abs=1e-6)
    assert ("distillation_loss" in two[part]) == (part in ("step", "unequal"))

"""Two replicas under MirroredStrategy do what one device does, in distillation and defenses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def outcomes():
    finished = subprocess.run(
        [sys.executable, HERE / "replicas.py"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(HERE.parent), "CUDA_VISIBLE_DEVICES": ""},
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout.splitlines()[-1])


def test_step(outcomes):
    one, two = outcomes["one"], outcomes["two"]
    for of_one, of_two in zip(one["weights"], two["weights"], strict=True):
        np.testing.assert_allclose(of_two, of_one, atol=1e-6)


# In the last three one replica has more images than the other.
@pytest.mark.parametrize("part", ["step", "unequal", "unequal at alpha 1", "evaluated"])
def test_logs(outcomes, part):
    one, two = outcomes["one"], outcomes["two"]
    assert two[part] == pytest.approx(one[part], abs=1e-6)
    assert ("distillation_loss" in two[part]) == (part in ("step", "unequal"))


def test_the_noise_of_an_update_is_that_of_one_device(outcomes):
    mean, deviation = outcomes["defended"]["noise"]
    assert abs(mean) < 0.1 and deviation == pytest.approx(3.0, rel=0.03)


def test_adversarial_training_is_that_of_one_device(outcomes):
    np.testing.assert_allclose(outcomes["defended"]["two"], outcomes["defended"]["one"], atol=1e-6)


def test_replicas_start_at_different_places(outcomes):
    first, second = outcomes["defended"]["starts"]
    assert np.abs(np.subtract(first, second)).max() > 0.01

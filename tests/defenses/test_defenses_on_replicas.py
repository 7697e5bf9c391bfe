"""What the trained defenses do on two replicas under MirroredStrategy."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def found():
    finished = subprocess.run(
        [sys.executable, HERE / "replicas.py"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(HERE.parents[1]), "CUDA_VISIBLE_DEVICES": ""},
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout.splitlines()[-1])


def test_the_noise_of_an_update_is_that_of_one_device(found):
    mean, deviation = found["noise"]
    assert abs(mean) < 0.1 and deviation == pytest.approx(3.0, rel=0.03)


def test_adversarial_training_is_that_of_one_device(found):
    np.testing.assert_allclose(found["two"], found["one"], atol=1e-6)


def test_replicas_start_at_different_places(found):
    first, second = found["starts"]
    assert np.abs(np.subtract(first, second)).max() > 0.01

"""The memory that an evaluation takes does not grow with the number of images."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.memory import is_measurable

_ROOT = Path(__file__).parents[2]

#: Prints the MiB that evaluating 10,000 CIFAR-size images at 8 epsilons adds to those it gets.
_EVALUATE = """
from pathlib import Path
import keras
import numpy as np
from keras import layers
from attacks import FGSM
from evaluation.evaluate import evaluate

def kibibytes(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))

model = keras.Sequential([keras.Input((32, 32, 3)), layers.Flatten(), layers.Dense(10)])
images = np.random.default_rng(0).random((10_000, 32, 32, 3), np.float32)
labels = np.zeros(len(images), int)
evaluate(model, images[:256], labels[:256], FGSM(), [0.1])
Path("/proc/self/clear_refs").write_text("5")
before = kibibytes("VmRSS")
evaluate(model, images, labels, FGSM(), np.linspace(0.01, 0.2, 8).tolist())
print((kibibytes("VmHWM") - before) / 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not is_measurable(), reason="only Linux reports the peak")
def test_an_evaluation_takes_a_bounded_amount_of_memory():
    command = [sys.executable, "-c", _EVALUATE]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
    # All adversarial images take 938 MiB; with all of them held at once the peak was 2,023 MiB.
    assert float(done.stdout.split()[-1]) < 1280

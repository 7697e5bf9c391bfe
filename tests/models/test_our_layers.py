"""Layers of this project in files: loaded once their package is imported."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import data
import defenses
import models

ROOT = Path(__file__).parents[2]

LOAD = """
import sys
import numpy as np
import models

images = np.load("images.npy")
for name in sys.argv[1:]:
    try:
        models.load_checkpoint(name)
    except models.CheckpointError as error:
        print(error)
import defenses
for name in sys.argv[1:]:
    np.save(name + ".npy", models.load_checkpoint(name)(images, training=False))
"""


@pytest.fixture
def images():
    return np.random.default_rng(0).random((4, 8, 8, 3), np.float32)


def network(*first):
    return keras.Sequential([keras.Input((8, 8, 3)), *first, layers.Flatten(), layers.Dense(2)])


NETWORKS = {
    "erasing": lambda: network(data.RandomErasing(probability=1)),
    "squeezing": lambda: defenses.FeatureSqueezing(bits=3, median=2).in_front(network()),
    "noisy-gradient": lambda: defenses.with_noisy_gradient(network(), 0.1),
    "noisy-logits": lambda: defenses.with_noisy_logits(network(), 0.1),
}


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)
def test_the_same_outputs(tmp_path, images, build, suffix):
    model = build()
    again = models.load_checkpoint(models.save(model, tmp_path / f"network{suffix}"))
    expected = model(images, training=False)
    np.testing.assert_array_equal(again(images, training=False), expected)


def test_a_fresh_process_says_what_to_import(tmp_path, images):
    np.save(tmp_path / "images.npy", images)
    expected = {}
    for name in ("erasing.h5", "noisy-logits.keras"):
        model = NETWORKS[name.split(".")[0]]()
        models.save(model, tmp_path / name)
        expected[name] = model(images, training=False)
    run = subprocess.run(
        [sys.executable, "-c", LOAD, *expected],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "2"},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    said = run.stdout.splitlines()
    for line, name in zip(said, expected, strict=True):
        package = "data" if name == "erasing.h5" else "defenses"
        assert line.startswith(f"{name} needs '{package}>")
        assert line.endswith(f"; import {package} first")
    for name, outputs in expected.items():
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), outputs, err_msg=name)

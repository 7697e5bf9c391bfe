"""A fresh process reloads every network in plain Keras, without this project, to the last bit.

A network with layers of this project reloads once their package is imported.
"""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

import data
import defenses
import models

ROOT = Path(__file__).parents[2]

# One process for all of it, as TensorFlow takes seconds to start.
RELOAD = """
import importlib.util, json, sys
import keras, numpy as np

root, plain, ours = json.loads(sys.argv[1])
assert importlib.util.find_spec("models") is None
images = np.load("images.npy")
for name in plain:
    model = keras.models.load_model(name)
    np.save(name + ".npy", model(images, training=False))
assert not {"models", "data", "defenses"} & set(sys.modules)

sys.path.insert(0, root)
import models

for name in ours:
    try:
        models.load_checkpoint(name)
    except models.CheckpointError as error:
        print(error)
import defenses

for name in ours:
    np.save(name + ".npy", models.load_checkpoint(name)(images, training=False))
"""


def small(name):
    return lambda: models.build(name, 10, input_shape=(32, 32, 3), upsampling=3, width=0.25)


def pooled(*first):
    last = [layers.AveragePooling2D(8), layers.Flatten(), layers.Dense(2)]
    return keras.Sequential([keras.Input((32, 32, 3)), *first, *last])


NETWORKS = {
    "vgg16": lambda: models.vgg16(10, upsampling=2, width=0.05),
    "teacher": lambda: models.with_softmax(
        models.vgg16(10, upsampling=1, width=0.05, preprocessing="unit", temperature=20)
    ),
    "papernot_cnn": lambda: models.papernot_cnn(10, (32, 32, 3), width=0.1, temperature=20),
    "wpi_cnn": lambda: models.wpi_cnn(10, width=0.1),
    "rit_cnn": lambda: models.rit_cnn(10, input_shape=(32, 32, 3), width=0.1),
    **{name: small(name) for name in ("alexnet", "mobilenet")},
    "smoothed": lambda: defenses.FeatureSmoothing(5, 1.0).in_front(pooled()),
}
MORE = {
    name: small(name)
    for name in (
        "resnext50_32x4d",
        "vgg19",
        "regnety_400mf",
        "mobilenet_v2",
        "densenet201",
        "resnet101",
    )
}
#: Of many layers: one format has to do.
DEEP = ("resnext50_32x4d", "mobilenet", "resnet", "inception")
OURS = {
    "erasing.h5": lambda: pooled(data.RandomErasing(probability=1)),
    "noisy-logits.keras": lambda: defenses.with_noisy_logits(pooled(), 0.1),
}


def around_little(little):
    """The networks with a backbone of ImageNet, by name, around a small one in its place."""
    application, path = little
    arguments = {"upsampling": 3, "width": 0.1, "weights": path, "preprocessing": "imagenet"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.applications, "ResNet50", application)
        patch.setattr(keras.applications, "InceptionV3", application)
        return {name: models.build(name, 10, **arguments) for name in ("resnet50", "inception_v3")}


def fresh_process(folder, images, plain, ours=()):
    """Saves networks, {file: network}, and lets a fresh process read them.

    Returns the outputs of each before and after, and what the process said.
    """
    np.save(folder / "images.npy", images)
    networks = {**plain, **dict(ours)}
    before = {name: model(images, training=False).numpy() for name, model in networks.items()}
    for name, model in networks.items():
        models.save(model, folder / name)
    words = json.dumps([str(ROOT), list(plain), list(dict(ours))])
    # -I keeps the working directory, PYTHONPATH and so this project away.
    run = subprocess.run(
        [sys.executable, "-I", "-c", RELOAD, words],
        cwd=folder,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    after = {name: np.load(folder / f"{name}.npy") for name in networks}
    return SimpleNamespace(before=before, after=after, said=run.stdout.splitlines())


def in_formats(networks):
    return {
        f"{name}{suffix}": model
        for name, model in networks.items()
        for suffix in ((".h5",) if name in DEEP else (".h5", ".keras"))
    }


def assert_same(process, names):
    for name in names:
        assert np.ptp(process.before[name]) > 0
        np.testing.assert_array_equal(process.after[name], process.before[name], err_msg=name)


@pytest.fixture(scope="module")
def read(images, shaken, little, tmp_path_factory):
    networks = {name: build() for name, build in NETWORKS.items()} | around_little(little)
    plain = in_formats({name: shaken(model) for name, model in networks.items()})
    ours = {name: build() for name, build in OURS.items()}
    return fresh_process(tmp_path_factory.mktemp("fresh"), images, plain, ours)


def test_plain_keras_gives_the_same_bits(read):
    assert len(read.before) == 21
    assert_same(read, read.before)


@pytest.mark.slow
def test_plain_keras_gives_the_same_bits_of_deep_networks(
    images, shaken, resnet, inception, tmp_path
):
    networks = {name: shaken(build()) for name, build in MORE.items()}
    plain = in_formats(networks | {"resnet": resnet, "inception": inception})
    assert_same(fresh_process(tmp_path, images, plain), plain)


def test_a_fresh_process_says_what_to_import(read):
    for line, name in zip(read.said, OURS, strict=True):
        package = "data" if name == "erasing.h5" else "defenses"
        assert line.startswith(f"{name} needs '{package}>")
        assert line.endswith(f"; import {package} first")
    assert_same(read, OURS)

"""Every network reloads in plain Keras, without this project, to the last bit."""

import subprocess
import sys

import numpy as np
import pytest

import models

RELOAD = """
import importlib.util, sys
import keras, numpy as np

assert importlib.util.find_spec("models") is None
images = np.load("images.npy")
for name in sys.argv[1:]:
    model = keras.models.load_model(name)
    np.save(name + ".npy", model(images, training=False))
"""


def small(name):
    return lambda: models.build(name, 10, input_shape=(32, 32, 3), upsampling=3, width=0.25)


NETWORKS = {
    "vgg16": lambda: models.vgg16(10, upsampling=2, width=0.05),
    "teacher": lambda: models.with_softmax(
        models.vgg16(10, upsampling=1, width=0.05, preprocessing="unit", temperature=20)
    ),
    "papernot_cnn": lambda: models.papernot_cnn(10, (32, 32, 3), width=0.1, temperature=20),
    "wpi_cnn": lambda: models.wpi_cnn(10, width=0.1),
    "rit_cnn": lambda: models.rit_cnn(10, input_shape=(32, 32, 3), width=0.1),
    **{name: small(name) for name in ("resnext50_32x4d", "alexnet", "vgg19", "mobilenet")},
}
MORE = {name: small(name) for name in ("regnety_400mf", "mobilenet_v2", "densenet201", "resnet101")}
#: Fixtures of large networks, for which one format has to do.
BACKBONES = ("resnet", "inception")


@pytest.fixture
def logits(request, images, shaken, tmp_path):
    """The outputs of each network before it was saved, by file name."""
    np.save(tmp_path / "images.npy", images)
    outputs = {}

    def save(name, model, *suffixes):
        expected = model(images, training=False).numpy()
        for suffix in suffixes:
            outputs[models.save(model, tmp_path / f"{name}{suffix}").name] = expected

    for name, build in request.param.items():
        save(name, shaken(build()), ".h5", ".keras")
    for name in BACKBONES if request.param is NETWORKS else ():
        save(name, request.getfixturevalue(name), ".h5")
    return outputs


@pytest.mark.parametrize(
    "logits",
    [pytest.param(NETWORKS, id="most"), pytest.param(MORE, id="the rest", marks=pytest.mark.slow)],
    indirect=True,
)
def test_plain_keras_gives_the_same_bits(logits, tmp_path):
    # -I keeps the working directory, PYTHONPATH and so this project away.
    subprocess.run(
        [sys.executable, "-I", "-c", RELOAD, *logits], cwd=tmp_path, check=True, timeout=120
    )
    for name, expected in logits.items():
        assert np.ptp(expected) > 0
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), expected, err_msg=name)

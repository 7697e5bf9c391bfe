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
    "resnet50": lambda: models.resnet50(10, upsampling=1, preprocessing="imagenet"),
    "papernot_cnn": lambda: models.papernot_cnn(10, (32, 32, 3), width=0.1, temperature=20),
    "inception_v3": lambda: models.inception_v3(10, upsampling=3, preprocessing="imagenet"),
    "wpi_cnn": lambda: models.wpi_cnn(10, width=0.1),
    "rit_cnn": lambda: models.rit_cnn(10, input_shape=(32, 32, 3), width=0.1),
    **{name: small(name) for name in ("resnext50_32x4d", "alexnet", "vgg19", "mobilenet")},
}
MORE = {name: small(name) for name in ("regnety_400mf", "mobilenet_v2", "densenet201", "resnet101")}


@pytest.fixture
def logits(request, images, shaken, tmp_path):
    """The outputs of each network before it was saved, by file name."""
    np.save(tmp_path / "images.npy", images)
    outputs = {}
    for name, build in request.param.items():
        model = shaken(build())
        expected = model(images, training=False).numpy()
        for suffix in (".h5", ".keras"):
            outputs[models.save(model, tmp_path / f"{name}{suffix}").name] = expected
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

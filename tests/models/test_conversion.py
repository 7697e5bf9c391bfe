"""What an exported file gives is what the network gives."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

import models
from models import conversion


def logits_in_keras(path, images):
    return models.load_checkpoint(path).predict(images, verbose=0)


def logits_in_tflite(path, images):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*tf.lite.Interpreter is deprecated", UserWarning)
        interpreter = tf.lite.Interpreter(str(path))
    (logits,) = interpreter.get_signature_runner("serving_default")(images=images).values()
    return logits


def logits_in_onnx(path, images):
    onnxruntime = pytest.importorskip("onnxruntime")
    return onnxruntime.InferenceSession(path).run(None, {"images": images})[0]


RUN = {
    ".h5": logits_in_keras,
    ".keras": logits_in_keras,
    ".onnx": logits_in_onnx,
    ".tflite": logits_in_tflite,
}


@pytest.fixture(scope="module")
def resized(shaken):
    """A network that begins with a Resizing layer and has batch normalisations."""
    return shaken(models.wpi_cnn(3, input_shape=(28, 28, 1), width=0.1))


@pytest.mark.slow
@pytest.mark.parametrize("suffix", models.SUFFIXES)
@pytest.mark.parametrize("name", ["small", "resized"])
def test_a_file_gives_the_logits_of_the_network(name, suffix, request, images, tmp_path):
    if suffix == ".onnx":
        pytest.importorskip("tf2onnx")
    network = request.getfixturevalue(name)
    if name == "resized":
        images = images[:, :28, :28, :1]
    logits = network.predict(images, verbose=0)
    path = models.export(network, tmp_path / f"network{suffix}")
    assert [each.name for each in tmp_path.iterdir()] == [f"network{suffix}"]
    for batch in (slice(4), slice(1)):
        given = RUN[suffix](path, images[batch])
        np.testing.assert_allclose(given, logits[batch], rtol=1e-4, atol=1e-5)
    # Exporting changes neither the network nor what it trains.
    assert np.array_equal(network.predict(images, verbose=0), logits)
    assert network.trainable_variables


def test_a_file_that_exists_is_kept(small, tmp_path):
    path = tmp_path / "network.tflite"
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="network.tflite exists; pass overwrite=True"):
        models.export(small, path)
    assert path.read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["network.pt", "network", "network.hdf5"])
def test_other_suffixes_are_refused(small, name, tmp_path):
    with pytest.raises(ValueError, match=r"accepted suffixes: \.h5, \.keras, \.onnx, \.tflite"):
        models.export(small, tmp_path / name)


def test_a_missing_package_is_named_with_what_installs_it(small, tmp_path, monkeypatch):
    monkeypatch.setattr(conversion, "find_spec", lambda name: None)
    message = r"needs tf2onnx and onnx .*accepted: .*\.tflite \(or `pip install tf2onnx onnx`\)"
    with pytest.raises(ValueError, match=message):
        models.export(small, tmp_path / "network.onnx")
    models.check_can_convert(".tflite")


def test_a_conversion_that_fails_leaves_nothing(small, tmp_path, monkeypatch):
    def fail(network, path):
        path.write_bytes(b"half of it")
        raise NotImplementedError("no such operation")

    monkeypatch.setitem(conversion._CONVERTERS, ".tflite", fail)
    message = r"'vgg16' cannot be converted; accepted for this network: .*\(no such operation\)"
    with pytest.raises(ValueError, match=message):
        models.export(small, tmp_path / "network.tflite")
    assert not list(tmp_path.iterdir())

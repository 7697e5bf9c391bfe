"""The benchmark of transfers counts what is known, and writes what it counted."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from typer.testing import CliRunner

import attacks
from benchmarks import networks, report, syncs
from benchmarks.transfers import Transfers, counted


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(4)]
    )
    images = np.random.default_rng(0).random((8, 6, 6, 1), np.float32)
    return networks.Network(model, images, model.predict(images, verbose=0).argmax(axis=1))


def test_what_is_read_and_uploaded_is_counted():
    numbers = [tf.TensorSpec([None], tf.float32), tf.TensorSpec([], tf.float32)]
    product = tf.function(lambda a, b: a * b, input_signature=numbers).get_concrete_function()
    tensor = tf.ones([3], tf.float64)
    with counted() as transfers:
        product(np.ones(5, np.float32), 2.0)
        tf.gather(tensor, np.array([0, 2, 1], np.int32))
        tensor.numpy()
        assert tf.constant(True)
    assert transfers == Transfers(
        calls=1, reads=2, read_bytes=24 + 1, uploads=2, upload_bytes=20 + 12, numbers=2
    )
    tensor.numpy()  # after the end
    assert transfers.reads == 2


def test_per_call_is_what_further_steps_take(network, monkeypatch):
    def attack(steps):
        return attacks.PGD(steps, stop_at_success=True)

    monkeypatch.setattr(syncs, "EPSILON", 0.0)  # so that no image leaves
    measured = syncs.measure(syncs.Row("PGD, stop at success", attack, 2, 7), network)
    assert (measured.calls, measured.uploads) == (5, 0)
    assert measured.reads == 1 and measured.read_bytes == 8 * 4 * 4  # the logits of every step
    measured = syncs.measure(syncs.Row("PGD", attacks.PGD, 2, 7), network)
    assert measured.reads == 0


def test_what_is_written(network, monkeypatch, tmp_path):
    monkeypatch.setitem(networks.BUILDERS, networks.SMALL, lambda: network)
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    paths = ["--json", first, "--table", tmp_path / "table.md"]
    done = CliRunner().invoke(syncs.app, ["--only", "PGD", *map(str, paths)])
    assert done.exit_code == 0, done.output
    assert [row["name"] for row in json.loads(first.read_text())["rows"]] == ["PGD"]
    paths[1] = second
    done = CliRunner().invoke(
        syncs.app, ["--only", "DDN", "--before", str(first), *map(str, paths)]
    )
    assert done.exit_code == 0, done.output
    now, before = (tmp_path / "table.md").read_text().split("Before, at commit")
    assert "| DDN |" in now and "| PGD |" in before
    done = CliRunner().invoke(syncs.app, ["--only", "none"])
    assert done.exit_code == 2 and "accepted: a pattern for one of PGD," in done.output


def test_the_device_is_named(monkeypatch):
    gpu = tf.config.PhysicalDevice("/physical_device:GPU:0", "GPU")
    assert ", no GPU, python" in report.where_and_when(report.machine() | {"gpus": []})
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [gpu])
    monkeypatch.setattr(
        tf.config.experimental, "get_device_details", lambda device: {"device_name": "a GPU"}
    )
    assert report.machine()["gpus"] == ["a GPU"]
    assert ", a GPU, python" in report.where_and_when(report.machine())

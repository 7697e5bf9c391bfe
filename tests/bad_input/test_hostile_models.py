"""Models that would run code, read other files or take memory: none is built."""

import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers

import models


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A small network as a .keras and as a .h5 file."""
    folder = tmp_path_factory.mktemp("plain")
    network = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="relu")])
    return {
        suffix: models.save(network, folder / f"network{suffix}") for suffix in (".keras", ".h5")
    }


def described(path, change):
    """A copy of a file whose description `change` has changed."""
    copy = path.with_name(f"hostile{path.suffix}")
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as source, zipfile.ZipFile(copy, "w") as target:
            for name in source.namelist():
                content = source.read(name)
                if name == "config.json":
                    content = json.dumps(change(json.loads(content)))
                target.writestr(name, content)
        return copy
    copy.write_bytes(path.read_bytes())
    with h5py.File(copy, "a") as file:
        file.attrs["model_config"] = json.dumps(change(json.loads(file.attrs["model_config"])))
    return copy


def with_dense(**changes):
    def change(description):
        description["config"]["layers"][1] |= changes
        return description

    return change


def with_argument(**arguments):
    def change(description):
        description["config"]["layers"][1]["config"] |= arguments
        return description

    return change


def function(module, name):
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


HOSTILE = {
    "lambda": with_dense(class_name="Lambda", module="keras.layers"),
    "lambda by a dotted name": with_dense(class_name="layers.Lambda", module="keras"),
    "lambda by its private module": with_dense(
        class_name="Lambda", module="keras.src.layers.core.lambda_layer"
    ),
    "bytecode": with_argument(activation={"class_name": "__lambda__", "config": {"code": "4w=="}}),
    "program": with_dense(class_name="TFSMLayer", module="keras.layers"),
    "torch pickle": with_dense(class_name="TorchModuleWrapper", module="keras.layers"),
    "jax": with_dense(class_name="JaxLayer", module="keras.layers"),
    "class of the system": with_dense(class_name="Popen", module="subprocess"),
    "download": with_argument(activation=function("keras.utils", "get_file")),
    "loading": with_argument(activation=function("keras.models", "load_model")),
    "unsafe mode": with_argument(
        activation=function("keras.config", "enable_unsafe_deserialization")
    ),
    "builtin": with_argument(activation=function("builtins", "eval")),
    "function of the system": with_argument(activation=function("os", "system")),
    "callback": with_dense(class_name="CSVLogger", module="keras.callbacks"),
    "words in a file": with_dense(
        class_name="StringLookup", module="keras.layers", config={"vocabulary": "/etc/passwd"}
    ),
    "type": with_argument(dtype={"class_name": "__typespec__", "config": ["x"]}),
    "foreign layer": with_dense(registered_name="stranger>Layer"),
    "many units": with_argument(units=10**9),
    "deep": with_argument(note=json.loads("[" * 300 + "]" * 300)),
    "many objects": with_argument(note=[{"class_name": "Dense", "config": {}}] * 100_001),
    "no object": lambda description: [description],
    "no layers": lambda description: {"class_name": "Sequential", "config": {"layers": 3}},
}


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_descriptions(plain, suffix, kind):
    with pytest.raises(models.CheckpointError, match="hostile") as raised:
        models.load_checkpoint(described(plain[suffix], HOSTILE[kind]))
    assert len(str(raised.value).splitlines()) == 1


def linked_outside(file, name, secret):
    del file[name]
    file[name] = h5py.ExternalLink(secret, "secret")


def linked_inside(file, name, secret):
    del file[name]
    file[name] = h5py.SoftLink("/elsewhere")


def stored_outside(file, name, secret):
    shape = file[name].shape
    del file[name]
    size = 4 * int(np.prod(shape))
    file.create_dataset(name, shape, "f4", external=[(secret, 0, size)])


def virtual(file, name, secret):
    shape = file[name].shape
    del file[name]
    layout = h5py.VirtualLayout(shape, "f4")
    layout[:] = h5py.VirtualSource(secret, "secret", shape)
    file.create_virtual_dataset(name, layout)


def compressed(file, name, secret):
    shape = file[name].shape
    del file[name]
    file.create_dataset(name, data=np.zeros(shape, "f4"), compression="gzip")


def declared_alone(file, name, secret):
    del file[name]
    file.create_dataset(name, (10**6, 10**6), "f4")


WEIGHTS = [linked_outside, linked_inside, stored_outside, virtual, compressed, declared_alone]


@pytest.mark.parametrize("suffix", [".h5", ".weights.h5", ".keras"])
@pytest.mark.parametrize("change", WEIGHTS)
def test_hostile_weights(plain, tmp_path, suffix, change):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["secret"] = np.ones((4, 3), "f4")
    path = tmp_path / f"hostile{suffix}"
    network = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    if suffix == ".h5":
        path.write_bytes(plain[".h5"].read_bytes())
        changed = path
    else:
        changed = tmp_path / "changed.weights.h5"
        network.save_weights(changed)
    with h5py.File(changed, "a") as file:
        names = []
        file.visititems(lambda name, item: names.append(name) if hasattr(item, "shape") else None)
        change(file, next(name for name in names if file[name].shape == (4, 3)), str(secret))
    if suffix == ".weights.h5":
        path.write_bytes(changed.read_bytes())
        path = changed
    if suffix == ".keras":
        with zipfile.ZipFile(plain[".keras"]) as source, zipfile.ZipFile(path, "w") as target:
            for name in source.namelist():
                is_weights = name == "model.weights.h5"
                target.writestr(name, changed.read_bytes() if is_weights else source.read(name))
    before = network.get_weights()
    with pytest.raises(models.CheckpointError, match="accepted: arrays"):
        models.load_weights(network, path)
    np.testing.assert_array_equal(network.get_weights()[0], before[0])


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_truncated_models(plain, tmp_path, suffix, share):
    content = plain[suffix].read_bytes()
    path = tmp_path / f"short{suffix}"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(models.CheckpointError, match=f"short{suffix}"):
        models.load_checkpoint(path)


def test_weights_that_are_refused_leave_nothing_for_later(plain):
    """Keras would make them at the end of the next stateless scope."""
    with pytest.raises(
        models.CheckpointError, match="describes a network of 5,000,000,000 weights"
    ):
        models.load_checkpoint(described(plain[".keras"], with_argument(units=10**9)))
    with keras.StatelessScope():
        pass


def test_a_zip_that_unpacks_to_more_than_the_memory(plain, tmp_path, monkeypatch):
    from files import limits

    monkeypatch.setattr(limits, "memory_at_hand", lambda: 1000)
    with pytest.raises(models.CheckpointError, match="model.weights.h5 takes .*accepted: at most"):
        models.load_checkpoint(plain[".keras"])

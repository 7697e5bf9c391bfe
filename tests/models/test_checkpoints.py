"""Checkpoints: whole or not at all, the best epoch, and what is refused."""

import json
import logging
import warnings
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers

import models

BOTH_FORMATS = pytest.mark.parametrize("suffix", [".h5", ".keras"])


def tiny(*more):
    return keras.Sequential([keras.Input((3,)), *more, layers.Dense(2)])


@pytest.fixture
def absl_records():
    """What Keras logs; its logger does not pass records on to pytest's own."""
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = logging.getLogger("absl")
    level = logger.level  # which the command line raises
    logger.setLevel(logging.WARNING)
    logger.addHandler(handler)
    yield records
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.mark.parametrize("suffix", [".h5", ".hdf5", ".keras"])
def test_save_and_load(small, images, tmp_path, suffix):
    path = models.save(small, tmp_path / "new [1]" / f"network [ab]{suffix}")
    assert [file.name for file in path.parent.iterdir()] == [f"network [ab]{suffix}"]
    again = models.load_checkpoint(path)
    np.testing.assert_array_equal(again(images, training=False), small(images, training=False))
    assert not again.compiled


def test_default_suffix_is_h5(tmp_path):
    assert models.save(tiny(), tmp_path / "network") == tmp_path / "network.h5"
    assert h5py.is_hdf5(tmp_path / "network.h5")


def test_keras_does_not_complain_about_h5(tmp_path, absl_records):
    models.save(tiny(), tmp_path / "network.h5")
    assert not absl_records
    tiny().save(tmp_path / "network.h5")  # the silence is for our own saving only
    assert len(absl_records) == 1


@pytest.fixture(scope="module")
def trained():
    """A network with the state of a training by a loss of the user's own."""

    def own_loss(labels, logits):
        return keras.ops.mean(logits)

    model = tiny(layers.Activation("gelu"))
    model.compile("adam", loss=own_loss, run_eagerly=True)  # of one step: nothing to compile for
    model.fit(np.ones((4, 3)), np.ones(4), verbose=0)
    return model


@BOTH_FORMATS
def test_training_state_is_left_out(trained, tmp_path, suffix):
    path = models.save(trained, tmp_path / f"network{suffix}")
    assert not keras.models.load_model(path).compiled


def test_nothing_is_overwritten_unasked(tmp_path):
    path = models.save(tiny(), tmp_path / "network.h5")
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="network.h5 exists; pass overwrite=True"):
        models.save(tiny(), path)
    assert path.read_bytes() == before
    models.save(tiny(), path, overwrite=True)
    assert path.read_bytes() != before


@BOTH_FORMATS
def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch, suffix):
    path = models.save(tiny(), tmp_path / f"network{suffix}")
    before = path.read_bytes()

    def full_disk(self, filepath, **arguments):
        filepath.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(keras.Model, "save", full_disk)
    with pytest.raises(OSError, match="no space"):
        models.save(tiny(), path, overwrite=True)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["network.pt", "network.weights.h5"])
def test_refused_suffixes(tmp_path, name):
    for write in (lambda path: models.save(tiny(), path), models.best_checkpoint):
        with pytest.raises(ValueError, match=f"{name}; accepted suffixes: .h5, .hdf5, .keras"):
            write(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_subclassed_model_is_not_saved(tmp_path):
    class Subclassed(keras.Model):
        pass

    with pytest.raises(ValueError, match="accepted: a functional or a built sequential model"):
        models.save(Subclassed(), tmp_path / "network.h5")
    assert not list(tmp_path.iterdir())


def run_epochs(callback, model, accuracies):
    """Ends one epoch per accuracy, with a network whose bias is the number of the epoch."""
    callback.set_model(model)
    for epoch, accuracy in enumerate(accuracies):
        model.layers[-1].bias.assign([epoch, epoch])
        callback.on_epoch_end(epoch, {"val_accuracy": accuracy})


def kept_epoch(path):
    return models.load_checkpoint(path).layers[-1].bias[0]


@BOTH_FORMATS
def test_the_best_epoch_is_kept(tmp_path, suffix, absl_records):
    path = tmp_path / f"best{suffix}"
    run_epochs(models.best_checkpoint(path), tiny(), [0.2, 0.7, 0.5, 0.7, 0.1])
    assert kept_epoch(path) == 1
    assert not absl_records


def test_a_resumed_training_has_an_accuracy_to_exceed(tmp_path):
    path = tmp_path / "best.h5"
    run_epochs(models.best_checkpoint(path), tiny(), [0.2, 0.6])
    run_epochs(models.best_checkpoint(path, initial_value_threshold=0.6), tiny(), [0.5, 0.6])
    assert kept_epoch(path) == 1
    run_epochs(models.best_checkpoint(path, initial_value_threshold=0.6), tiny(), [0.5, 0.6, 0.7])
    assert kept_epoch(path) == 2


def test_an_epoch_without_a_number_is_not_the_best(tmp_path):
    path = tmp_path / "best.h5"
    run_epochs(models.best_checkpoint(path), tiny(), [float("nan"), 0.3])
    assert kept_epoch(path) == 1


def test_best_checkpoint_in_a_fit(tmp_path):
    model = tiny()
    model.compile("sgd", "mse", metrics=["accuracy"], run_eagerly=True)
    inputs, labels = np.eye(3, dtype=np.float32), np.eye(3, 2, dtype=np.float32)
    callback = models.best_checkpoint(tmp_path / "best")
    assert isinstance(callback, keras.callbacks.ModelCheckpoint)
    arguments = {"validation_data": (inputs, labels), "epochs": 3, "verbose": 0}
    history = model.fit(inputs, labels, callbacks=[callback], **arguments)
    assert callback.best == max(history.history["val_accuracy"])
    assert (tmp_path / "best.h5").is_file()


def test_best_checkpoint_of_a_part(tmp_path):
    student, whole = tiny(), tiny()
    callback = models.best_checkpoint(tmp_path / "best.h5", model=student)
    run_epochs(callback, whole, [0.5])
    kept = models.load_checkpoint(tmp_path / "best.h5")
    np.testing.assert_array_equal(kept.get_weights()[0], student.get_weights()[0])


def test_best_checkpoint_needs_the_validation_accuracy(tmp_path):
    callback = models.best_checkpoint(tmp_path / "best.h5")
    callback.set_model(tiny())
    with pytest.raises(ValueError, match="logs has loss; accepted: with 'val_accuracy'"):
        callback.on_epoch_end(0, {"loss": 1.0})


def test_missing_file_and_unknown_suffix(tmp_path):
    with pytest.raises(models.CheckpointError, match="missing.h5 does not exist"):
        models.load_checkpoint(tmp_path / "missing.h5")
    with pytest.raises(
        models.CheckpointError, match="model.pt; accepted suffixes: .h5, .hdf5, .keras"
    ):
        models.load_checkpoint(tmp_path / "model.pt")
    (tmp_path / "folder.keras").mkdir()
    with pytest.raises(models.CheckpointError, match="folder.keras does not exist"):
        models.load_checkpoint(tmp_path / "folder.keras")


@BOTH_FORMATS
def test_truncated_file(small, tmp_path, suffix):
    path = models.save(small, tmp_path / f"network{suffix}")
    content = path.read_bytes()
    for share in (0, 0.3, 0.9):
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(models.CheckpointError, match=f"network{suffix} is damaged"):
            models.load_checkpoint(path)


@BOTH_FORMATS
def test_file_of_something_else(tmp_path, suffix):
    path = tmp_path / f"network{suffix}"
    path.write_text("<html>404</html>")
    with pytest.raises(models.CheckpointError, match=f"network{suffix} is damaged"):
        models.load_checkpoint(path)


def test_weights_are_missing_inside(tmp_path):
    path = models.save(tiny(), tmp_path / "network.h5")
    with h5py.File(path, "a") as file:
        del file["model_weights"]
    with pytest.raises(models.CheckpointError, match="network.h5 cannot be rebuilt by Keras"):
        models.load_checkpoint(path)


INPUTS = np.random.default_rng(0).random((4, 3), np.float32)


def nested(frozen=(), whole=True, normalized=False):
    """A network around one whose layers have weights of the same shape."""
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(3), layers.Dense(3)], name="inner")
    if normalized:
        normalization = layers.Normalization()
        normalization.adapt(INPUTS)
        inner = keras.Sequential([keras.Input((3,)), normalization, *inner.layers])
    image = keras.Input((3,))
    model = keras.Model(image, layers.Dense(2)(inner(image)))
    inner.trainable = whole
    for number, layer in enumerate(inner.layers):
        layer.trainable = number not in frozen
    return model


@pytest.fixture(scope="module")
def readers():
    """Networks that differ in what is frozen, each to be given other weights again and again."""
    return nested(), nested((0,)), nested((1,))


#: Formats, frozen layers of the network inside and whether it is trained at all. A .keras file
#: knows the layer of each weight, whatever is trainable, so that two of it are enough.
FROZEN = [
    *[(".h5", frozen, whole) for frozen in ((), (0,), (1,), (0, 1)) for whole in (True, False)],
    *[(".keras", (0,), True), (".keras", (1,), False)],
]


@pytest.mark.parametrize("suffix, frozen, whole", FROZEN)
def test_what_is_frozen_changes_no_weights(tmp_path, readers, suffix, frozen, whole):
    """Keras writes trainable weights first into .h5, and reads them by what is trainable then."""
    model = nested(frozen, whole)
    path = models.save(model, tmp_path / f"network{suffix}")
    for again in readers:
        flags = [layer.trainable for layer in again.layers[1].layers]
        models.load_weights(again, path)
        np.testing.assert_array_equal(again(INPUTS), model(INPUTS))
        assert [layer.trainable for layer in again.layers[1].layers] == flags
    np.testing.assert_array_equal(models.load_checkpoint(path)(INPUTS), model(INPUTS))


@BOTH_FORMATS
def test_normalization_in_a_network_inside(tmp_path, suffix):
    model = nested(normalized=True)
    again = models.load_checkpoint(models.save(model, tmp_path / f"network{suffix}"))
    np.testing.assert_allclose(again(INPUTS), model(INPUTS), rtol=1e-6)


def weights_alone(model, path):
    """A .h5 file of weights alone, as Keras 2 wrote it."""
    models.save(model, path)
    with h5py.File(path, "a") as file:
        del file.attrs["model_config"]
    return path


def test_weights_alone_in_another_order(tmp_path):
    model = nested((0,))
    path = weights_alone(model, tmp_path / "weights.h5")
    again = nested((1,))  # with layers of other numbers
    before = again.get_weights()
    with pytest.raises(models.CheckpointError, match="of 'inner.*set trainable as it was then"):
        models.load_weights(again, path)
    np.testing.assert_array_equal(again.layers[1].get_weights()[0], before[0])
    again = nested((0,))
    models.load_weights(again, path)
    np.testing.assert_array_equal(again(INPUTS), model(INPUTS))


def test_two_weights_of_one_name(tmp_path):
    """Keras 2 could not write them, and left a file that looks whole."""
    path = models.save(nested(), tmp_path / "network.h5")
    with h5py.File(path, "a") as file:
        names = file["model_weights/inner"].attrs["weight_names"]
        file["model_weights/inner"].attrs["weight_names"] = [*names[:2], *names[:2]]
    with pytest.raises(models.CheckpointError, match="in 'inner' two weights have one name"):
        models.load_checkpoint(path)


def test_weights_alone_are_no_network(tmp_path):
    path = tmp_path / "network.weights.h5"
    tiny().save_weights(path)
    with pytest.raises(models.CheckpointError, match="holds weights alone"):
        models.load_checkpoint(path)


@pytest.fixture
def no_rebuilding(monkeypatch):
    """Fails the test if Keras is asked to rebuild anything."""

    def rebuild(*arguments, **options):
        pytest.fail("the file was handed to Keras")

    monkeypatch.setattr(keras.models, "load_model", rebuild)
    monkeypatch.setattr(keras.saving, "deserialize_keras_object", rebuild)


@BOTH_FORMATS
@pytest.mark.parametrize(
    "layer",
    [
        layers.Lambda(lambda x: 2 * x),
        layers.Lambda(keras.activations.relu),
        keras.Sequential([keras.Input((3,)), layers.Lambda(lambda x: x)]),
    ],
    ids=["lambda", "named function", "nested"],
)
def test_code_is_refused_before_anything_is_rebuilt(tmp_path, suffix, layer, no_rebuilding):
    path = models.save(tiny(layer), tmp_path / f"network{suffix}")
    with pytest.raises(models.CheckpointError, match=rf"network{suffix} carries code \(Lambda\)"):
        models.load_checkpoint(path)


@keras.saving.register_keras_serializable("tests")
class Registered(layers.Layer):
    def call(self, inputs):
        return inputs


class Unregistered(layers.Layer):
    def call(self, inputs):
        return inputs


@BOTH_FORMATS
@pytest.mark.parametrize("layer", [Registered, Unregistered])
def test_custom_layers_are_refused(tmp_path, suffix, layer):
    path = models.save(tiny(layer()), tmp_path / f"network{suffix}")
    with pytest.raises(models.CheckpointError, match=f"network{suffix} .*{layer.__name__}"):
        models.load_checkpoint(path)


def forged(path, change):
    """A copy of the .keras file with `change` made to the description of its second layer."""
    copy = path.with_name("forged.keras")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(copy, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                description = json.loads(content)
                description["config"]["layers"][1] |= change
                content = json.dumps(description)
            target.writestr(name, content)
    return copy


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"module": "os", "class_name": "system"}, "needs 'system', which is not a class"),
        ({"module": "data", "class_name": "system"}, "needs 'system', which is not a class"),
        ({"registered_name": "tests>Registered"}, "needs 'Registered', which is not a class"),
        ({"registered_name": "data>Missing"}, "needs 'data>Missing'; import data first"),
        ({"registered_name": "data>Posing"}, "needs 'data>Posing', which is not this project's"),
    ],
)
def test_foreign_classes_are_never_imported(tmp_path, no_rebuilding, change, message):
    path = models.save(tiny(), tmp_path / "plain.keras")
    with pytest.raises(models.CheckpointError, match=message):
        models.load_checkpoint(forged(path, change))


@keras.saving.register_keras_serializable("data")
class Posing(layers.Layer):
    """A layer of somebody else in a package that is called as one of ours."""


@BOTH_FORMATS
def test_the_state_of_a_training_is_left_out_without_a_word(trained, tmp_path, suffix):
    """Keras cannot find the user's loss, and warns that the state does not fit the network."""
    path = tmp_path / f"trained{suffix}"
    trained.save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = models.load_checkpoint(path)
    np.testing.assert_array_equal(loaded.get_weights()[0], trained.get_weights()[0])
    assert not loaded.compiled


@BOTH_FORMATS
def test_how_a_network_inside_was_trained_is_not_loaded(tmp_path, suffix):
    def own_loss(y, outputs):
        return keras.ops.mean(outputs)

    inside = tiny()
    inside.compile("adam", own_loss)
    inside.fit(np.ones((2, 3)), np.ones((2, 2)), verbose=0)
    path = models.save(keras.Sequential([keras.Input((3,)), inside]), tmp_path / f"outer{suffix}")
    loaded = models.load_checkpoint(path)
    np.testing.assert_array_equal(
        loaded.predict(np.ones((1, 3)), verbose=0), inside(np.ones((1, 3)))
    )

"""Where the files are looked for, and what is refused."""

import importlib
import io
import pickle
import tarfile
from dataclasses import replace

import keras
import numpy as np
import pytest

import data
from data import cifar10, cifar100
from data.sources import DATA_DIR_VARIABLE


@pytest.mark.parametrize("name", ["mnist", "cifar10", "cifar100"])
@pytest.mark.parametrize("folder", ["", "npz", "datasets"])
def test_npz_in_each_place(tmp_path, write_npz, name, folder):
    arrays = write_npz(name, folder)
    dataset = data.load(name, data_dir=tmp_path)
    assert dataset.source == f"npz {name}.npz"
    expected = arrays["x_test"].reshape(-1, *dataset.image_shape) / np.float32(255)
    np.testing.assert_array_equal(dataset.x_test, expected)
    np.testing.assert_array_equal(dataset.y_test, arrays["y_test"])
    assert [len(dataset.x_train), len(dataset.x_validation)] == [90, 10]
    assert dataset.image_shape == ((28, 28, 1) if name == "mnist" else (32, 32, 3))


def test_environment_variable(tmp_path, write_npz, monkeypatch):
    write_npz("mnist")
    monkeypatch.setenv(DATA_DIR_VARIABLE, str(tmp_path))
    assert DATA_DIR_VARIABLE == "REPRODUCE_DATA_DIR"
    assert data.load("mnist").source == "npz mnist.npz"
    with pytest.raises(data.DatasetNotFoundError):  # the argument comes first
        data.load("mnist", data_dir=tmp_path / "elsewhere")


def test_a_shorter_copy_says_so(tmp_path, write_npz, make_arrays):
    write_npz("cifar100", **make_arrays("cifar100", train=1000, test=500))
    dataset = data.load("cifar100", data_dir=tmp_path)
    assert (dataset.official_train, dataset.official_test) == (1000, 500)
    assert dataset.notes == (
        "cifar100: 1,000 of 50,000 training and 500 of 10,000 test images are in this copy",
    )
    assert [len(dataset.x_train), len(dataset.x_validation), len(dataset.x_test)] == [900, 100, 500]


def test_floats_and_column_labels_give_the_same_data(tmp_path, write_npz):
    arrays = write_npz()
    expected = data.load("cifar10", data_dir=tmp_path)
    write_npz(
        x_train=(arrays["x_train"] / 255).astype(np.float32), y_train=arrays["y_train"][:, None]
    )
    dataset = data.load("cifar10", data_dir=tmp_path)
    np.testing.assert_allclose(dataset.x_train, expected.x_train, atol=1e-7)
    np.testing.assert_array_equal(dataset.y_train, expected.y_train)


def changed(array, value):
    array = np.array(array)
    array.flat[7] = value
    return array


@pytest.mark.parametrize(
    ("key", "spoil", "message"),
    [
        ("y_train", lambda y: changed(y, 10), "labels from 0 to 10; accepted for cifar10: 0 to 9"),
        ("y_test", lambda y: changed(y, -1), "labels from -1 to 9; accepted for cifar10: 0 to 9"),
        ("y_train", lambda y: y.astype(float), "dtype float64; accepted: integers"),
        ("y_train", lambda y: np.eye(10)[y], r"shape \(100, 10\)"),
        ("y_train", lambda y: y[:99], "100 images and y_train 99 labels; accepted: one"),
        ("x_train", lambda x: changed(x / 255, 1.5), r"from 0 to 1.5; .* floats in \[0, 1\]"),
        ("x_train", lambda x: changed(x / 255, -0.1), r"from -0.1 to 1; .* floats in \[0, 1\]"),
        ("x_train", lambda x: changed(x / 255, np.nan), "from nan to nan"),
        ("x_test", lambda x: x.astype(np.int64), "is of int64; accepted: uint8"),
        ("x_test", lambda x: x[:, :28, :28], r"accepted for cifar10: \[N, 32, 32, 3\]"),
        ("x_test", lambda x: x[..., 0], r"accepted for cifar10: \[N, 32, 32, 3\]"),
        ("x_test", lambda x: x[:0], r"\[N, 32, 32, 3\] with N > 0"),
    ],
)
def test_content_that_is_refused(tmp_path, write_npz, make_arrays, key, spoil, message):
    write_npz(**{key: spoil(make_arrays()[key])})
    with pytest.raises(ValueError, match=f"cifar10.npz: .*{message}"):
        data.load("cifar10", data_dir=tmp_path)


def test_missing_key(tmp_path, write_npz):
    write_npz(y_train=None)
    with pytest.raises(
        ValueError, match="cifar10.npz has the arrays x_train, .*, without y_train; acc"
    ):
        data.load("cifar10", data_dir=tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", pickle.dumps([1, 2])])
def test_damaged_npz(tmp_path, content):
    (tmp_path / "mnist.npz").write_bytes(content)
    with pytest.raises(ValueError, match="mnist.npz cannot be read as npz"):
        data.load("mnist", data_dir=tmp_path)


class Touch:
    """A pickle of this creates a file when it is opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_code_in_an_npz_does_not_run(tmp_path, write_npz):
    trap = tmp_path / "trap"
    write_npz(x_train=np.array([Touch(trap)], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        data.load("cifar10", data_dir=tmp_path)
    assert not trap.exists()


@pytest.mark.parametrize("module", [cifar10, cifar100])
def test_code_in_a_batch_does_not_run(tmp_path, module):
    trap = tmp_path / "trap"
    folder = tmp_path / module.FOLDER.name
    folder.mkdir()
    content = pickle.dumps(Touch(trap))
    for name in module.FOLDER.train | module.FOLDER.test:
        (folder / name).write_bytes(content)
    with pytest.raises(
        ValueError, match="MD5 sum .*; accepted: .* because a pickle can run code.*npz"
    ):
        data.load(module.DESCRIPTION.name, data_dir=tmp_path)
    assert not trap.exists()
    pickle.loads(content).close()
    assert trap.exists()  # the trap works


@pytest.fixture
def write_batches(tmp_path, monkeypatch, make_arrays, write_pickle):
    """Writes the batches of a data set, whose MD5 sums are then the expected ones."""

    def write(module, folder):
        name, key = module.DESCRIPTION.name, module.FOLDER.label_key
        arrays = make_arrays(name)
        path = tmp_path / folder
        path.mkdir(parents=True)
        parts = np.array_split(np.arange(100), len(module.FOLDER.train))
        train = {
            file: write_pickle(path / file, arrays["x_train"][part], arrays["y_train"][part], key)
            for file, part in zip(module.FOLDER.train, parts)
        }
        test = {
            file: write_pickle(path / file, arrays["x_test"], arrays["y_test"], key)
            for file in module.FOLDER.test
        }
        monkeypatch.setattr(module, "FOLDER", replace(module.FOLDER, train=train, test=test))
        return arrays

    return write


def assert_are(dataset, arrays):
    np.testing.assert_array_equal(dataset.x_train, arrays["x_train"] / np.float32(255))
    np.testing.assert_array_equal(dataset.y_train, arrays["y_train"])
    np.testing.assert_array_equal(dataset.x_validation, arrays["x_test"] / np.float32(255))
    np.testing.assert_array_equal(dataset.y_validation, arrays["y_test"])
    assert len(dataset.fingerprint) == 64  # the arrays are laid out as it needs them


MODULES = pytest.mark.parametrize("module", [cifar10, cifar100])


@pytest.mark.parametrize("parent", ["", "datasets"])
@MODULES
def test_original_batches(tmp_path, write_batches, module, parent):
    arrays = write_batches(module, f"{parent}/{module.FOLDER.name}".strip("/"))
    dataset = data.load(module.DESCRIPTION.name, "test-validates", data_dir=tmp_path)
    assert dataset.source == module.FOLDER.name
    assert_are(dataset, arrays)


@pytest.mark.parametrize("data_dir", [".keras", ".keras/datasets"])
@pytest.mark.parametrize("outer", ["{}-target", "{}", "{}_extracted"])
@MODULES
def test_batches_as_keras_unpacks_them(tmp_path, write_batches, module, outer, data_dir):
    outer = outer.format(module.FOLDER.name)
    arrays = write_batches(module, f".keras/datasets/{outer}/{module.FOLDER.name}")
    (tmp_path / f".keras/datasets/{outer}_archive").write_bytes(b"not looked at")
    assert_are(
        data.load(module.DESCRIPTION.name, "test-validates", data_dir=tmp_path / data_dir), arrays
    )


@pytest.mark.parametrize("data_dir", ["", "datasets"])
@pytest.mark.parametrize("archive", ["{}-target_archive", "{}.tar.gz", "original"])
@MODULES
def test_batches_in_an_archive(tmp_path, write_batches, module, archive, data_dir):
    """Nothing is unpacked, and what else is in the archive is not looked at."""
    arrays = write_batches(module, f"elsewhere/{module.FOLDER.name}")
    archive = archive.format(module.FOLDER.name).replace("original", module.FOLDER.archive)
    (tmp_path / "datasets").mkdir()
    with tarfile.open(tmp_path / "datasets" / archive, "w:gz") as target:
        target.add(tmp_path / "elsewhere" / module.FOLDER.name, module.FOLDER.name)
        target.add(tmp_path / "elsewhere", "../outside")
    assert_are(
        data.load(module.DESCRIPTION.name, "test-validates", data_dir=tmp_path / data_dir), arrays
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["datasets", "elsewhere"]


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b not an archive", b"<html>404</html>"])
def test_a_damaged_archive_is_named(tmp_path, content):
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(content)
    with pytest.raises(ValueError, match="cifar-10-python.tar.gz cannot be read as tar"):
        data.load("cifar10", data_dir=tmp_path)


def test_an_archive_of_something_else(tmp_path):
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz"):
        pass
    with pytest.raises(data.DatasetNotFoundError, match="tar.gz does not have data_batch_1"):
        data.load("cifar10", data_dir=tmp_path)


@MODULES
def test_code_in_an_archive_does_not_run(tmp_path, module):
    trap = tmp_path / "trap"
    content = pickle.dumps(Touch(trap))
    with tarfile.open(tmp_path / module.FOLDER.archive, "w:gz") as archive:
        for name in module.FOLDER.train | module.FOLDER.test:
            member = tarfile.TarInfo(f"{module.FOLDER.name}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    with pytest.raises(ValueError, match="MD5 sum .*; accepted: .*because a pickle can run code"):
        data.load(module.DESCRIPTION.name, data_dir=tmp_path)
    assert not trap.exists()


def test_a_folder_with_square_brackets(tmp_path, write_npz, write_batches):
    arrays = write_npz("mnist", "data [1]")
    assert len(data.load("mnist", data_dir=tmp_path / "data [1]").x_test) == len(arrays["x_test"])
    arrays = write_batches(cifar10, f"[ab]/{cifar10.FOLDER.name}")
    assert_are(data.load("cifar10", "test-validates", data_dir=tmp_path / "[ab]"), arrays)


def test_missing_batch(tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()
    with pytest.raises(data.DatasetNotFoundError, match="does not have data_batch_1, data_batch_2"):
        data.load("cifar10", data_dir=tmp_path)


@pytest.mark.parametrize("folder", ["", "missing"])
def test_folder_without_the_data_set(tmp_path, folder):
    with pytest.raises(data.DatasetNotFoundError, match="does not have cifar10") as error:
        data.load("cifar10", data_dir=tmp_path / folder)
    for place in ("cifar10.npz", "npz/cifar10.npz", "datasets/cifar10.npz", "cifar-10-batches-py"):
        assert place in str(error.value)


@pytest.mark.parametrize("name", ["mnist", "cifar10", "cifar100"])
def test_keras_datasets(monkeypatch, make_arrays, downloaded, tmp_path, name):
    downloaded(importlib.import_module(f"data.{name}"), tmp_path)
    x_train, y_train, x_test, y_test = make_arrays(name).values()
    loaded = (x_train, y_train[:, None]), (x_test, y_test[:, None])
    monkeypatch.setattr(getattr(keras.datasets, name), "load_data", lambda: loaded)
    dataset = data.load(name)
    assert dataset.source == "keras.datasets"
    np.testing.assert_array_equal(dataset.y_test, y_test)
    assert x_test.flags.writeable  # the loader's own arrays are left alone


@pytest.mark.parametrize("name", ["mnist", "cifar10", "cifar100"])
def test_what_keras_looks_for_is_downloaded(monkeypatch, downloaded, name, tmp_path):
    """The same address, checksum and place, so that Keras finds it in its cache."""
    module = importlib.import_module(f"data.{name}")
    asked, wanted = downloaded(module, tmp_path), []

    def get_file(fname, origin, file_hash, extract=False):
        wanted.append((origin, file_hash, f"{fname}_archive" if extract else fname))
        raise Exception("seen")

    load = getattr(keras.datasets, name).load_data
    monkeypatch.setitem(load.__globals__, "get_file", get_file)
    with pytest.raises(data.DatasetNotFoundError, match="seen"):
        data.load(name)
    assert asked == wanted


@pytest.mark.parametrize("name", ["mnist", "cifar10", "cifar100"])
def test_failed_download(no_download, name):
    message = f"{name} could not .*no network.*data_dir or .*REPRODUCE_DATA_DIR"
    with pytest.raises(data.DatasetNotFoundError, match=message):
        data.load(name)

"""Small copies of the data sets, written the way users have them on disk."""

import hashlib
import io
import pickle
import zipfile
from urllib.error import URLError

import numpy as np
import pytest
from PIL import Image

import files.downloads
from data.sources import DATA_DIR_VARIABLE

SHAPES = {"mnist": (28, 28), "cifar10": (32, 32, 3), "cifar100": (32, 32, 3)}


@pytest.fixture(autouse=True)
def no_data_dir(monkeypatch):
    monkeypatch.delenv(DATA_DIR_VARIABLE, raising=False)


@pytest.fixture
def make_arrays():
    def make(name="cifar10", train=100, test=50):
        random = np.random.RandomState(0)
        classes = 100 if name == "cifar100" else 10
        return {
            "x_train": random.randint(0, 256, (train, *SHAPES[name])).astype(np.uint8),
            "y_train": np.arange(train) % classes,
            "x_test": random.randint(0, 256, (test, *SHAPES[name])).astype(np.uint8),
            "y_test": np.arange(test) % classes,
        }

    return make


@pytest.fixture
def write_npz(tmp_path, make_arrays):
    """Writes NAME.npz under a sub-folder of tmp_path; keyword arguments replace arrays."""

    def write(name="cifar10", folder="", **replaced):
        arrays = make_arrays(name) | replaced
        path = tmp_path / folder / f"{name}.npz"
        path.parent.mkdir(exist_ok=True)
        np.savez(path, **{key: array for key, array in arrays.items() if array is not None})
        return arrays

    return write


@pytest.fixture
def write_pickle():
    """Writes one CIFAR batch and returns its MD5 sum."""

    def write(path, images, labels, label_key):
        planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
        content = pickle.dumps({b"data": planes, label_key: labels.tolist()})
        path.write_bytes(content)
        return hashlib.md5(content).hexdigest()

    return write


@pytest.fixture
def no_download(monkeypatch, tmp_path):
    """An empty cache and no network."""

    def fail(*arguments, **options):
        raise URLError("no network")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(files.downloads, "urlopen", fail)


@pytest.fixture
def downloaded(monkeypatch):
    """Takes a module's downloads from a folder; returns what is asked for."""

    def take(module, folder):
        asked = []

        def download(url, path, most, checksum):
            asked.append((url, checksum, path.name))
            return folder / path.name

        monkeypatch.setattr(module, "download", download)
        return asked

    return take


@pytest.fixture
def write_tree(tmp_path):
    """Writes files, {name: content}, into a folder or, if `name` ends so, into a zip."""

    def write(name, files):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                for file, content in files.items():
                    archive.writestr(file, content)
            return path
        for file, content in files.items():
            (path / file).parent.mkdir(parents=True, exist_ok=True)
            (path / file).write_bytes(content)
        return path

    return write


@pytest.fixture
def make_picture():
    """A smooth picture, as photographs are, encoded by Pillow; the seed decides what it shows."""

    def make(seed=0, size=(64, 64), mode="RGB", file_format="JPEG"):
        coarse = np.random.RandomState(seed).randint(0, 256, (5, 5, 3)).astype(np.uint8)
        picture = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).convert(mode)
        content = io.BytesIO()
        picture.save(content, file_format, **({"quality": 95} if file_format == "JPEG" else {}))
        return content.getvalue()

    return make


@pytest.fixture
def pixels():
    """What Pillow decodes, uint8 [height, width, 3]."""

    def decode(content):
        return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))

    return decode

"""Where the files of a data set are, and how they are read and checked."""

import gzip
import hashlib
import io
import os
import pickle
import tarfile
import warnings
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

from data.dataset import Description, Official
from data.labels import as_labels
from data.unit_range import check_unit_range
from files import MEMBER, check_size
from files.npz_files import read_arrays

DATA_DIR_VARIABLE = "REPRODUCE_DATA_DIR"
_ARRAYS = ("x_train", "y_train", "x_test", "y_test")


class DatasetNotFoundError(FileNotFoundError):
    """The data set is not in the folder that was given, or could not be downloaded."""


class Original(Protocol):
    """The form in which a data set is distributed, as opposed to an npz file."""

    @property
    def names(self) -> tuple[str, ...]:
        """Files or folders to look for; the first one that exists is read."""

    def read(self, path: Path) -> dict[str, np.ndarray]:
        """The arrays by the names that they have in an npz file."""


@dataclass(frozen=True)
class PickledFolder:
    """A folder of CIFAR batches, or the tar archive of it.

    Keras 2 and Keras 3 each have a name of their own for it in `~/.keras/datasets`; both are read.

    Attributes:
        name: of the folder.
        archive: name of the archive in the original distribution.
        train, test: names of the files, in order, each with its MD5 sum.
        label_key: the entry of a file that holds the labels.
    """

    name: str
    archive: str
    train: Mapping[str, str]
    test: Mapping[str, str]
    label_key: bytes

    @property
    def names(self) -> tuple[str, ...]:
        parents = (self.name, f"{self.name}-target", f"{self.name}_extracted")
        archives = (f"{self.name}.tar.gz", f"{self.name}-target_archive", f"{self.name}_archive")
        inside = tuple(f"{parent}/{self.name}" for parent in parents)
        return (*inside, self.name, self.archive, *archives)

    def read(self, path: Path) -> dict[str, np.ndarray]:
        contents = _contents(path, self.name, [*self.train, *self.test])
        x_train, y_train = _read_batches(path, contents, self.train, self.label_key)
        x_test, y_test = _read_batches(path, contents, self.test, self.label_key)
        return dict(zip(_ARRAYS, (x_train, y_train, x_test, y_test)))


def data_root(data_dir: str | os.PathLike | None) -> Path | None:
    """The folder of the data sets: `data_dir`, else the one that REPRODUCE_DATA_DIR names."""
    data_dir = data_dir or os.environ.get(DATA_DIR_VARIABLE)
    return Path(data_dir).expanduser() if data_dir else None


def read(
    description: Description,
    data_dir: str | os.PathLike | None,
    download: Callable,
    original: Original | None = None,
    origin: str = "keras.datasets",
) -> Official:
    """Reads a data set from a folder, or downloads it if no folder is given.

    Args:
        description: of the data set.
        data_dir: Folder of data sets; default: the environment variable REPRODUCE_DATA_DIR.
        download: Returns (x_train, y_train), (x_test, y_test), as `keras.datasets` does, and
            after them, where they are known, the groups of the training images.
        original: Form that is read where there is no npz file.
        origin: Site that `download` downloads from.

    Raises:
        DatasetNotFoundError: the folder does not have the data set, or the download failed.
        ValueError: a file is damaged, is not the data set, or cannot be opened safely.
    """
    root = data_root(data_dir)
    if root is None:
        return _downloaded(description, download, origin)
    archives = [root / part / f"{description.name}.npz" for part in ("", "npz", "datasets")]
    names = original.names if original else ()
    originals = [root / part / name for part in ("", "datasets") for name in names]
    for path in archives:
        if path.is_file():
            return _checked(
                description, _read_npz(path, description.groups_key), path, f"npz {path.name}"
            )
    for path in originals:
        if path.exists():
            return _checked(description, original.read(path), path, path.name)
    raise DatasetNotFoundError(
        f"data_dir {str(root)!r} does not have {description.name}; looked for "
        + ", ".join(str(path) for path in archives)
        + (f", and in the folder or its datasets/ for {', '.join(names)}" if names else "")
    )


def _downloaded(description: Description, download: Callable, origin: str) -> Official:
    try:
        (x_train, y_train), (x_test, y_test), *groups = download()
    except Exception as error:  # Keras raises a bare Exception when a download fails.
        raise DatasetNotFoundError(
            f"{description.name} could not be downloaded from {origin} ({error}); name a "
            f"folder that has {description.name}.npz by data_dir or by the environment variable "
            f"{DATA_DIR_VARIABLE}"
        ) from error
    keys = (*_ARRAYS, description.groups_key)
    arrays = dict(zip(keys, (x_train, y_train, x_test, y_test, *groups)))
    return _checked(description, arrays, origin, origin)


def _read_npz(path: Path, groups_key: str | None) -> dict[str, np.ndarray]:
    arrays, names = read_arrays(path, (*_ARRAYS, *([groups_key] if groups_key else [])))
    missing = [key for key in _ARRAYS if key not in arrays]
    if missing:
        raise ValueError(
            f"{path} has the arrays {', '.join(names) or 'none'}, without {', '.join(missing)}; "
            f"accepted: {', '.join(_ARRAYS)}"
        )
    return arrays


def _contents(path: Path, folder: str, names: list[str]) -> dict[str, bytes]:
    """The bytes of those files in `names` that exist, from a folder or a tar archive of it."""
    if path.is_dir():
        present = [name for name in names if (path / name).is_file()]
        for name in present:
            check_size(str(path / name), (path / name).stat().st_size, MEMBER)
        return {name: (path / name).read_bytes() for name in present}
    contents = {}
    try:
        with _unzipped(path) as stream, tarfile.open(fileobj=_Bounded(stream), mode="r|") as tar:
            for member in tar:
                name = member.name.removeprefix(f"{folder}/")
                if member.isfile() and member.name == f"{folder}/{name}" and name in names:
                    contents[name] = tar.extractfile(member).read()
    except (OSError, EOFError, ValueError, tarfile.TarError, zlib.error) as error:
        raise ValueError(f"{path} cannot be read as tar: {error}") from error
    return contents


def _unzipped(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if is_gzip else path.open("rb")


class _Bounded:
    """A stream that ends with an error after the bytes of a large data set."""

    def __init__(self, stream: BinaryIO):
        self._stream, self._left = stream, MEMBER

    def read(self, size: int) -> bytes:
        self._left -= size
        check_size("what it unpacks to", MEMBER - self._left, MEMBER)
        return self._stream.read(size)


def _read_batches(
    path: Path, contents: Mapping[str, bytes], checksums: Mapping[str, str], label_key: bytes
) -> tuple[np.ndarray, np.ndarray]:
    missing = [name for name in checksums if name not in contents]
    if missing:
        raise DatasetNotFoundError(f"{path} does not have {', '.join(missing)}")
    batches = [_unpickle(path / name, contents[name], md5) for name, md5 in checksums.items()]
    # Each row holds the red, then the green, then the blue plane.
    planes = np.concatenate([batch[b"data"] for batch in batches]).reshape(-1, 3, 32, 32)
    labels = np.concatenate([batch[label_key] for batch in batches])
    return planes.transpose(0, 2, 3, 1), labels


def _unpickle(path: Path, content: bytes, checksum: str) -> dict[bytes, object]:
    actual = hashlib.md5(content).hexdigest()
    if actual != checksum:
        raise ValueError(
            f"{path} has the MD5 sum {actual}; accepted: that of the original file, {checksum}, "
            "because a pickle can run code (a copy that differs from the original can be read as "
            f"an npz file with the arrays {', '.join(_ARRAYS)})"
        )
    with warnings.catch_warnings():
        # The dtypes in these old files are spelled in a way that NumPy 2.4 deprecates.
        warnings.simplefilter("ignore")
        return _ArraysOnly(io.BytesIO(content), encoding="bytes").load()


class _ArraysOnly(pickle.Unpickler):
    """Reads what these files hold, and calls nothing else, whatever their checksum says."""

    def find_class(self, module: str, name: str) -> Any:
        # The originals, of 2009, say "numpy.core", which newer copies call "numpy._core".
        module = module.replace("numpy._core.", "numpy.core.")
        known = {
            ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
        }
        if (module, name) not in known:
            raise ValueError(f"a batch names {module}.{name}; accepted: arrays alone")
        return known[module, name]


def _checked(
    description: Description, arrays: Mapping[str, np.ndarray], where: Path | str, source: str
) -> Official:
    checked = {}
    for part in ("train", "test"):
        images = _images(arrays[f"x_{part}"], description, f"{where}: x_{part}")
        labels = _labels(arrays[f"y_{part}"], description, f"{where}: y_{part}")
        if len(images) != len(labels):
            raise ValueError(
                f"{where}: x_{part} has {len(images)} images and y_{part} {len(labels)} labels; "
                "accepted: one label for each image"
            )
        checked |= {f"x_{part}": images, f"y_{part}": labels}
    key = description.groups_key
    if key in arrays:
        checked["groups"] = _groups(arrays[key], len(checked["y_train"]), f"{where}: {key}")
    return Official(**checked, source=source)


def _images(images: np.ndarray, description: Description, where: str) -> np.ndarray:
    height, width, channels = description.image_shape
    if channels == 1 and images.ndim == 3:
        images = images[..., np.newaxis]
    if images.shape[1:] != (height, width, channels) or len(images) == 0:
        raise ValueError(
            f"{where} has shape {images.shape}; accepted for {description.name}: "
            f"[N, {height}, {width}, {channels}] with N > 0"
        )
    if images.dtype == np.uint8:
        return images
    accepted = "uint8 in 0..255, or floats in [0, 1]"
    if not np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"{where} is of {images.dtype}; accepted: {accepted}")
    check_unit_range(where, images, accepted)
    return images


def _labels(labels: np.ndarray, description: Description, where: str) -> np.ndarray:
    labels = as_labels(labels, where)
    classes = len(description.class_names)
    if len(labels) and not (labels.min() >= 0 and labels.max() < classes):
        raise ValueError(
            f"{where} has labels from {labels.min()} to {labels.max()}; accepted for "
            f"{description.name}: 0 to {classes - 1}"
        )
    return labels


def _groups(groups: np.ndarray, count: int, where: str) -> np.ndarray:
    if groups.shape != (count,) or not np.issubdtype(groups.dtype, np.integer):
        raise ValueError(
            f"{where} has shape {groups.shape} and dtype {groups.dtype}; accepted: integers "
            f"[{count}], one for each training image"
        )
    return groups

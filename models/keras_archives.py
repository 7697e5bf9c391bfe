"""The .keras files of Keras: a zip of a description, versions and weights."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from files import TEXT, check_size, parsed_json

_WEIGHTS = "model.weights.h5"


def read_description(path: Path) -> tuple[dict[str, Any], str]:
    """The JSON that describes the network, and the version of Keras.

    Raises:
        ValueError, OSError, zipfile.BadZipFile: it is no such file, or larger than is accepted.
    """
    with zipfile.ZipFile(path) as archive:
        description = _json(archive, "config.json")
        metadata = _json(archive, "metadata.json")
    return description, str(metadata.get("keras_version", ""))


@contextmanager
def unpacked_weights(path: Path) -> Iterator[Path]:
    """The weights as a .weights.h5 file; nothing else of the archive is unpacked.

    Raises:
        ValueError, OSError, zipfile.BadZipFile: it is no such file, or larger than is accepted.
    """
    with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
        member = _member(archive, _WEIGHTS)
        check_size(_WEIGHTS, member.file_size)
        unpacked = Path(folder) / _WEIGHTS
        with archive.open(member) as source, unpacked.open("wb") as target:
            shutil.copyfileobj(source, target)
        yield unpacked


def _json(archive: zipfile.ZipFile, name: str) -> dict[str, Any]:
    member = _member(archive, name)
    check_size(name, member.file_size, TEXT)
    stored = parsed_json(archive.read(member))
    if not isinstance(stored, dict):
        raise ValueError(f"{name} is a {type(stored).__name__}; accepted: a JSON object")
    return stored


def _member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    try:
        return archive.getinfo(name)
    except KeyError:
        raise ValueError(f"it has no {name}") from None

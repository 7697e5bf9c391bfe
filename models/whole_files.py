"""Files that appear whole or not at all, even if the power fails."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BEING_WRITTEN = ".being-written."


@contextmanager
def whole(path: Path, overwrite: bool = False) -> Iterator[Path]:
    """Where to write a file, which becomes `path` if no error is raised.

    Raises:
        FileExistsError: the file exists and `overwrite` is `False`.
    """
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; pass overwrite=True to replace it")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=path.parent, prefix=f"{_BEING_WRITTEN}{path.name}."
    ) as folder:
        written = Path(folder) / path.name
        yield written
        on_disk(written)
        os.replace(written, path)
    on_disk(path.parent)


def unfinished(folder: Path) -> list[Path]:
    """What `whole` left behind in a folder when its process was killed."""
    return list(folder.glob(f"{_BEING_WRITTEN}*"))


def on_disk(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk and not in a cache alone."""
    if path.is_dir() and os.name == "nt":  # Windows opens no folders
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_sum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Files by their names, whether they lie in a folder or in a zip."""

import os
import zipfile
from functools import cached_property
from pathlib import Path


class Folder:
    """The files below a folder, named by their paths from there."""

    def __init__(self, path: Path):
        self.path = path

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All names, sorted; hidden files are left out."""
        found = []
        for folder, _, files in os.walk(self.path, followlinks=True):
            parent = Path(folder).relative_to(self.path).as_posix()
            found += files if parent == "." else [f"{parent}/{file}" for file in files]
        return _visible(found)

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()


class ZipArchive:
    """The files of a zip, which is read where it is and never unpacked.

    Raises:
        ValueError: the file is no zip.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            self._archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} cannot be read as zip: {error}") from error

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All names, sorted; hidden files are left out."""
        return _visible(name for name in self._archive.namelist() if not name.endswith("/"))

    def read(self, name: str) -> bytes:
        return self._archive.read(name)


FileTree = Folder | ZipArchive


def open_tree(path: Path) -> FileTree:
    return Folder(path) if path.is_dir() else ZipArchive(path)


def _visible(names) -> tuple[str, ...]:
    # macOS adds `.DS_Store` to folders and `__MACOSX/` to zips.
    hidden = (".", "__MACOSX")
    return tuple(
        sorted(name for name in names if not any(p.startswith(hidden) for p in name.split("/")))
    )

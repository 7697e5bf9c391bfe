"""Files by their names, whether they are in a folder or in a zip."""

import os
import zipfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from files import MEMBER, check_size


class FileTree:
    """The files in a folder or in a zip, which is never unpacked.

    Args:
        path: the folder or the zip.

    Raises:
        ValueError: a file that is no zip.
    """

    def __init__(self, path: Path):
        self.path = path
        self._root = path if path.is_dir() else open_zip(path)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The paths of all files from here, sorted; hidden files are left out."""
        if isinstance(self._root, zipfile.Path):
            names = [name for name in self._root.root.namelist() if not name.endswith("/")]
        else:
            names = [path.relative_to(self.path).as_posix() for path in _files(self.path)]
        # macOS adds `.DS_Store` to folders and `__MACOSX/` to zips.
        hidden = (".", "__MACOSX")
        return tuple(
            sorted(name for name in names if not any(p.startswith(hidden) for p in name.split("/")))
        )

    def read(self, name: str) -> bytes:
        """What is in a file; its name is one of `names`.

        Raises:
            OSError, ValueError: the file cannot be read, or takes more memory than is accepted.
        """
        if isinstance(self._root, Path):
            check_size(name, (self._root / name).stat().st_size, MEMBER)
        try:
            return (self._root / name).read_bytes()
        except Exception as error:  # each compression has errors of its own
            raise ValueError(f"{self.path}: {name} cannot be read: {error}") from error


def _files(top: Path) -> Iterator[Path]:
    """The files in a folder; its links are followed, as they are of its owner's making."""
    known = set()
    for folder, folders, files in os.walk(top, followlinks=True):
        about = os.stat(folder)
        if (about.st_dev, about.st_ino) in known:  # a link leads to a folder above or beside
            folders.clear()
            continue
        known.add((about.st_dev, about.st_ino))
        # A pipe or a device would be read without end.
        yield from (path for path in (Path(folder, file) for file in files) if path.is_file())


def open_zip(path: Path) -> zipfile.Path:
    """The files in a zip.

    Raises:
        ValueError: it is no zip, or a file in it takes more memory than is accepted.
    """
    try:
        opened = zipfile.Path(path)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} cannot be read as zip: {error}") from error
    for member in opened.root.infolist():
        check_size(f"{path}: {member.filename}", member.file_size, MEMBER)
    return opened

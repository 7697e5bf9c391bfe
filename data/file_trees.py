"""Files by their names, whether they are in a folder or in a zip."""

import os
import zipfile
from functools import cached_property
from pathlib import Path


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
            folders = os.walk(self.path, followlinks=True)
            paths = (Path(folder, file) for folder, _, files in folders for file in files)
            names = [path.relative_to(self.path).as_posix() for path in paths]
        # macOS adds `.DS_Store` to folders and `__MACOSX/` to zips.
        hidden = (".", "__MACOSX")
        return tuple(
            sorted(name for name in names if not any(p.startswith(hidden) for p in name.split("/")))
        )

    def read(self, name: str) -> bytes:
        return (self._root / name).read_bytes()


def open_zip(path: Path) -> zipfile.Path:
    """The files in a zip.

    Raises:
        ValueError: the file is no zip.
    """
    try:
        return zipfile.Path(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} cannot be read as zip: {error}") from error

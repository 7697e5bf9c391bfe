"""Arrays in an .npz file: no objects, and no more than the file holds."""

import math
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from files.limits import check_size


def read_arrays(
    path: Path, names: Iterable[str] | None = None
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Arrays of an .npz file, and the names of all that it has.

    Args:
        names: those that are read if they are there; `None` for all.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: the file is damaged, no .npz file, holds objects that are no plain arrays, or
            would take more memory than there is.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; accepted: an .npz file")
    try:
        if not path.is_file() or not zipfile.is_zipfile(path):
            raise ValueError("it is not a zip file")
        with np.load(path, allow_pickle=False) as archive:
            members = dict(zip(archive.files, archive.zip.infolist(), strict=True))
            wanted = [name for name in (members if names is None else names) if name in members]
            size = sum(members[name].file_size for name in wanted)
            check_size(", ".join(wanted), size)
            for name in wanted:
                _check_header(archive.zip, members[name], name)
            return {name: archive[name] for name in wanted}, archive.files
    except Exception as error:  # zip, its compressions and NumPy each have errors of their own
        raise ValueError(f"{path} cannot be read as npz, plain arrays only: {error}") from error


def _check_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> None:
    """Refuses an array that says it is larger than it is: NumPy takes the memory first."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(file)
        held = member.file_size - file.tell()
    declared = math.prod(shape) * dtype.itemsize
    if not dtype.hasobject and declared != held:
        raise ValueError(f"{name} has {held:,} bytes; accepted: {declared:,} for shape {shape}")

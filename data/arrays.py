"""Arrays in an .npz file, and what labels have to be."""

import math
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from files import check_size


def read_arrays(
    path: Path, names: Iterable[str] | None = None
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Arrays of an .npz file, and the names of all that it has.

    Args:
        names: those that are read if they are there; `None` for all.

    Raises:
        ValueError: the file is damaged, no .npz file, holds objects that are no plain arrays, or
            would take more memory than there is.
    """
    try:
        if not path.is_file() or not zipfile.is_zipfile(path):
            raise ValueError("it is not a zip file")
        with np.load(path, allow_pickle=False) as archive:
            wanted = [name for name in names or archive.files if name in archive.files]
            members = [_member(archive, name) for name in wanted]
            check_size(", ".join(wanted), sum(member.file_size for member in members))
            for name, member in zip(wanted, members):
                _check_header(archive.zip, member, name)
            return {name: archive[name] for name in wanted}, archive.files
    except Exception as error:  # zip, its compressions and NumPy each have errors of their own
        raise ValueError(f"{path} cannot be read as npz, plain arrays only: {error}") from error


def _member(archive: np.lib.npyio.NpzFile, name: str) -> zipfile.ZipInfo:
    """That of an array: NumPy leaves the ending of its name out."""
    present = archive.zip.namelist()
    return archive.zip.getinfo(name if name in present else f"{name}.npy")


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


def as_labels(labels: np.ndarray, where: str) -> np.ndarray:
    """Labels [N] or [N, 1] as [N].

    Raises:
        ValueError: another shape, or no integers.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"{where} has shape {labels.shape} and dtype {labels.dtype}; accepted: integers [N] "
            "or [N, 1]"
        )
    return labels

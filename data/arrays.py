"""Arrays in an .npz file, and what labels have to be."""

import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np


def read_arrays(path: Path, names: Iterable[str]) -> tuple[dict[str, np.ndarray], list[str]]:
    """Those arrays of an .npz file that are asked for and there, and the names of all.

    Raises:
        ValueError: the file is damaged, no .npz file, or holds objects that are no plain arrays.
    """
    try:
        if not zipfile.is_zipfile(path):
            raise ValueError("it is not a zip file")
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in names if name in archive}, archive.files
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} cannot be read as npz, plain arrays only: {error}") from error


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

"""HDF5 files from strangers: opened only if all that they hold is in them.

HDF5 can link to other files, lay out the data of a dataset elsewhere, and declare sizes that
nothing was stored for; Keras follows all of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py


class CheckpointError(ValueError):
    """A checkpoint that is missing, damaged, carries code or does not fit."""


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file to read.

    Raises:
        CheckpointError: something in it is a link, is stored elsewhere or compressed, or is smaller
            than it says.
        OSError: the file is missing or damaged.
    """
    with h5py.File(path, "r") as file:
        _check(file, path)
        yield file


def stored_bytes(file: h5py.File) -> int:
    """The bytes of all arrays in a file."""
    return sum(_bytes(item) for _, item in _objects(file) if isinstance(item, h5py.Dataset))


def _check(file: h5py.File, path: Path) -> None:
    for name, item in _objects(file):
        if isinstance(item, h5py.SoftLink | h5py.ExternalLink):
            raise CheckpointError(
                f"{path} has a link, {name!r}, in place of an array; accepted: arrays in the file"
            )
        if isinstance(item, h5py.Dataset):
            _check_dataset(item, path)
    if stored_bytes(file) > path.stat().st_size:
        raise CheckpointError(f"{path} is damaged: it declares more than it holds")


def _check_dataset(dataset: h5py.Dataset, path: Path) -> None:
    where = f"{path} has the array {dataset.name!r}"
    if dataset.is_virtual or dataset.external:
        raise CheckpointError(f"{where} in another file; accepted: arrays in the file")
    if dataset.id.get_create_plist().get_nfilters():
        # A few bytes could become any number of them.
        raise CheckpointError(
            f"{where} compressed; accepted: arrays as Keras writes them (h5repack -f NONE IN OUT)"
        )
    if dataset.id.get_storage_size() < _bytes(dataset):
        raise CheckpointError(
            f"{where} of shape {dataset.shape}, for which nothing or too little is stored; "
            "accepted: arrays that are there"
        )


def _bytes(dataset: h5py.Dataset) -> int:
    return 0 if dataset.shape is None else dataset.size * dataset.dtype.itemsize


def _objects(file: h5py.File) -> Iterator[tuple[str, h5py.Group | h5py.Dataset | h5py.SoftLink]]:
    """Everything in a file by its name, once however often it is linked to; of links the links."""
    known = {_address(file)}
    groups = [file]
    while groups:
        group = groups.pop()
        for name in group:
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                yield f"{group.name}/{name}", link
                continue
            item = group[name]
            if _address(item) in known:
                continue
            known.add(_address(item))
            if isinstance(item, h5py.Group):
                groups.append(item)
            yield item.name, item


def _address(item: h5py.Group | h5py.Dataset) -> int:
    return h5py.h5o.get_info(item.id).addr

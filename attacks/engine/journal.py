"""What a long attack has finished, in files, so that a killed one goes on from there."""

from collections.abc import Callable
from copy import copy
from pathlib import Path
from time import monotonic
from typing import Self

import numpy as np

from files.npz_files import read_arrays
from models.whole_files import whole

Arrays = dict[str, np.ndarray]

#: How often what is finished is written: short attacks are not held up, and little is lost.
SECONDS = 5.0
#: The most bytes that wait for that.
_BYTES = 2**28

_DAMAGED = (OSError, ValueError)


class Journal:
    """Keeps what is finished under keys; a new journal in the same folder recalls it.

    It serves one call with the same arguments, again and again until that comes to its end:
    nothing in it says for which model and images it was made. What is recalled is what was kept,
    to the bit; a damaged file counts as not there.

    Args:
        folder: for its files; made when there is something to write.
        seconds: how often they are written; sooner where 256 MiB wait for it.
    """

    def __init__(self, folder: Path, seconds: float = SECONDS):
        self._files = _Files(folder, seconds)
        self._prefix = ""

    def under(self, name: str) -> Self:
        """The same journal for a part of the work, whose keys do not meet those of others."""
        part = copy(self)
        part._prefix = f"{self._prefix}{name}, "
        return part

    def once(self, key: str, make: Callable[[], Arrays]) -> Arrays:
        """What `make` gave for this key before, or gives now, which is kept then."""
        kept = self._files.read(self._prefix + key)
        if kept is None:
            kept = make()
            self._files.add(self._prefix + key, kept)
        return kept

    @property
    def has_recalled(self) -> bool:
        """Whether some of this part was kept before, so that it took no time now."""
        return any(key.startswith(self._prefix) for key in self._files.recalled)

    def forget(self) -> None:
        """Removes what this part kept, once what else was kept is on the disk."""
        self._files.forget(self._prefix)


class _Files:
    """Arrays by key and name, several keys in a file."""

    def __init__(self, folder: Path, seconds: float):
        self._folder, self._seconds = folder, seconds
        self.recalled: set[str] = set()
        self._of_key: dict[str, Path] = {}
        self._waiting: dict[str, Arrays] = {}
        self._bytes = 0
        self._written, self._number = monotonic(), 0
        for path in sorted(folder.glob("journal-[0-9][0-9][0-9][0-9][0-9][0-9].npz")):
            self._number = int(path.stem.removeprefix("journal-")) + 1
            try:
                _, names = read_arrays(path, ())
                self._of_key |= {name.partition("|")[0]: path for name in names}
            except _DAMAGED:
                path.unlink()

    def read(self, key: str) -> Arrays | None:
        if key not in self._of_key:
            return None
        try:
            _, names = read_arrays(self._of_key[key], ())
            own = [name for name in names if name.startswith(f"{key}|")]
            kept, _ = read_arrays(self._of_key[key], own)
        except _DAMAGED:
            return None
        self.recalled.add(key)
        return {name.partition("|")[2]: array for name, array in kept.items()} or None

    def add(self, key: str, arrays: Arrays) -> None:
        self._waiting[key] = arrays
        self._bytes += sum(array.nbytes for array in arrays.values())
        if self._bytes >= _BYTES or monotonic() - self._written >= self._seconds:
            self._write()

    def forget(self, prefix: str) -> None:
        for waiting in [key for key in self._waiting if key.startswith(prefix)]:
            del self._waiting[waiting]
        if self._waiting:
            self._write()
        self._bytes = 0
        forgotten = {key: path for key, path in self._of_key.items() if key.startswith(prefix)}
        for key in forgotten:
            del self._of_key[key]
        for path in set(forgotten.values()) - set(self._of_key.values()):
            path.unlink(missing_ok=True)

    def _write(self) -> None:
        path = self._folder / f"journal-{self._number:06}.npz"
        arrays = {
            f"{key}|{name}": array
            for key, kept in self._waiting.items()
            for name, array in kept.items()
        }
        with whole(path, overwrite=True) as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        self._of_key |= dict.fromkeys(self._waiting, path)
        self._waiting, self._bytes = {}, 0
        self._written, self._number = monotonic(), self._number + 1

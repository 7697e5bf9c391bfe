"""The artifact store: one directory per stage, named by what determines its result."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any

from filelock import FileLock, Timeout

from files import read_json
from harness.digests import made_with
from harness.machine import commit, machine
from harness.stored import object_in
from models.whole_files import file_sum, on_disk, unfinished, whole

#: Part of every digest, to be raised when the code of a stage, or of what it calls, changes what
#: it computes from the same description.
STAGE_VERSIONS = {"train": 1, "attack": 4, "patch": 1}

_STAGE, _MADE, _SECONDS, _SUMS = "stage.json", "made.json", "seconds.json", "checksums.json"
#: What an interrupted stage leaves in its directory to go on from.
RESUME = "resume"


def digest(kind: str, description: dict) -> str:
    """16 hexadecimal digits that differ when anything in `description` does."""
    content = {"kind": kind, "version": STAGE_VERSIONS[kind], **description}
    text = json.dumps(content, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Store:
    """Finished stages under one directory, which several processes may share.

    A stage is written into `<name>.partial` and renamed when it is complete, so a directory
    without that ending is a finished stage. What an interrupted one left behind stays in its
    partial directory, in `resume`, for it to go on from. Of every finished stage the SHA-256 sums
    of its files are kept beside them.
    """

    def __init__(self, root: Path):
        self.root = Path(root)
        self._intact: set[Path] = set()

    def path(self, kind: str, description: dict) -> Path:
        return self.root / f"{kind}-{digest(kind, description)}"

    def has(self, path: Path) -> bool:
        """Whether a stage is finished and undamaged."""
        if path not in self._intact and path.is_dir() and self.damage(path) is None:
            self._intact.add(path)
        return path in self._intact

    def damage(self, path: Path) -> str | None:
        """Which file of a finished stage is not as it was written, in words; `None` for none."""
        try:
            sums = object_in(path / _SUMS)
            there = {each.name for each in path.iterdir() if each.is_file()} - {_SUMS}
            for name in sorted(there | set(sums.keys())):
                if name not in there:
                    return f"{name} is missing"
                if file_sum(path / name) != sums.get(name):
                    return f"{name} does not have the checksum that it was written with"
        except (OSError, ValueError, AttributeError) as error:
            return f"{_SUMS} cannot be read ({error})"
        return None

    def set_aside(self, path: Path) -> Path:
        """Moves a damaged stage away, so that it is made again; returns where it is now."""
        number, aside = 1, path.with_name(f"{path.name}.damaged")
        while aside.exists():
            number += 1
            aside = path.with_name(f"{path.name}.damaged-{number}")
        os.replace(path, aside)
        return aside

    def descriptions(self, kind: str) -> list[dict]:
        """What determined the finished and undamaged stages of a kind, the oldest first."""
        paths = [path for path in self.root.glob(f"{kind}-*") if not path.suffix]
        paths.sort(key=lambda path: path.stat().st_mtime)
        return [object_in(path / _STAGE) for path in paths if self.has(path)]

    def data_of_trainings(self) -> dict[tuple[str, str, int | None], str]:
        """The fingerprint of what the latest trainings saw, by data set, split and images of each
        class."""
        seen = {}
        for stage in self.descriptions("train"):
            with suppress(LookupError, TypeError):  # another program's
                training = stage["training"]
                key = training["dataset"], training["split"], training["images_per_class"]
                seen[key] = str(stage["data"])
        return seen

    def made(self, path: Path) -> dict[str, Any]:
        """On which machine a stage was made, when, with which versions and which commit."""
        return object_in(path / _MADE, "machine", "versions", "commit")

    def seconds(self, path: Path) -> float | None:
        """How long a stage took, all interrupted attempts together; `None` if it has not run."""
        try:
            return float(read_json(path / _SECONDS))
        except (OSError, ValueError, TypeError):
            return None

    @contextmanager
    def locked(self, name: str, wait: bool = False) -> Iterator[bool]:
        """Whether this process alone works on what is called `name`, now or after others.

        The operating system gives the lock back when the process ends, however it ends.
        """
        locks = self.root / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        lock = FileLock(locks / f"{name}.lock")
        try:
            lock.acquire(blocking=wait)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    @contextmanager
    def writing(self, path: Path, description: dict) -> Iterator[Path]:
        """A directory to write a stage into; it becomes the stage if no error is raised."""
        partial = path.with_name(path.name + ".partial")
        for each in (partial, partial / RESUME):
            if each.is_symlink():
                raise ValueError(f"{each} is a link; accepted: a folder, or nothing, in its place")
        partial.mkdir(parents=True, exist_ok=True)
        for left in unfinished(partial):
            shutil.rmtree(left)
        _write(partial / _STAGE, description)
        started, before = perf_counter(), self.seconds(partial) or 0.0
        try:
            yield partial
        except BaseException:
            with suppress(OSError):  # a full disk, which is what is raised already
                _write(partial / _SECONDS, before + perf_counter() - started)
            raise
        _write(partial / _SECONDS, before + perf_counter() - started)
        _write(partial / _MADE, _maker() | {"date": date.today().isoformat()})
        files = sorted(each for each in partial.iterdir() if each.is_file())
        _write(partial / _SUMS, {each.name: file_sum(each) for each in files if each.name != _SUMS})
        for file in partial.iterdir():
            on_disk(file)
        on_disk(partial)
        os.replace(partial, path)
        on_disk(self.root)
        self._intact.add(path)
        shutil.rmtree(path / RESUME, ignore_errors=True)


def _write(path: Path, content: Any) -> None:
    with whole(path, overwrite=True) as file:
        file.write_text(json.dumps(content, indent=1, sort_keys=True))


@cache
def _maker() -> dict[str, Any]:
    """What does not change while a process runs."""
    return {
        "machine": machine(),
        "versions": made_with(),
        "commit": commit(),
    }

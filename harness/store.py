"""The artifact store: one directory per stage, named by what determines its result."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

#: Part of every digest, to be raised when the code of a stage, or of what it calls, changes what
#: it computes from the same description.
STAGE_VERSIONS = {"train": 1, "attack": 4, "patch": 1}

_SECONDS = "seconds.json"


def digest(kind: str, description: dict) -> str:
    """16 hexadecimal digits that differ when anything in `description` does."""
    content = {"kind": kind, "version": STAGE_VERSIONS[kind], **description}
    text = json.dumps(content, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Store:
    """Finished stages under one directory.

    A stage is written into `<name>.partial` and renamed when it is complete, so a directory
    without that ending is a finished stage. What an interrupted one left behind stays in its
    partial directory for it to resume from.
    """

    def __init__(self, root: Path):
        self.root = Path(root)

    def path(self, kind: str, description: dict) -> Path:
        return self.root / f"{kind}-{digest(kind, description)}"

    def has(self, kind: str, description: dict) -> bool:
        return self.path(kind, description).is_dir()

    def descriptions(self, kind: str) -> list[dict]:
        """What determined the finished stages of a kind, the oldest first."""
        paths = [path for path in self.root.glob(f"{kind}-*") if not path.suffix]
        paths.sort(key=lambda path: path.stat().st_mtime)
        return [json.loads((path / "stage.json").read_text()) for path in paths]

    def seconds(self, path: Path) -> float | None:
        """How long a stage took, all interrupted attempts together; `None` if it has not run."""
        noted = path / _SECONDS
        return json.loads(noted.read_text()) if noted.exists() else None

    @contextmanager
    def writing(self, kind: str, description: dict) -> Iterator[Path]:
        """A directory to write a stage into; it becomes the stage if no error is raised."""
        final = self.path(kind, description)
        partial = final.with_name(final.name + ".partial")
        partial.mkdir(parents=True, exist_ok=True)
        (partial / "stage.json").write_text(json.dumps(description, indent=1, sort_keys=True))
        started, before = perf_counter(), self.seconds(partial) or 0.0
        try:
            yield partial
        finally:
            (partial / _SECONDS).write_text(json.dumps(before + perf_counter() - started))
        shutil.rmtree(partial / "resume", ignore_errors=True)
        os.replace(partial, final)

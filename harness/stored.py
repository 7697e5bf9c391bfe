"""The files of a finished run, read as those of a stranger: whole, or refused in a sentence."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from files import printable, read_json
from files.csv_files import read_table
from files.npz_files import read_arrays

Arrays = dict[str, np.ndarray]

#: Digests, of which some look like numbers.
_DIGESTS = dict.fromkeys(("data", "weights", "commit"), str)
#: Where results say where they were made, in words that are not this project's.
_FREE = ("machine", "versions", "commit")
#: What pages and spreadsheets would obey, and no name of a network, an attack or a stage has.
_NO_NAME = re.compile(r"^[=+@-]|[\\`*<|\[\]$&]")
_NO_CELL = re.compile(r"^[=+@-]")
#: What every table of each kind has.
_NAMES = {
    "table": ("arm", "case", "model", "dataset", "published_dataset", "variant", "protocol")
    + ("defense", "role", "view", "attack", "norm"),
    "trainings": ("case", "variant", "protocol", "role", "procedure", "dataset"),
}
_NUMBERS = {
    "table": ("epsilon", "epsilon_grey", "images", "correct", "accuracy", "seed"),
    "trainings": ("seed",),
}
#: What `run.json` holds, as far as it holds it.
_RUN: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("study", "profile", "pattern", "machine"), str),
    **dict.fromkeys(("seeds", "arms", "arms_of_the_profile"), int),
    **dict.fromkeys(("data", "reductions"), list),
    "as_published": bool,
    "versions": dict,
    "weights": (dict, list),
}


@contextmanager
def refusing(folder: Path, used: str) -> Iterator[None]:
    """Says in a sentence that a folder cannot be used, whatever goes wrong with what is in it.

    Files that were read are of the right form each, but need not belong together.

    Args:
        used: for example "verified".

    Raises:
        ValueError: something went wrong.
    """
    try:
        yield
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}, {error}".split())
        if "accepted: " not in reason:
            reason += "; accepted: a whole report, as `run` wrote it"
        raise ValueError(f"{folder} cannot be {used}: {reason}") from error


def object_in(path: Path, *names: str) -> dict[str, Any]:
    """An object of JSON that has at least these names.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not such an object.
    """
    found = read_json(path)
    if not isinstance(found, dict) or not found.keys() >= set(names):
        needed = f" with {', '.join(names)}" if names else ""
        raise ValueError(f"{path} holds no object{needed}; accepted: what `run` wrote")
    return found


def trained_in(path: Path) -> dict[str, Any]:
    """The numbers that `training.json` of a stage holds; see `object_in`."""
    trained = object_in(path, "best_epoch", "epochs", "seconds", "parameters")
    for name, value in trained.items():
        if not isinstance(value, int | float | None):
            raise ValueError(f"{path}: {name} is {value!r:.80}; accepted: a number")
    return trained


def run_of(path: Path) -> dict[str, Any]:
    """What a file `run.json` says of its run.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not such a file.
    """
    run = object_in(path)
    for name in run.keys() & _RUN.keys():
        if not isinstance(run[name], _RUN[name]):
            raise ValueError(f"{path}: {name} is {run[name]!r:.80}; accepted: what `run` wrote")
    for name in ("study", "profile"):
        if name in run and not re.fullmatch(r"[\w-]+", run[name]):
            raise ValueError(f"{path}: {name} is {run[name]!r:.80}; accepted: a name")
    return run


def frame_in(path: Path) -> pd.DataFrame:
    """A table of results, "table", "trainings" or "histories", by the name of its file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such table: without a column that it has to have, with text or nothing
            in place of a number, or with a name that a page or a spreadsheet would obey.
    """
    # "none" is a value here, and only an empty cell is a missing one.
    frame = read_table(path, keep_default_na=False, na_values=[""], dtype=_DIGESTS)
    names, numbers = _NAMES.get(path.stem, ()), _NUMBERS.get(path.stem, ())
    missing = sorted({*names, *numbers}.difference(frame))
    if missing:
        raise ValueError(f"{path} has no column {missing[0]!r}; accepted: what `run` wrote")
    for name in numbers:
        if frame[name].dtype.kind not in "if" or frame[name].isna().any():
            raise ValueError(f"{path}: {name} is no number in some row; accepted: numbers")
    for column in frame:
        _check_texts(path, frame[column])
    return frame


def _check_texts(path: Path, column: pd.Series) -> None:
    forbidden = _NO_CELL if column.name in _FREE else _NO_NAME
    for text in [str(column.name), *column.dropna().unique()]:
        if isinstance(text, str) and (forbidden.search(text) or printable(text) != text):
            raise ValueError(
                f"{path}: {column.name} is {text!r:.80} in some row; accepted: a name without "
                "signs that a page or a spreadsheet would obey"
            )


def arrays_in(path: Path) -> Arrays:
    """The arrays of a file, by name.

    Raises:
        FileNotFoundError, ValueError: see `files.npz_files.read_arrays`.
    """
    arrays, _ = read_arrays(path)
    return {name: _printable(array) for name, array in arrays.items()}


def by_arm(path: Path) -> dict[str, Arrays]:
    """The arrays of each arm in a file that `Results.save` wrote, such as `examples.npz`."""
    arms: dict[str, Arrays] = {}
    for key, array in arrays_in(path).items():
        arm, separator, name = key.partition("|")
        if not separator:
            raise ValueError(f"{path} has the array {key!r:.80}; accepted: what `run` wrote")
        arms.setdefault(arm, {})[name] = array
    return arms


def outcomes_in(path: Path, table: pd.DataFrame) -> Arrays:
    """Whether each image was right, bool [1 + E, images] by arm, for every arm of a table.

    Raises:
        OSError, ValueError: see `arrays_in`; or an arm is missing, or does not fit its rows.
    """
    correct = arrays_in(path)
    for arm, rows in table.groupby("arm", sort=False).size().items():
        outcomes = correct.get(str(arm), np.zeros(0))
        if outcomes.dtype != bool or outcomes.ndim != 2 or len(outcomes) != rows:
            raise ValueError(
                f"{path} has {outcomes.dtype} {outcomes.shape} of {arm!r}; accepted: bool "
                f"[{rows}, images], as the table has {rows} rows of it"
            )
    return correct


def _printable(array: np.ndarray) -> np.ndarray:
    """Names of classes as pages and figures can write them."""
    if array.dtype.kind != "U" or array.size == 0:
        return array
    return np.array([printable(str(each)) for each in array.ravel()]).reshape(array.shape)

"""Tables that are neither too large nor too wide."""

from pathlib import Path
from typing import Any

import pandas as pd

from files.limits import TEXT, check_size

#: The tables of results have some seventy.
_MOST_COLUMNS = 1_000


def read_table(path: Path, **options: Any) -> pd.DataFrame:
    """A table, from a file of CSV.

    Args:
        options: of `pandas.read_csv`.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: it is no table, larger or wider than is accepted, or no file.
    """
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is no file; accepted: a table, as `run` wrote it")
    check_size(str(path), path.stat().st_size, TEXT)
    with path.open("rb") as file:
        if any(line.count(b",") >= _MOST_COLUMNS for line in file):
            raise ValueError(f"{path} is too wide; accepted: at most {_MOST_COLUMNS:,} columns")
    try:
        return pd.read_csv(path, **options)
    except (ValueError, OverflowError) as error:  # also of pandas' parser, and what is no UTF-8
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} is not a table: {reason}; accepted: what `run` wrote") from error

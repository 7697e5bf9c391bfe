"""What attacks warn of, kept as notes on their numbers."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def noting() -> Iterator[list[str]]:
    """Keeps what attacks warn of, but for what is among the flags: that a model is random."""
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        yield notes
    for each in caught:
        if not issubclass(each.category, RuntimeWarning):
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
        elif _IS_FLAG not in str(each.message) and str(each.message) not in notes:
            notes.append(str(each.message))


#: Of a warning that says what a flag says.
_IS_FLAG = "model is random at inference:"

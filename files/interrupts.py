"""Ctrl-C, whatever was made of it on its way."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interrupts() -> Iterator[None]:
    """Lets Ctrl-C end what is within as KeyboardInterrupt in any case.

    Where it comes as one of TensorFlow's scopes begins or ends, the scope around it raises a
    RuntimeError of wrong nesting in its place.

    Raises:
        KeyboardInterrupt: an exception was raised on account of one.
    """
    try:
        yield
    except Exception as error:
        before: BaseException | None = error
        while before is not None and not isinstance(before, KeyboardInterrupt):
            before = before.__cause__ or before.__context__
        if before is None:
            raise
        raise KeyboardInterrupt from error

"""What all commands share: how they print, and how they say what went wrong."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape

console = Console(emoji=False)  # ":x:" in a path is no picture


def say(sentence: str) -> None:
    """Prints a sentence as it is, whatever a path or a note in it holds."""
    console.print(sentence, markup=False, soft_wrap=True)


def shown(path: Path) -> str:
    """A path as short as it can be typed from here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


@contextmanager
def errors() -> Iterator[None]:
    """Says in one sentence what is wrong where the user can mend it.

    For `with` and as a decorator of a command.
    """
    try:
        yield
    except BrokenPipeError:  # a ConnectionError that is nobody's fault: `... | head`
        raise typer.Exit(0) from None
    except (ValueError, FileNotFoundError, FileExistsError, ConnectionError) as error:
        Console(stderr=True, emoji=False).print(
            f"[bold red]Error:[/] {escape(str(error))}", highlight=False, soft_wrap=True
        )
        raise typer.Exit(2) from error


def import_tensorflow() -> None:
    """Imports TensorFlow without what its libraries print before any log level applies.

    It takes seconds, so a command first checks what can be checked without it.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        import tensorflow as tf

        tf.config.list_physical_devices()  # finds out, and says, that there is no GPU
    finally:
        os.dup2(kept, 2)
        os.close(kept)

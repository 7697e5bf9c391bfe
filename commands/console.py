"""What reaches the terminal: results on stdout; remarks, and errors in a sentence, on stderr."""

import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import typer
from rich.console import Console, ConsoleDimensions
from rich.markup import escape

from commands.wording import in_options, options_of
from files import printable
from files.interrupts import interrupts


class _Screen(Console):
    """As wide as its terminal; what is no terminal breaks no lines."""

    @property
    def size(self) -> ConsoleDimensions:
        size = super().size
        return size if self.is_terminal else ConsoleDimensions(10_000, size.height)


#: What a command was called for. Emoji are off: ":x:" in a path is no picture.
console = _Screen(emoji=False)
#: Progress, and what else is good to know meanwhile.
remarks = _Screen(stderr=True, emoji=False)


def say(sentence: str, to: Console = console) -> None:
    """Prints a sentence as it is, whatever a path or a note in it holds."""
    to.print(_printable(sentence), markup=False, highlight=False, soft_wrap=True)


def _printable(text: str) -> str:
    """A text of several lines, whatever the names in it hold."""
    return "\n".join(map(printable, text.split("\n")))


def remark(sentence: str) -> None:
    """Says what is good to know, unless the user wants quiet."""
    say(sentence, remarks)


def print_json(document: Any) -> None:
    """Prints one JSON document, its numbers as they are."""
    typer.echo(json.dumps(document, indent=1, allow_nan=False))


def shown(path: Path) -> str:
    """A path as short as it can be typed from here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def errors() -> Callable[[Callable], Callable]:
    """Decorates a command: says in one sentence what is wrong where the user can mend it."""

    def decorate(command: Callable) -> Callable:
        @wraps(command)
        def decorated(*args: Any, **options: Any) -> None:
            try:
                with interrupts():
                    command(*args, **options)
            except BrokenPipeError:  # a ConnectionError that is nobody's fault: `... | head`
                raise typer.Exit(0) from None
            except (ValueError, OSError) as error:
                say_error(in_options(str(error), options_of(command)))
                raise typer.Exit(2) from error
            except KeyboardInterrupt as interrupt:
                remark(f"\n{str(interrupt) or 'Interrupted.'}")
                raise typer.Exit(130) from None

        return decorated

    return decorate


def say_error(sentence: str) -> None:
    """Prints what is wrong on stderr, however quiet the command is."""
    _Screen(stderr=True, emoji=False).print(
        f"[bold red]Error:[/] {escape(_printable(sentence))}", highlight=False, soft_wrap=True
    )


def import_tensorflow() -> None:
    """Imports TensorFlow so that nothing of its log reaches the terminal.

    What fails raises an error besides; what it logs as one may be that a processor lacks an
    instruction. It takes seconds, so a command first checks what can be checked without it.
    Whoever sets TF_CPP_MIN_LOG_LEVEL to 0 or 1 wants to see the log, and does.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") in ("0", "1"):
        return
    for name in ("absl", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # Some libraries print before any level applies, and call it an error that there is no GPU.
    with _stderr_kept():
        import tensorflow as tf

        tf.config.list_physical_devices()


@contextmanager
def _stderr_kept() -> Iterator[None]:
    """Keeps what libraries write to stderr, and shows it only if they fail."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(terminal, kept.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)

"""Commands that may end at any moment and go on later."""

import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from files.interrupts import interrupts

_GOES_ON = "What is finished is kept, and the same command goes on from there."
_INTERRUPTED = f"Interrupted. {_GOES_ON}"
_SECONDS_TO_END = 5.0


@contextmanager
def resumable() -> Iterator[None]:
    """Says how to go on where a command ends before its time: Ctrl-C, a full disk, no memory.

    Raises:
        ValueError: the disk is full, or memory is.
        KeyboardInterrupt: Ctrl-C.
    """
    import tensorflow as tf  # which the command has imported

    # What is torn away in the middle may complain, in many lines and to nobody's use.
    before, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        with _ends_soon(_SECONDS_TO_END, _INTERRUPTED), interrupts():
            yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_INTERRUPTED) from None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ValueError(
            f"the disk is full ({error}); accepted: some space, or --runs on another disk. "
            f"{_GOES_ON}"
        ) from error
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        reason = (str(error).splitlines() or ["no more is given"])[0]
        raise ValueError(
            f"there is not enough memory ({reason}); accepted: more of it. {_GOES_ON}"
        ) from error
    finally:
        sys.unraisablehook = before


@contextmanager
def _ends_soon(seconds: float, farewell: str) -> Iterator[None]:
    """Ends the program `seconds` after Ctrl-C if it has not ended by itself until then.

    Python raises KeyboardInterrupt between two of its own instructions, and a compiled attack or
    training step may be one that takes minutes. For programs that may be killed at any moment.

    Args:
        farewell: is written on stderr then.
    """
    heard, told = os.pipe()
    os.set_blocking(told, False)
    before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    ended = threading.Event()

    def watch() -> None:
        while (signals := os.read(heard, 1)) and signals[0] != signal.SIGINT:
            continue
        if signals and not ended.wait(seconds):
            os.write(2, f"\n{farewell}\n".encode())
            os._exit(130)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(before)
        os.close(told)  # which ends the watcher
        watcher.join()
        os.close(heard)

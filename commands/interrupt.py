"""Ctrl-C ends a command soon, whatever it is doing."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def soon(seconds: float, farewell: str) -> Iterator[None]:
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

"""Which images of a batch are still worked on."""

from collections.abc import Callable
from operator import itemgetter
from typing import Any

import numpy as np
import tensorflow as tf


class Remaining:
    """The images of a batch that are not done, while their tensors hold a few more.

    A read of what a step gives lets the queue of a GPU run dry. So steps are noted (`note`), and
    who is done is looked at every few of them (`look`). Until then done images go on, but what
    comes back is what they were when they were done, whatever the number of steps between looks:

        for count in range(1, steps + 1):
            state, logits = step(state, fixed)
            if remaining.note(logits, state.images) or count == steps:
                rows, images = remaining.look(is_done)
                ...  # what becomes of the images of these rows
                if not remaining:
                    break
                state, fixed = remaining.left(state, fixed)

    Done images leave the tensors in groups, when less than `leave_at` of the rows are still
    going, since every new batch size costs the library's kernels their preparation.

    Attributes:
        rows: int [n], the positions in the batch of what the tensors hold.
        going: bool [n], which of them are not done.
        steps: int64 [N], the steps that each image of the batch took until it was done.
    """

    def __init__(self, count: int, leave_at: float = 0.8, look_every: int = 1):
        self.rows = np.arange(count)
        self.going = np.ones(count, bool)
        self.steps = np.zeros(count, np.int64)
        self._leave_at, self._look_every = leave_at, look_every
        self._noted: list[tuple[Any, Any]] = []

    def __bool__(self) -> bool:
        return bool(self.going.any())

    @property
    def rows_going(self) -> np.ndarray:
        return self.rows[self.going]

    def note(self, seen: Any, kept: Any) -> bool:
        """Notes a step, and says whether it is time for a look.

        Args:
            seen: a tensor with an entry per row, or a tuple of them, that tells who is done.
            kept: tensors of the same kind, or named tuples, of which the entries of done images
                are wanted. They take memory until the look.
        """
        self._noted.append((seen, kept))
        return len(self._noted) >= self._look_every

    def look(self, is_done: Callable[[Any], np.ndarray]) -> tuple[np.ndarray, Any]:
        """Looks at the steps that were noted since the last time.

        Args:
            is_done: bool [n] from what was seen after one step, as NumPy arrays.

        Returns:
            The positions in the batch of the images that are done by now and were not before, in
            any order, and what was kept of them after the step that they were done with.
        """
        noted, self._noted = self._noted, []
        seen = tf.nest.map_structure(_read, *(each for each, _ in noted))
        rows, parts = [np.zeros(0, int)], []
        for number, (_, kept) in enumerate(noted):
            self.steps[self.rows_going] += 1
            reached = is_done(tf.nest.map_structure(itemgetter(number), seen))
            done = np.flatnonzero(reached & self.going)
            if len(done):
                self.going[done] = False
                rows.append(self.rows[done])
                parts.append(take(kept, done))
        if len(parts) <= 1:
            return rows[-1], parts[0] if parts else None
        return np.concatenate(rows), tf.nest.map_structure(lambda *p: tf.concat(p, 0), *parts)

    def left(self, *states: Any) -> list:
        """Drops what is done from tensors, if it pays.

        Args:
            states: tensors or arrays with an entry per row, or named tuples of them.

        Returns:
            The `states`, with what is left of their n rows. Rows that stay although they are done
            have to be ignored (`going`).
        """
        if self.going.mean() > self._leave_at:
            return list(states)
        kept = np.flatnonzero(self.going)
        self.rows, self.going = self.rows[kept], np.ones(len(kept), bool)
        return [take(state, kept) for state in states]

    def finish(self, done: np.ndarray, *states: Any) -> list:
        """Marks rows as done (indices, or bool [n]), and drops them as `left` does."""
        self.going[done] = False
        return self.left(*states)


def look_every() -> int:
    """The steps between two looks: on a CPU there is no queue, and done images had better leave."""
    return 8 if tf.config.list_logical_devices("GPU") else 1


def take(state: Any, rows: np.ndarray) -> Any:
    """The entries at `rows` (int [n]) of a tensor or array, or of every one in a named tuple."""
    return tf.nest.map_structure(
        lambda t: t[rows] if isinstance(t, np.ndarray) else tf.gather(t, rows), state
    )


def _read(*tensors: tf.Tensor) -> np.ndarray:
    """The values of several steps, in one read."""
    return tensors[0].numpy()[None] if len(tensors) == 1 else tf.stack(tensors).numpy()

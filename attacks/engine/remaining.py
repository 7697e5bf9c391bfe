"""Which images of a batch are still worked on."""

from typing import Any

import numpy as np
import tensorflow as tf


class Remaining:
    """The images of a batch that are not done, while their tensors hold a few more.

    Done images leave the tensors in groups, when less than `leave_at` of the rows are still
    going, since every new batch size costs the library's kernels their preparation.

    Attributes:
        rows: int [n], the positions in the batch of what the tensors hold.
        going: bool [n], which of them are not done.
    """

    def __init__(self, count: int, leave_at: float = 0.8):
        self.rows = np.arange(count)
        self.going = np.ones(count, bool)
        self._leave_at = leave_at

    def __bool__(self) -> bool:
        return bool(self.going.any())

    @property
    def rows_going(self) -> np.ndarray:
        return self.rows[self.going]

    def finish(self, done: np.ndarray, *states: Any) -> list:
        """Marks rows as done and drops the done ones from the tensors, if it pays.

        Args:
            done: indices of rows, or bool [n].
            states: tensors or arrays with an entry per row, or named tuples of them.

        Returns:
            The `states`, with what is left of their n rows. Rows that stay although they are done
            have to be ignored (`going`).
        """
        self.going[done] = False
        if self.going.mean() > self._leave_at:
            return list(states)
        kept = np.flatnonzero(self.going)
        self.rows, self.going = self.rows[kept], np.ones(len(kept), bool)
        return [take(state, kept) for state in states]


def take(state: Any, rows: np.ndarray) -> Any:
    """The entries at `rows` (int [n]) of a tensor or array, or of every one in a named tuple."""
    return tf.nest.map_structure(
        lambda t: t[rows] if isinstance(t, np.ndarray) else tf.gather(t, rows), state
    )

"""Several runs on one image, of which the best is kept."""

import numpy as np

from attacks.engine.task import Batch, Crafted


class BestOfRuns:
    """The best result of each image of a batch, in the course of several runs.

    A run is made on the images that are left and handed in with `keep`; an image that is done
    takes part in no further run:

        best = BestOfRuns(batch)
        for restart in range(restarts):
            rows = best.left
            if not len(rows):
                break
            ...  # a run on batch.take(rows)
            best.count(rows, gradients, forwards)
            best.keep(rows, images, scores, success)
        return best.crafted()

    Args:
        batch: the images and their goal.
        attacked: bool [N], the images that runs are made on; `None` for all.

    Attributes:
        images: float32 [N, ...], the best so far; the originals where there is none.
        scores: float64 [N], theirs, the higher the better; -inf where there is none.
        gradient_evaluations, forward_evaluations: int64 [N], of all runs together.
    """

    def __init__(self, batch: Batch, attacked: np.ndarray | None = None):
        self.images = batch.images.copy()
        self.scores = np.full(len(batch), -np.inf)
        self.gradient_evaluations = np.zeros(len(batch), np.int64)
        self.forward_evaluations = np.zeros(len(batch), np.int64)
        self._done = np.zeros(len(batch), bool) if attacked is None else ~attacked

    @property
    def left(self) -> np.ndarray:
        """The images that a further run is made on: their rows in the batch, int [n]."""
        return np.flatnonzero(~self._done)

    def count(
        self, rows: np.ndarray, gradients: np.ndarray | int = 0, forwards: np.ndarray | int = 0
    ) -> None:
        """Adds evaluations to the images at `rows`; they are passed as int [n] or as one number."""
        self.gradient_evaluations[rows] += gradients
        self.forward_evaluations[rows] += forwards

    def keep(
        self, rows: np.ndarray, images: np.ndarray, scores: np.ndarray, done: np.ndarray
    ) -> None:
        """Keeps each image that is done, or better than what there is.

        Args:
            rows: int [n], the rows of `images` in the batch.
            images: float32 [n, ...].
            scores: float [n]; NaN is never better.
            done: bool [n], which images need no further run.
        """
        better = done | (scores > self.scores[rows])
        self.images[rows[better]] = images[better]
        self.scores[rows[better]] = scores[better]
        self._done[rows[done]] = True

    def crafted(self) -> Crafted:
        """What is best now, as the result of a run."""
        return Crafted(self.images, self.gradient_evaluations, self.forward_evaluations)


def check_restarts(restarts: int, random_start: bool) -> None:
    """Refuses several runs that would all be the same."""
    if restarts > 1 and not random_start:
        raise ValueError(
            f"restarts is {restarts} without random_start; accepted: restarts=1, or "
            "random_start=True (every run would be the same)"
        )

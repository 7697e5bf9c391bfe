"""Outcomes of every image against epsilon: what most measurements start from."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.estimates import Estimate


class NotRun(LookupError):
    """What a number stands on was not run, or not at this epsilon."""


@dataclass(frozen=True, eq=False)
class Curve:
    """One network under attack.

    Attributes:
        epsilons: float [E] in the units of the arm, 0 (the clean images) first.
        grey: float [E], the same in 0-255 grey levels.
        correct: bool [E, seeds, N].
    """

    epsilons: np.ndarray
    grey: np.ndarray
    correct: np.ndarray

    @property
    def images(self) -> int:
        return self.correct.shape[2]

    @property
    def per_image(self) -> np.ndarray:
        """float [E, N], the mean over seeds."""
        return self.correct.mean(axis=1)

    @property
    def accuracies(self) -> list[Estimate]:
        """One for each epsilon."""
        return [Estimate.accuracy(correct) for correct in self.correct]

    @property
    def errors(self) -> list[Estimate]:
        """One for each epsilon."""
        return [Estimate.accuracy(~correct) for correct in self.correct]

    def at(self, epsilon: float | None = None, *, grey: float | None = None) -> np.ndarray:
        """bool [seeds, N] at one epsilon, in the units of the arm or in grey levels.

        Raises:
            NotRun: there is no such epsilon.
        """
        grid, wanted = (self.epsilons, epsilon) if grey is None else (self.grey, grey)
        rows = np.flatnonzero(same(grid, wanted))
        if not len(rows):
            raise NotRun(
                f"epsilon is {wanted}; accepted: {', '.join(f'{each:g}' for each in grid)}"
            )
        return self.correct[rows[0]]

    def where(self, kept: np.ndarray) -> "Curve":
        """At some of the epsilons, bool [E]."""
        return Curve(self.epsilons[kept], self.grey[kept], self.correct[kept])

    def only(self, epsilons: Iterable[float]) -> "Curve":
        """At 0 and at those of these epsilons that there are."""
        wanted = [0.0, *epsilons]
        return self.where(np.array([same(each, wanted).any() for each in self.epsilons]))

    def first(self, images: int) -> "Curve":
        """Of the first images alone."""
        return Curve(self.epsilons, self.grey, self.correct[:, :, :images])


def same(epsilons: Any, epsilon: Any) -> np.ndarray:
    """Which epsilons are equal, as tables write them, with six digits."""
    return np.isclose(epsilons, epsilon, rtol=1e-4, atol=1e-12)


def alike(*curves: Curve) -> tuple[Curve, ...]:
    """The curves on the images that all have, which are the first ones of each."""
    images = min(curve.images for curve in curves)
    return tuple(curve.first(images) for curve in curves)


def worst_of(curves: Iterable[Curve]) -> Curve:
    """An image is correct where it is on every curve, at the epsilons and images that all have."""
    every = alike(*curves)
    shared = [
        epsilon
        for epsilon in every[0].epsilons
        if all(same(curve.epsilons, epsilon).any() for curve in every)
    ]
    every = tuple(curve.only(shared) for curve in every)
    correct = np.logical_and.reduce([curve.correct for curve in every])
    return Curve(every[0].epsilons, every[0].grey, correct)

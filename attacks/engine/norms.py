"""Norms of a perturbation: names, distances per image, and the range of an epsilon."""

import math
from collections.abc import Sequence

import numpy as np

#: The norms an attack can be bounded in, with the order that CleverHans and NumPy call them by.
ORDER = {"linf": np.inf, "l2": 2, "l1": 1}

#: The norms that an epsilon can be measured in; L0 counts the values that differ.
NORMS = (*ORDER, "l0")

#: By what part of epsilon a distance may exceed it and still count as within.
ROUNDING = 1e-6


def check_norm(norm: str, accepted: Sequence[str] = tuple(ORDER)) -> None:
    if norm not in accepted:
        raise ValueError(f"norm is {norm!r}; accepted: {', '.join(map(repr, accepted))}")


def diameter(norm: str, image_shape: tuple[int, ...]) -> float:
    """The distance between two opposite corners of the box of images in [0, 1]."""
    values = float(math.prod(image_shape))
    return {"linf": 1.0, "l2": math.sqrt(values), "l1": values, "l0": values}[norm]


def check_epsilon(epsilon: float, norm: str, image_shape: tuple[int, ...]) -> float:
    """`epsilon` as a float, when it is a distance between two images in [0, 1].

    Raises:
        ValueError: not finite, negative, or above the diameter of the box of images
            (1 in L-inf, sqrt(d) in L2, d in L1 and in L0, with d = pixels x channels).
    """
    value, most = float(epsilon), diameter(norm, image_shape)
    if not (math.isfinite(value) and 0 <= value <= most):
        meaning = "a distance between images in [0, 1] (write 8 grey levels as 8/255)"
        if norm == "l0":
            meaning = "how many values of an image differ"
        raise ValueError(f"epsilon is {epsilon!r}; accepted for {norm}: 0 to {most:g}, {meaning}")
    return value


def check_epsilons(
    epsilons: Sequence[float], norm: str, image_shape: tuple[int, ...], unbounded: bool = False
) -> list[float]:
    """Each of `epsilons` by `check_epsilon`; with `unbounded`, infinity is accepted too."""
    if np.ndim(epsilons) != 1:
        raise ValueError(f"epsilons is {epsilons!r}; accepted: a sequence of numbers")
    return [
        math.inf if unbounded and e == math.inf else check_epsilon(e, norm, image_shape)
        for e in epsilons
    ]


def distances(perturbations: np.ndarray) -> dict[str, np.ndarray]:
    """L0 (changed values), L1, L2 and L-inf of each perturbation, float64 [N].

    Args:
        perturbations: [N, ...], adversarial images minus images.
    """
    # Not -1, which NumPy refuses when there is no image.
    values = math.prod(perturbations.shape[1:])
    flat = np.abs(perturbations.reshape(len(perturbations), values), dtype=np.float64)
    return {
        "l0": np.count_nonzero(flat, axis=1).astype(np.float64),
        "l1": flat.sum(axis=1),
        "l2": np.sqrt(np.square(flat).sum(axis=1)),
        "linf": flat.max(axis=1, initial=0.0),
    }

"""How near an attack comes to the smallest perturbations that are known."""

import numpy as np


def local_optimality(distances: np.ndarray, best: np.ndarray) -> float:
    """1 for an attack that finds the smallest known perturbation of every image, 0 for none.

    The share of the area between the curve of the best attacks and that of no attack, robust
    accuracy against epsilon, that an attack's own curve covers. The area ends at the epsilon at
    which the best attacks have broken all images that any of them breaks.

    Args:
        distances: float [N], of the attack's perturbations; infinite where it found none.
        best: float [N], the smallest known of the same images; 0 for images that are wrong without
            attack, which count for nothing.

    Returns:
        NaN where no image is broken, or all of them are at once.

    Raises:
        ValueError: shapes that differ, a distance that is not a number or negative, or one that is
            smaller than the best.

    References:
        Cinà et al., "AttackBench: Evaluating Gradient-based Attacks for Adversarial Examples", AAAI
            2025, https://arxiv.org/abs/2404.19460, local optimality
    """
    distances, best = np.asarray(distances, np.float64), np.asarray(best, np.float64)
    if distances.ndim != 1 or distances.shape != best.shape:
        raise ValueError(
            f"distances is of shape {distances.shape} and best of {best.shape}; accepted: [N] both"
        )
    if not (distances >= 0).all() or not (best >= 0).all():
        raise ValueError("distances or best is negative or NaN; accepted: 0 or more, or infinity")
    if (distances < best).any():
        row = int(np.argmax(distances < best))
        raise ValueError(
            f"distances[{row}] is {distances[row]:g}, and best[{row}] is {best[row]:g}; accepted: "
            "no distance below the best (take the smaller of the two for the best)"
        )
    attacked = best > 0
    broken = best[attacked & np.isfinite(best)]
    if not len(broken):
        return float("nan")
    end = broken.max()
    # The area below a curve of robust accuracy is the mean of the distances, as far as it goes.
    covered = np.mean(end - np.minimum(distances[attacked], end))
    most = np.mean(end - np.minimum(best[attacked], end))
    return float(covered / most) if most > 0 else float("nan")

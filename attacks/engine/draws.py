"""Random draws that belong to an image, wherever it stands in a batch."""

import math
from collections.abc import Sequence

import numpy as np


def stream(key: Sequence[int], identity: int) -> np.random.Generator:
    """The random numbers of one image: they depend on `key` and on its id alone.

    Args:
        key: whole numbers, 0 or more: the seed of the attack, then what else tells its draws
            apart, such as the number of a restart.
        identity: the id of the image.
    """
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([*key, identity])))


def ball_noise(
    ids: np.ndarray, shape: tuple[int, ...], norm: str, key: Sequence[int]
) -> np.ndarray:
    """Uniform draws from the unit ball, float32 [N, *shape], one stream for each image.

    L2: a Gaussian direction at radius u^(1/d) (Calafiore et al. 1998).

    Args:
        ids: int [N].
        shape: of one image.
        norm: "linf" or "l2".
        key: as for `stream`.
    """
    dimension = math.prod(shape)
    noise = np.empty([len(ids), dimension], np.float32)
    for row, identity in enumerate(ids):
        generator = stream(key, identity)
        if norm == "linf":
            noise[row] = generator.uniform(-1.0, 1.0, dimension)
        else:
            direction = generator.standard_normal(dimension)
            radius = generator.uniform() ** (1.0 / dimension)
            noise[row] = radius * direction / np.linalg.norm(direction)
    return noise.reshape(len(ids), *shape)

"""Words for what a run shows: shares in percent, and what a difference of them says."""

import numpy as np

from evaluation import Estimate


def percent(correct: np.ndarray) -> str:
    """The share of outcomes that are `True`, bool [..., N]."""
    return f"{100 * correct.mean():.1f}"


def images_of(correct: np.ndarray) -> str:
    """How many images outcomes are of, bool [..., N]."""
    return f"{correct.shape[-1]:,} images"


def says(more: Estimate, if_so: str, if_not: str) -> str:
    """One of two texts, by whether the interval of a difference lies above zero."""
    return if_so if more.low > 0 else if_not

"""What labels have to be."""

import numpy as np

#: Each class gets a name.
_MOST_CLASSES = 1_000_000


def check_labels(where: str, smallest: int, largest: int) -> None:
    """Refuses labels that are below 0, or for which too many classes would be counted.

    Raises:
        ValueError: see there.
    """
    if not 0 <= smallest <= largest < _MOST_CLASSES:
        raise ValueError(
            f"{where} has labels from {smallest} to {largest}; accepted: 0 to {_MOST_CLASSES - 1:,}"
        )


def as_labels(labels: np.ndarray, where: str) -> np.ndarray:
    """Labels [N] or [N, 1] as [N].

    Raises:
        ValueError: another shape, or no integers.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"{where} has shape {labels.shape} and dtype {labels.dtype}; accepted: integers [N] "
            "or [N, 1]"
        )
    return labels

"""Whether the true class is among the k largest logits, with ties counted against the model."""

import numpy as np

from evaluation.f1 import column

#: A rank that is below no k.
NEVER = np.iinfo(np.int64).max


def label_ranks(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How many other classes have at least the logit of the true class, int64 [N].

    The true class is among the k largest where its rank is below k. A class that ties with it
    counts as before it: a network whose logits are all equal knows nothing and is never right.
    (`tf.math.in_top_k` takes all that tie at the boundary, so that such a network is always
    right; argmax takes the first.) An image with a logit that is not finite has the rank `NEVER`.

    Args:
        logits: floats [N, classes].
        labels: int [N] or [N, 1], true classes.

    Raises:
        ValueError: logits of another shape, or labels that do not fit them.
    """
    logits, labels = np.asarray(logits), column(labels)
    if logits.ndim != 2:
        raise ValueError(f"logits have shape {logits.shape}; accepted: [N, classes]")
    count, classes = logits.shape
    if labels.shape != (count,) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"labels have shape {labels.shape} and type {labels.dtype}; accepted: integers of "
            f"shape ({count},), one for each row of the logits"
        )
    outside = labels[(labels < 0) | (labels >= classes)]
    if len(outside):
        raise ValueError(f"labels has the value {outside[0]}; accepted: 0 to {classes - 1}")
    true = np.take_along_axis(logits, labels[:, np.newaxis], axis=1)
    ranks = (logits >= true).sum(axis=1) - 1  # the true class is at least itself
    return np.where(np.isfinite(logits).all(axis=1), ranks, NEVER)


def top_k_errors(logits: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """bool [N]: whether the true class is not among the k largest logits; see `label_ranks`.

    The mean is the top-k error as a fraction.

    Raises:
        ValueError: as `label_ranks`, or a k that is not within 1 and the number of classes.
    """
    ranks, classes = label_ranks(logits, labels), np.shape(logits)[1]
    if not 1 <= k <= classes:
        raise ValueError(f"k is {k}; accepted: 1 to {classes}, the number of classes")
    return ranks >= k

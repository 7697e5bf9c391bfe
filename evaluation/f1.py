"""F1 scores and confusion counts of predictions."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from sklearn import metrics

from evaluation.estimates import Estimate


def macro_f1(labels: npt.ArrayLike, predictions: npt.ArrayLike, num_classes: int) -> float:
    """The mean of the F1 scores of the classes, whatever the number of images of each.

    F1 is the harmonic mean of precision and recall. A class that is a label and never predicted,
    or the reverse, has an F1 of 0; a class that is neither has none and is left out.

    Args:
        labels: true classes, int [N] or [N, 1].
        predictions: int [N] or [N, 1]; -1 where an image is predicted to be of no class.
        num_classes: classes of the model.

    Returns:
        A number in [0, 1].

    Raises:
        ValueError: not two equal shapes [N] with N > 0, or a class outside 0 to num_classes - 1.
    """
    return float(np.nanmean(f1_per_class(labels, predictions, num_classes)))


def f1_per_class(labels: npt.ArrayLike, predictions: npt.ArrayLike, num_classes: int) -> np.ndarray:
    """F1 of each class, float [num_classes], NaN for a class that is neither label nor predicted.

    Arguments and errors are those of `macro_f1`.
    """
    labels, predictions = _checked(labels, predictions, num_classes)
    return metrics.f1_score(
        labels, predictions, labels=range(num_classes), average=None, zero_division=np.nan
    )


def mean_macro_f1(labels: np.ndarray, predictions: np.ndarray) -> Estimate:
    """Macro F1, the mean over several networks, with an interval of a bootstrap over images.

    Args:
        labels: true classes, int [N].
        predictions: int [networks, N]; -1 where an image is predicted to be of no class.
    """
    # Claims, tables and pictures ask for the same ones.
    kept = (each.astype(np.int32).tobytes() for each in (labels, predictions))
    return _mean_macro_f1(*kept)


@lru_cache(maxsize=1024)
def _mean_macro_f1(labels_kept: bytes, predictions_kept: bytes) -> Estimate:
    labels = np.frombuffer(labels_kept, np.int32)
    predictions = np.frombuffer(predictions_kept, np.int32).reshape(-1, len(labels))
    classes = np.arange(1 + max(labels.max(), predictions.max()))
    labelled = (labels[:, np.newaxis] == classes).astype(np.float32)

    def statistic(weights: np.ndarray) -> np.ndarray:
        scores = []
        for predicted in predictions[..., np.newaxis] == classes:
            correct = weights @ (labelled * predicted)
            with np.errstate(invalid="ignore"):  # a class that is neither drawn nor predicted
                f1 = 2 * correct / (weights @ (labelled + predicted))
            scores.append(np.nanmean(f1, axis=1))
        return np.asarray(np.mean(scores, axis=0))

    return Estimate.bootstrap(statistic, len(labels))


def confusion_counts(
    labels: npt.ArrayLike, predictions: npt.ArrayLike, num_classes: int
) -> np.ndarray:
    """How often each true class (row) gets each prediction (column), int [classes, classes].

    Predictions of -1 are not counted. Arguments and errors are those of `macro_f1`.
    """
    labels, predictions = _checked(labels, predictions, num_classes)
    return metrics.confusion_matrix(labels, predictions, labels=range(num_classes))


def column(classes: npt.ArrayLike) -> np.ndarray:
    """Classes [N] or [N, 1], the form of `keras.datasets`, as [N]."""
    classes = np.asarray(classes)
    return classes[:, 0] if classes.ndim == 2 and classes.shape[1] == 1 else classes


def _checked(
    labels: npt.ArrayLike, predictions: npt.ArrayLike, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    labels, predictions = column(labels), column(predictions)
    if labels.shape != predictions.shape or labels.ndim != 1 or not len(labels):
        raise ValueError(
            f"labels have shape {labels.shape} and predictions {predictions.shape}; accepted: two "
            "equal shapes [N] with N > 0"
        )
    for name, classes, lowest in (("labels", labels, 0), ("predictions", predictions, -1)):
        whole = np.issubdtype(classes.dtype, np.integer)
        if not whole or classes.min() < lowest or classes.max() >= num_classes:
            raise ValueError(
                f"{name} are of type {classes.dtype}, from {classes.min()} to {classes.max()}; "
                f"accepted: whole numbers, {lowest} to {num_classes - 1}"
            )
    return labels, predictions

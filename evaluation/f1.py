"""F1 scores of predictions."""

import numpy as np


def macro_f1(labels, predictions, num_classes: int) -> float:
    """The mean over the classes of their F1, the harmonic mean of precision and recall.

    Every class counts the same, however many images it has. A class that is a label and never
    predicted, or the reverse, has an F1 of 0; a class that is neither has none and is left out.

    Args:
        labels, predictions: classes, int [N] or [N, 1]; a prediction of -1 is of no class.

    Raises:
        ValueError: not two equal shapes [N] with N > 0, or a class outside 0 to num_classes - 1.
    """
    return float(np.nanmean(f1_per_class(labels, predictions, num_classes)))


def f1_per_class(labels, predictions, num_classes: int) -> np.ndarray:
    """F1 of each class, float [num_classes], NaN where it is neither a label nor predicted.

    F1 = 2 correct / (labelled + predicted). Raises ValueError as `macro_f1` does.
    """
    labels, predictions = (column(classes) for classes in (labels, predictions))
    if labels.shape != predictions.shape or labels.ndim != 1 or not len(labels):
        raise ValueError(
            f"labels have shape {labels.shape} and predictions {predictions.shape}; accepted: two "
            "equal shapes [N] with N > 0"
        )
    for name, classes in (("labels", labels), ("predictions", predictions)):
        whole = np.issubdtype(classes.dtype, np.integer)
        lowest = 0 if name == "labels" else -1
        if not whole or classes.min() < lowest or classes.max() >= num_classes:
            raise ValueError(
                f"{name} are of type {classes.dtype}, from {classes.min()} to {classes.max()}; "
                f"accepted: whole numbers, {lowest} to {num_classes - 1}"
            )
    correct = np.bincount(labels[labels == predictions], minlength=num_classes)
    counted = np.bincount(labels, minlength=num_classes)
    counted += np.bincount(predictions[predictions >= 0], minlength=num_classes)
    with np.errstate(invalid="ignore"):
        return 2 * correct / counted


def column(classes) -> np.ndarray:
    """[N] of [N, 1], as `keras.datasets` gives labels."""
    classes = np.asarray(classes)
    return classes[:, 0] if classes.ndim == 2 and classes.shape[1] == 1 else classes

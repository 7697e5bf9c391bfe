"""What results keep of images, so that a report can show them without the data set."""

from collections.abc import Sequence

import numpy as np

from attacks import Patch
from data import Dataset
from evaluation import Outcomes, confusion_counts
from harness.arms import Pictured
from harness.results import Arrays

EXAMPLES = 6  # images shown of an arm, at its largest epsilon
SHOWN_SIDE = 112  # rows of a patched image that is shown
LIKELIEST = 5  # classes whose confidences are shown of an image


def examples(outcomes: Outcomes, class_names: Sequence[str]) -> Arrays:
    """Images that were right and that the attack turned, before it and at its largest epsilon.

    Those nearest the median L2 distance come first; see `evaluation.typical`. There are none where
    the attack turned none.

    Returns:
        "images" and "adversarial" [n, ...], "labels", "clean" and "predictions" int [n], and the
        "classes" that occur with their "class_names".
    """
    # Of large images fewer, in half the bits: exact to a tenth of a grey level.
    large = outcomes.example_images.shape[1] > SHOWN_SIDE
    count, dtype = (2, np.float16) if large else (EXAMPLES, np.float32)
    largest, rows = int(np.argmax(outcomes.epsilons)), outcomes.example_rows
    first = np.sort(np.unique(rows, return_index=True)[1])  # that of a strip may come twice
    first = first[outcomes.fooled[largest, rows[first]]][:count]
    classes = {
        "labels": outcomes.labels[rows[first]],
        "clean": outcomes.clean_predictions[rows[first]],
        "predictions": outcomes.predictions[largest, rows[first]],
    }
    occurring = np.unique(np.concatenate(list(classes.values())))
    return classes | {
        "images": outcomes.example_images[first].astype(dtype),
        "adversarial": outcomes.examples[largest, first].astype(dtype),
        "classes": occurring,
        "class_names": np.array([_class_name(class_names, index) for index in occurring]),
    }


def strip(outcomes: Outcomes) -> Arrays:
    """One image at every epsilon; the runner keeps it as the last example.

    Returns:
        The clean images first in each: "confusion", int [1 + E, classes, classes], how often each
        true class gets each prediction, "strip", uint8 [1 + E, height, width, channels], the
        image, and "strip_predictions", int [1 + E], its predictions.
    """
    predictions = np.vstack([outcomes.clean_predictions, outcomes.predictions])
    classes = 1 + int(max(outcomes.labels.max(), predictions.max()))
    images = np.concatenate([outcomes.example_images[np.newaxis, -1], outcomes.examples[:, -1]])
    counts = [confusion_counts(outcomes.labels, each, classes) for each in predictions]
    return {
        "confusion": np.stack(counts),
        "strip": _as_bytes(images),
        "strip_predictions": predictions[:, outcomes.example_rows[-1]],
    }


def patched(patch: Patch, rows: np.ndarray, dataset: Dataset, outcomes: Outcomes) -> Arrays:
    """A patch, and the first image that is right without it with it on.

    Args:
        rows: int [images], which of the test images it was evaluated on.

    Returns:
        "pixels" uint8 [h, w, C], the "rows", "image" uint8 [H, W, C], not above `SHOWN_SIDE`
        pixels, the names of its "label" and "prediction", and what the history of the fit has.
    """
    history = {name: np.array(values) for name, values in patch.history.items()}
    shown = int(outcomes.clean_correct[: outcomes.examples.shape[1]].argmax())
    return history | {
        "pixels": _as_bytes(patch.pixels),
        "rows": rows,
        "image": _as_bytes(_shrunk(outcomes.examples[0, shown])),
        "label": np.array(dataset.class_names[outcomes.labels[shown]]),
        "prediction": np.array(_class_name(dataset.class_names, outcomes.predictions[0, shown])),
    }


def pictured(outcomes: Outcomes, chosen: Pictured, class_names: Sequence[str]) -> Arrays:
    """Chosen images before and after the attack at one epsilon, with their confidences.

    Returns:
        Of n images "images" and "adversarial" (uint8 [n, height, width, channels]),
        "mean_change" and "largest_change" (grey levels, [n]), "label_names" [n]; without and under
        attack "names" and "confidences" of the most likely classes [2, n, 5],
        "label_confidences" and "ranks" of the true class [2, n], 0 the first; and of all N images
        "every_label", "every_clean" and "every_prediction".
    """
    at = int(np.flatnonzero(np.isclose(outcomes.epsilons, chosen.epsilon)).item())
    clean, adversarial = outcomes.example_images, outcomes.examples[at]
    changes = 255 * np.abs(adversarial - clean).reshape(len(clean), -1)
    probabilities = outcomes.example_probabilities[[0, 1 + at]]
    likeliest = np.argsort(-probabilities, axis=2, kind="stable")[:, :, :LIKELIEST]
    kept = list(chosen.images)
    labels = outcomes.labels[kept]
    ranks = outcomes.clean_label_ranks[kept], outcomes.label_ranks[at, kept]
    return {
        "images": _as_bytes(clean),
        "adversarial": _as_bytes(adversarial),
        "mean_change": changes.mean(axis=1),
        "largest_change": changes.max(axis=1),
        "label_names": np.array(class_names)[labels],
        "names": np.array(class_names)[likeliest],
        "confidences": np.take_along_axis(probabilities, likeliest, axis=2),
        "label_confidences": probabilities[:, np.arange(len(labels)), labels],
        "ranks": np.stack(ranks),
        "every_label": outcomes.labels,
        "every_clean": outcomes.clean_predictions,
        "every_prediction": outcomes.predictions[at],
    }


def _class_name(names: Sequence[str], index: int) -> str:
    """Outputs that are not numbers predict no class."""
    return names[index] if index >= 0 else "no number"


def _shrunk(image: np.ndarray) -> np.ndarray:
    """An image [H, W, C] whose squares of pixels are averaged, if it is large."""
    by = -(-image.shape[0] // SHOWN_SIDE)
    height, width = (side // by for side in image.shape[:2])
    squares = image[: height * by, : width * by].reshape(height, by, width, by, -1)
    return squares.mean(axis=(1, 3))


def _as_bytes(images: np.ndarray) -> np.ndarray:
    """As they would be stored in a picture."""
    return np.round(255 * np.clip(images, 0, 1)).astype(np.uint8)

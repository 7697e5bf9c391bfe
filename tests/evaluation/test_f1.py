"""F1 and confusion counts, by hand."""

import numpy as np
import pytest

from evaluation import confusion_counts, f1_per_class, macro_f1, mean_macro_f1


def test_by_hand():
    labels, predictions = [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 2]
    # Class 0: precision 1, recall 2/3. Class 1: both 1/2. Class 2: precision 1/2, recall 1.
    np.testing.assert_allclose(f1_per_class(labels, predictions, 3), [4 / 5, 1 / 2, 2 / 3])
    assert macro_f1(labels, predictions, 3) == pytest.approx((4 / 5 + 1 / 2 + 2 / 3) / 3)


@pytest.mark.parametrize(
    ("labels", "predictions", "per_class"),
    [
        ([0, 0], [0, 0], [1, np.nan, np.nan]),  # classes that appear nowhere are left out
        ([0, 1], [0, 0], [2 / 3, 0, np.nan]),  # class 1 is never predicted
        ([0, 0], [0, 2], [2 / 3, np.nan, 0]),  # class 2 is never a label
        ([0, 1, 2], [1, 2, 0], [0, 0, 0]),
        ([0, 0, 1], [0, -1, -1], [2 / 3, 0, np.nan]),  # -1 is a miss of the label alone
        ([0, 1], [-1, -1], [0, 0, np.nan]),
    ],
)
def test_classes_without_labels_or_predictions(labels, predictions, per_class):
    np.testing.assert_allclose(f1_per_class(labels, predictions, 3), per_class)
    assert macro_f1(labels, predictions, 3) == pytest.approx(np.nanmean(per_class))


def test_by_counts():
    """F1 = 2 correct / (labelled + predicted), of predictions with and without a class."""
    random = np.random.default_rng(0)
    labels, predictions = random.integers(0, 43, 2000), random.integers(-1, 43, 2000)
    correct = np.bincount(labels[labels == predictions], minlength=43)
    counted = np.bincount(labels, minlength=43)
    counted += np.bincount(predictions[predictions >= 0], minlength=43)
    np.testing.assert_array_equal(f1_per_class(labels, predictions, 43), 2 * correct / counted)


def test_columns_of_classes():
    assert macro_f1([[0], [1]], np.array([[0], [1]]), 2) == 1


def test_the_mean_over_networks_has_a_paired_interval():
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 300)
    good = np.where(random.random([2, 300]) < 0.9, labels, (labels + 1) % 4)
    worse = np.where(np.arange(300) < 15, (labels + 2) % 4, good)
    score, other = mean_macro_f1(labels, good), mean_macro_f1(labels, worse)
    assert score.value == pytest.approx(np.mean([macro_f1(labels, each, 4) for each in good]))
    assert score.low < score.value < score.high
    assert (score - other).sign == 1 and (score - score).sign == 0
    # What the two have in common does not widen the interval of their difference.
    unpaired = np.hypot(score.high - score.low, other.high - other.low)
    assert (score - other).high - (score - other).low < 0.9 * unpaired


@pytest.mark.parametrize(
    ("predictions", "counts"),
    [
        ([0, 2, 1, 0], [[1, 0, 1], [1, 1, 0], [0, 0, 0]]),
        ([0, -1, 1, 0], [[1, 0, 0], [1, 1, 0], [0, 0, 0]]),
        ([-1, -1, -1, -1], np.zeros([3, 3])),
    ],
)
def test_confusion_counts(predictions, counts):
    """Labels 0, 0, 1, 1; class 2 is never a label."""
    np.testing.assert_array_equal(confusion_counts([0, 0, 1, 1], predictions, 3), counts)


@pytest.mark.parametrize(
    ("labels", "predictions", "message"),
    [
        ([0, 1], [0], r"labels have shape \(2,\) and predictions \(1,\)"),
        ([], [], "with N > 0"),
        ([[0, 1]], [[0, 1]], r"equal shapes \[N\]"),
        ([0, 3], [0, 1], "labels are of type .* from 0 to 3; accepted: whole numbers, 0 to 2"),
        ([0, 1], [0, -2], "predictions are of type .* from -2 to 0"),
        ([0, 1], [0.0, 1.0], "predictions are of type float64"),
    ],
)
@pytest.mark.parametrize("measure", [macro_f1, confusion_counts])
def test_refused(labels, predictions, message, measure):
    with pytest.raises(ValueError, match=message):
        measure(labels, predictions, 3)

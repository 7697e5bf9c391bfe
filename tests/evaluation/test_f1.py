"""F1 by hand."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from evaluation import f1_per_class, macro_f1


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
    ],
)
def test_classes_without_labels_or_predictions(labels, predictions, per_class):
    np.testing.assert_allclose(f1_per_class(labels, predictions, 3), per_class)
    assert macro_f1(labels, predictions, 3) == pytest.approx(np.nanmean(per_class))


def test_equal_to_scikit_learn():
    random = np.random.default_rng(0)
    labels, predictions = random.integers(0, 43, (2, 2000))
    expected = f1_score(labels, predictions, average="macro")
    assert macro_f1(labels, predictions, 43) == pytest.approx(expected)


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
def test_refused(labels, predictions, message):
    with pytest.raises(ValueError, match=message):
        macro_f1(labels, predictions, 3)

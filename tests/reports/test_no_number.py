"""Outputs that are not numbers predict no class: in pictures and in counts."""

from types import SimpleNamespace

import numpy as np

from harness.pictures import strip
from reports.figures.images import Attacked

IMAGES = np.full((2, 4, 4, 1), 0.5, np.float32)


def test_an_image_without_a_number_is_not_shown():
    examples = {"images": IMAGES, "adversarial": IMAGES + 0.1, "labels": np.array([0, 1])}
    examples |= {"clean": np.array([0, -1]), "predictions": np.array([-1, 0])}
    assert Attacked("", examples).chosen is None


def test_no_class_is_counted_for_it():
    outcomes = SimpleNamespace(
        labels=np.array([0, 1, 2]),
        clean_predictions=np.array([0, 1, 2]),
        predictions=np.array([[2, -1, -1]]),
        example_images=IMAGES,
        examples=IMAGES[np.newaxis],
        example_rows=np.array([0, 1]),
    )
    clean, attacked = strip(outcomes)["confusion"]
    np.testing.assert_array_equal(clean, np.eye(3))
    np.testing.assert_array_equal(attacked, [[0, 0, 1], [0, 0, 0], [0, 0, 0]])

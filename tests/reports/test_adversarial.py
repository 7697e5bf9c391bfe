"""Which images a report shows of an attack, and what it says of them."""

import numpy as np
import pytest

from reports.adversarial import show_adversarial
from reports.figures import images
from reports.figures.images import Attacked
from reports.gallery import Gallery

NAMES = ("cat", "dog", "owl")


def kept(labels, clean, predictions, distances) -> dict[str, np.ndarray]:
    """Examples of 4 x 4 grey images, moved so far each in L2."""
    count = len(labels)
    before = np.full((count, 4, 4, 1), 0.5, np.float32)
    moved = np.float32(distances).reshape(-1, 1, 1, 1) / 4
    classes = {"labels": labels, "clean": clean, "predictions": predictions}
    return {name: np.array(each) for name, each in classes.items()} | {
        "images": before,
        "adversarial": before + moved,
    }


def test_the_image_was_right_before_and_is_wrong_after_and_of_the_median_distance():
    labels, clean = [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0]
    # The last but one was wrong before, the last one stays right; of the others 0.4 is the median.
    predictions, distances = [1, 2, 1, 1, 1, 0], [0.1, 0.4, 0.3, 0.9, 0.4, 0.4]
    examples = kept(labels, clean, predictions, distances)
    assert Attacked("", examples).chosen == 1
    examples["predictions"][1] = -1  # no number, which is no wrong class either
    assert Attacked("", examples).chosen == 2


@pytest.mark.parametrize("clean, predictions", [([1], [2]), ([0], [0]), ([0], [-1]), ([-1], [1])])
def test_without_such_an_image_there_is_none(clean, predictions):
    assert Attacked("", kept([0], clean, predictions, [0.1])).chosen is None


def test_where_results_keep_no_image_there_is_none():
    examples = {name: array[:0] for name, array in kept([0], [0], [1], [0.1]).items()}
    assert Attacked("", examples).chosen is None


def test_the_picture_shows_what_was_chosen_and_the_caption_says_what_was_not(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(images, "show", lambda axis, picture: drawn.append(float(picture.mean())))
    turned = Attacked("student,\nPGD", kept([0, 1], [0, 1], [1, 0], [0.8, 0.4]), NAMES)
    failed = Attacked("student,\nFGSM", kept([0], [0], [0], [0.4]), NAMES)
    gallery = Gallery(tmp_path, ("adversarial",))
    show_adversarial([failed, turned], "a network", gallery, "adversarial", "some")
    [(caption, path)] = gallery["adversarial"]
    assert caption.startswith("Adversarial images, a network. student, PGD. Of the images kept")
    assert caption.endswith("No image that is kept was turned by: student, FGSM")
    assert (tmp_path / path.split("/")[1]).is_file()
    # The image, what is added to it, all of it as far as it goes, and both together.
    assert drawn == pytest.approx([0.5, 1.0, 0.7])


def test_where_no_attack_turned_anything_nothing_is_drawn(tmp_path):
    gallery = Gallery(tmp_path, ("adversarial",))
    failed = Attacked("student", kept([0], [0], [0], [0.4]), NAMES)
    show_adversarial([failed], "a network", gallery, "adversarial", "some")
    assert gallery == {"adversarial": []} and not list(tmp_path.iterdir())

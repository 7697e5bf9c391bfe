"""Adversarial images as files: each image before, after, and what was added to it."""

import re
from collections.abc import Callable, Iterable
from math import isfinite
from pathlib import Path

from evaluation.pictures import Picture
from reports.picture_cards import amplified, png

_LONGEST = 50  # letters of the name of a class; a file's name may have some 250


def write_pictures(pictures: Iterable[Picture], folder: Path, called: Callable[[int], str]) -> int:
    """Writes three PNG files for each picture, and says of how many images.

    Their names begin with the attack, the epsilon in [0, 1] pixels (or "any"), the index of the
    image, its true class and its prediction under attack, and end in "image", "adversarial" or
    "perturbation-xN", which is N times as strong as it was, around grey.

    Args:
        folder: made if it is not there.
        called: the name of a class.
    """
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for each in pictures:
        count += 1
        added, times = amplified(each)
        epsilon = f"{each.epsilon:.4g}" if isfinite(each.epsilon) else "any"
        classes = f"true-{_word(called(each.label))}_predicted-{_word(called(each.prediction))}"
        name = f"{each.attack}_epsilon-{epsilon}_{each.index:05d}_{classes}"
        for what, image in (
            ("image", each.image),
            ("adversarial", each.adversarial),
            (f"perturbation-x{times:.3g}", added),
        ):
            (folder / f"{name}_{what}.png").write_bytes(png(image))
    return count


def _word(text: str) -> str:
    """A text as a part of a file's name."""
    return re.sub(r"[^\w.]+", "-", text).strip("-")[:_LONGEST]

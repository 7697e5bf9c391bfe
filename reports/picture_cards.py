"""Adversarial images as cards in a page: before, what was added, and after."""

import base64
from collections.abc import Callable, Sequence
from io import BytesIO
from math import isfinite
from typing import NamedTuple

import numpy as np
from PIL import Image

from evaluation.pictures import Picture
from evaluation.robustness_sentences import NORMS, budget

#: Images with a longer side are large files: fewer of them are shown.
_LARGE, _SHOWN_OF_LARGE = 112, 2


class Card(NamedTuple):
    """One image: three pictures with what is below each, and how far it was moved."""

    pictures: list[tuple[str, str]]
    distances: str


def by_attack(
    pictures: Sequence[Picture], norm: str, called: Callable[[int], str]
) -> dict[str, list[Card]]:
    """Cards by the attack and its budget; of images that are no pictures, none.

    Args:
        called: the name of a class.
    """
    cards: dict[str, list[Card]] = {}
    for each in pictures:
        if is_picture(each.image.shape):
            is_bounded = isfinite(each.epsilon)
            where = f"within {budget(norm, each.epsilon)}" if is_bounded else "at any distance"
            own = cards.setdefault(f"{each.attack}, {where}", [])
            if len(own) < _SHOWN_OF_LARGE or max(each.image.shape) <= _LARGE:
                own.append(_card(each, called))
    return cards


def is_picture(shape: tuple[int, ...]) -> bool:
    """Whether an image of this shape can be shown."""
    return len(shape) == 3 and shape[-1] in (1, 3)


def address(kind: str, content: bytes) -> str:
    """A file as an address that holds it, so that a page needs no other file."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def amplified(picture: Picture) -> tuple[np.ndarray, float]:
    """What was added to an image, around grey and as strong as can be, and how many times."""
    added = picture.adversarial - picture.image
    times = 0.5 / max(float(np.abs(added).max()), 1e-9)
    return added * times + 0.5, times


def png(image: np.ndarray) -> bytes:
    """A picture [height, width, 1 or 3] of values in [0, 1]."""
    levels = np.round(255 * np.clip(image, 0, 1)).astype(np.uint8)
    stored = BytesIO()
    Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels).save(stored, "PNG")
    return stored.getvalue()


def _card(picture: Picture, called: Callable[[int], str]) -> Card:
    added, times = amplified(picture)
    before = f"{called(picture.label)} ({picture.confidence:.0%})"
    after = f"{called(picture.prediction)} ({picture.adversarial_confidence:.0%})"
    return Card(
        [
            (png_address(picture.image), before),
            (png_address(added), f"added × {times:.3g}"),
            (png_address(picture.adversarial), after),
        ],
        f"{NORMS['linf']} {255 * picture.linf:.3g}/255, {NORMS['l2']} {picture.l2:.3g}",
    )


def png_address(image: np.ndarray) -> str:
    """A picture [height, width, 1 or 3] of values in [0, 1] as an address."""
    return address("image/png", png(image))

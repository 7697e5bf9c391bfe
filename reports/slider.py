"""One image under an attack, with a slider that changes epsilon.

The slider is an HTML element with every picture inside: it needs no widgets, and works without a
kernel, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from IPython.display import HTML

from attacks import Attack
from attacks.readings import Model
from reports.picture_cards import png_address

_PIXELS = 224  # of the side of a picture as it is shown
_ON_INPUT = "this.parentElement.querySelectorAll('figure').forEach((f, i) => f.hidden = i != {0})"


@dataclass(frozen=True, eq=False)
class Frame:
    """What is shown at one epsilon: float [height, width, channels] in [0, 1], and a line.

    Attributes:
        image: as the attack leaves it.
        change: what the attack added, amplified alike at every epsilon; grey where nothing.
    """

    image: np.ndarray
    change: np.ndarray
    caption: str


def epsilon_slider(
    model: Model,
    images: np.ndarray,
    labels: np.ndarray,
    attack: Attack,
    epsilons: Sequence[float],
    class_names: Sequence[str],
) -> HTML:
    """An image, its perturbation and its prediction, with a slider over the epsilons.

    The image is right without attack, and of those that the attack turns the one that it turns at
    the median epsilon; where it turns none, the first that is right.

    Args:
        images: float [N, height, width, channels] in [0, 1], of which one is shown.
        labels: int [N], their true classes.
        epsilons: distances in [0, 1] pixels, ascending.
        class_names: by class.

    Raises:
        ValueError: no image is right without attack.
    """
    frames = epsilon_frames(model, images, labels, attack, epsilons, class_names)
    return HTML(_page(frames))


def epsilon_frames(
    model: Model,
    images: np.ndarray,
    labels: np.ndarray,
    attack: Attack,
    epsilons: Sequence[float],
    class_names: Sequence[str],
) -> list[Frame]:
    """What the slider shows: the image without attack, then at every epsilon; see there."""
    images, labels = np.asarray(images, np.float32), np.asarray(labels).reshape(-1)
    results = attack.sweep(model, images, labels, epsilons=[0.0, *epsilons])
    predictions = np.array([result.logits.argmax(axis=-1) for result in results])
    shown = _chosen(predictions == labels)
    true = class_names[labels[shown]]
    crafted = np.array([result.images[shown] for result in results])
    changes = crafted - images[shown]
    largest = max(float(np.abs(changes).max()), 1e-9)
    frames = []
    for epsilon, image, change, classes in zip([0.0, *epsilons], crafted, changes, predictions):
        caption = f"epsilon {epsilon:.3g}: {class_names[classes[shown]]} (true class: {true})"
        frames.append(Frame(image, change / largest / 2 + 0.5, caption))
    return frames


def _chosen(right: np.ndarray) -> int:
    """The image to show, by whether it is right: bool [1 + epsilons, N], without attack first."""
    candidates = np.flatnonzero(right[0])
    if not len(candidates):
        raise ValueError("images holds none that model gets right; accepted: at least one")
    turned = candidates[~right[:, candidates].all(axis=0)]
    if not len(turned):
        return int(candidates[0])
    first_wrong = right[:, turned].argmin(axis=0)
    middle = np.argsort(first_wrong, kind="stable")[len(turned) // 2]
    return int(turned[middle])


def _page(frames: list[Frame]) -> str:
    moves = f'oninput="{_ON_INPUT.format("this.value")}"'
    last = len(frames) - 1
    slider = f'<input type="range" min="0" max="{last}" value="0" aria-label="epsilon" {moves}>'
    figures = [
        f"<figure{' hidden' * (place > 0)}>{_picture(each.image, each.caption)} "
        f"{_picture(each.change, 'the change, amplified')}"
        f"<figcaption>{escape(each.caption)}</figcaption></figure>"
        for place, each in enumerate(frames)
    ]
    return f"<div>{slider}{''.join(figures)}</div>"


def _picture(image: np.ndarray, alt: str) -> str:
    style = f"width:{_PIXELS}px;image-rendering:pixelated;display:inline-block"
    return f'<img src="{png_address(image)}" alt="{escape(alt)}" style="{style}">'

"""Evaluations whose adversarial images would not fit into memory together."""

from dataclasses import fields
from math import prod

import numpy as np

from evaluation.outcomes import Outcomes, evaluate

#: Of the adversarial images of one part, at all epsilons: 1 GB.
VALUES = 2**28
_OF_THE_FIRST = ("epsilons", "examples", "example_images")


def evaluate_in_parts(
    model,
    images: np.ndarray,
    labels: np.ndarray,
    attack,
    epsilons,
    *,
    targets: np.ndarray | None = None,
    values: int = VALUES,
    progress=None,
    **options,
) -> Outcomes:
    """`evaluate`, some images at a time; nothing else changes.

    Args:
        values: of the adversarial images of one part at all epsilons; at least one batch is taken.
        progress: called with (images done, images in all).
        options: the others of `evaluate`.
    """
    batch = attack.batch_size
    batches = values // (max(1, len(epsilons)) * prod(images.shape[1:]) * batch)
    size = batch * max(1, batches)
    if len(images) <= size:
        options |= {"targets": targets, "progress": progress}
        return evaluate(model, images, labels, attack, epsilons, **options)
    parts = []
    for start in range(0, len(images), size):
        part = slice(start, start + size)
        numbered = _Numbered(attack, start, progress, len(images))
        of_part = None if targets is None else targets[part]
        parts.append(
            evaluate(
                model, images[part], labels[part], numbered, epsilons, targets=of_part, **options
            )
        )
    return _joined(parts)


class _Numbered:
    """An attack on images that are not the first ones: random draws are keyed by their numbers."""

    def __init__(self, attack, first: int, progress, count: int):
        self.attack, self.first = attack, first
        self.batch_size = attack.batch_size
        self.temperature = getattr(attack, "temperature", 1.0)
        self._progress, self._count = progress, count

    def sweep(self, model, images, labels=None, *, progress=None, **options):
        def update(done: int, count: int) -> None:
            if self._progress:
                share = len(images) * done / count
                self._progress(round(self.first + share), self._count)

        ids = self.first + np.arange(len(images))
        return self.attack.sweep(model, images, labels, ids=ids, progress=update, **options)


def _joined(parts: list[Outcomes]) -> Outcomes:
    """Outcomes of all images from those of parts of them."""
    joined = {}
    for name in (field.name for field in fields(Outcomes)):
        found = [getattr(part, name) for part in parts]
        if name in _OF_THE_FIRST or found[0] is None or isinstance(found[0], bool):
            joined[name] = found[0]
        elif isinstance(found[0], float):
            joined[name] = sum(found)
        else:
            joined[name] = np.concatenate(found, axis=-1)
    return Outcomes(**joined)

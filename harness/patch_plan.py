"""Patches in a study: how one is made, on which images, and on which others it is evaluated."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from attacks import AdversarialPatch, Journal, Patch, PatchOverlay
from attacks.readings import Reading
from data.byte_images import ByteImages


@dataclass(frozen=True)
class PatchPlan:
    """How a patch of one class is made and evaluated, where other arms have an attack.

    The test images are divided at random into two parts. A trained patch is fitted on the first.
    A pasted one is the picture of its class, from either part, that the network is surest of.
    Both are evaluated on the second. No image of the target class is fitted or evaluated on.

    Attributes:
        method: how the patch is made, with its size.
        target: the class that the network is to see.
        name: of the target.
        fitted_on: images in the first part.
        evaluated_on: images of the second part; `None` for all.
        placements: random places on every image.
        batch_size: images per forward pass.
    """

    method: AdversarialPatch | PatchOverlay
    target: int
    name: str
    fitted_on: int
    evaluated_on: int | None = None
    placements: int = 4
    batch_size: int = 32

    norm = "patch"  # what a patch is bounded by, as attacks name it
    climbs = None  # pasting a patch follows no gradient

    @property
    def kind(self) -> str:
        """ "trained" or "pasted"."""
        return "trained" if isinstance(self.method, AdversarialPatch) else "pasted"

    @property
    def side(self) -> int:
        """Rows of the patch, in pixels."""
        return self.method.sides[0]

    def share(self, image_shape: tuple[int, ...]) -> float:
        """The share of an image [H, W, C] that the patch covers."""
        return prod(self.method.sides) / prod(image_shape[:2])

    def rows(self, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The test images that the patch is made from and evaluated on: sorted rows, int [N].

        Raises:
            ValueError: one of the parts is empty.
        """
        if not 0 < self.fitted_on < len(labels):
            raise ValueError(
                f"fitted_on is {self.fitted_on} of {len(labels)} test images; accepted: 1 to "
                f"{len(labels) - 1}, so that some are left to evaluate on"
            )
        order = np.random.RandomState(0).permutation(len(labels))  # one for all patches
        fitted, held_out = np.split(order, [self.fitted_on])
        if self.evaluated_on is not None:
            # From the end, so that parts of other sizes share no image where there are enough.
            held_out = held_out[-self.evaluated_on :]
        of_target = labels == self.target
        trained = self.kind == "trained"
        made_from = fitted[~of_target[fitted]] if trained else np.flatnonzero(of_target)
        return np.sort(made_from), np.sort(held_out[~of_target[held_out]])

    def make(
        self,
        model: Callable | Reading,
        images: np.ndarray | ByteImages,
        labels: np.ndarray,
        progress: Callable[[float, str], None],
        journal: Journal | None = None,
    ) -> Patch:
        """The patch, its pixels in 8 bits.

        Args:
            model: gives logits.
            images: the test images, [N, H, W, C] in [0, 1].
            labels: their true classes, int [N].
            progress: called with the share done and a few words.
            journal: keeps every epoch of a patch that is trained.

        Raises:
            ValueError: one of the parts is empty, or there is no picture of the target.
        """
        rows, _ = self.rows(labels)
        chosen = np.asarray(images[rows]), self.target, labels[rows]

        def show(done: int, count: int) -> None:
            progress(done / count, f"{done} of {count} images")

        if isinstance(self.method, AdversarialPatch):
            patch = self.method.fit(model, *chosen, name=self.name, progress=show, journal=journal)
        else:
            patch = self.method.fit(model, *chosen, name=self.name)
            progress(1.0, f"chosen from {len(rows)} images of the class")
        return replace(patch, pixels=np.round(patch.pixels * 255) / np.float32(255))

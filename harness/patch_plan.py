"""Patches in a study: how one is made, on which images, and on which others it is evaluated."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from attacks import AdversarialPatch, Patch, PatchOverlay

#: Of the order in which the test images are divided; the same for all networks and patches.
_ORDER_SEED = 0

Progress = Callable[[float, str], None]  # share done, a few words


@dataclass(frozen=True)
class PatchPlan:
    """A patch of one class, where `harness.study.Arm` has an attack within a budget.

    The test images are divided at random. A fitted patch sees the first part; a pasted picture is
    the image of its own class, in either part, that the network is surest of. Evaluated on are
    images of the second part, all those of the target class left out.

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

    #: What a patch is bounded by, as the attacks name it.
    norm = "patch"
    #: A patch that is pasted on an image follows no gradient there.
    climbs = None

    @property
    def kind(self) -> str:
        return "trained" if isinstance(self.method, AdversarialPatch) else "pasted"

    @property
    def side(self) -> int:
        """Rows, in pixels."""
        return self.method.size[0]

    def share(self, image_shape: tuple[int, ...]) -> float:
        """The share of an image [H, W, C] that the patch covers."""
        return prod(self.method.size) / prod(image_shape[:2])

    def rows(self, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which of the test images, int [N], the patch is made from and evaluated on, sorted.

        Raises:
            ValueError: an empty part, or no picture of the target.
        """
        if not 0 < self.fitted_on < len(labels):
            raise ValueError(
                f"fitted_on is {self.fitted_on} of {len(labels)} test images; accepted: 1 to "
                f"{len(labels) - 1}, so that some are left to evaluate on"
            )
        order = np.random.RandomState(_ORDER_SEED).permutation(len(labels))
        # From the end, so that parts of other sizes share no image where there are enough.
        held_out = np.sort(order[self.fitted_on :][-(self.evaluated_on or 0) :])
        of_target = labels == self.target
        if self.kind == "trained":
            made_from = np.sort(order[: self.fitted_on])
            made_from = made_from[~of_target[made_from]]
        else:
            made_from = np.flatnonzero(of_target)
        return made_from, held_out[~of_target[held_out]]

    def make(self, model, images, labels: np.ndarray, progress: Progress) -> Patch:
        """The patch, its pixels in 8 bits, from test images [N, H, W, C] and their labels."""
        rows, _ = self.rows(labels)
        chosen = np.asarray(images[rows]), self.target, labels[rows]
        if self.kind == "trained":
            patch = self.method.fit(
                model,
                *chosen,
                name=self.name,
                progress=lambda done, count: progress(done / count, f"{done} of {count} images"),
            )
        else:
            patch = self.method.fit(model, *chosen, name=self.name)
            progress(1.0, f"chosen from {len(rows)} images of the class")
        pixels = np.round(patch.pixels * 255) / np.float32(255)
        return Patch(pixels, patch.target, patch.name, patch.history)


@dataclass(frozen=True)
class PatchAtPlaces:
    """A patch at a random place for every epsilon, all of them infinite, for `evaluation`.

    Attributes:
        patch: what is pasted.
        rows: int [N], the numbers of the images in the test set, by which places are drawn.
        batch_size: images per forward pass.
    """

    patch: Patch
    rows: np.ndarray
    batch_size: int

    climbs = None

    def sweep(self, model, images, labels=None, *, epsilons, ids=None, progress=None, **options):
        def update(done: int, count: int) -> None:  # counts each placement
            progress(done * len(images) // count, len(images))

        return self.patch.attack(
            model,
            images,
            labels,
            seeds=range(len(epsilons)),
            ids=self.rows if ids is None else self.rows[ids],
            batch_size=self.batch_size,
            progress=progress and update,
            **options,
        )


def save(path: Path, patch: Patch) -> None:
    """Writes a patch to an .npz file."""
    np.savez_compressed(
        path,
        pixels=patch.pixels,
        target=patch.target,
        name=patch.name,
        history=json.dumps(dict(patch.history)),
    )


def load(path: Path) -> Patch:
    """Reads what `save` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        return Patch(
            stored["pixels"],
            int(stored["target"]),
            str(stored["name"]),
            json.loads(str(stored["history"])),
        )

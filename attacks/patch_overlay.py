"""A picture of another class, shrunk and pasted on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from attacks.goals import are_finite, predicted
from attacks.patch import Patch, check_size, fitting_task, room_for
from attacks.readings import Model
from models.ranges import check_whole


@dataclass(frozen=True)
class PatchOverlay:
    """Makes a patch of a picture as it is: no gradient, no query beyond the choice of it.

    The patches of the ICBAI paper are taken from images of other classes, such as a toaster. Here
    the whole picture is resized, bilinearly and with antialiasing; one that is not of the patch's
    proportions is stretched to them.

    Attributes:
        size: of the patch in pixels: the side of a square, or (rows, columns).
        batch_size: images per forward pass of `fit`.

    References:
        Sen, Sen and Chatterjee, "Adversarial Attacks on Image Classification Models: Analysis and
            Defense", 2023, https://arxiv.org/abs/2312.16880
    """

    size: int | tuple[int, int]
    batch_size: int = 128

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", check_size(self.size))
        check_whole(batch_size=self.batch_size)

    @property
    def sides(self) -> tuple[int, int]:
        """Rows and columns of the patch."""
        return check_size(self.size)

    def showing(self, picture: Any, target: int | None = None, name: str = "") -> Patch:
        """The patch that shows `picture`, float [H, W, C] in [0, 1], of the class `target`.

        Raises:
            ValueError: `picture` or `target` are not of this kind.
        """
        source = Patch(picture, target, name)
        pixels = tf.image.resize(source.pixels, self.size, antialias=True).numpy()
        return Patch(np.clip(pixels, 0, 1), target, name)  # rounding may pass 1

    def fit(
        self,
        model: Model,
        images: Any,
        target: int,
        labels: Any = None,
        *,
        name: str = "",
        jit_compile: bool = False,
    ) -> Patch:
        """The patch that shows the picture in which the model is surest of the target.

        Args:
            model: a Keras model or callable that gives logits [N, classes].
            images: float [N, H, W, C] in [0, 1], the target class among them.
            target: the class of the picture.
            labels: int [N]; `None` for the model's predictions.
            name: of the patch.
            jit_compile: compile with XLA.

        Raises:
            ValueError: none of the images is of the target class; otherwise naming the
                argument, its value and what is accepted.
        """
        task = fitting_task(model, images, target, labels, self.batch_size, jit_compile)
        room_for(self.sides, task.images.shape[1:])
        logits = task.logits(task.images)
        classes = predicted(logits) if labels is None else task.goal.classes
        candidates = np.flatnonzero((classes == target) & are_finite(logits))
        if not len(candidates):
            raise ValueError(
                f"images has none of class {target} among {len(task.images)}; "
                "accepted: one or more to take the picture from"
            )
        confidences = tf.nn.log_softmax(logits[candidates])[:, target].numpy()
        return self.showing(task.images[candidates[confidences.argmax()]], target, name)

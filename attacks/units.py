"""The units that studies count epsilons in, and attacks between images in other units than ours.

Praxis and ICBAI take ImageNet's mean and deviation out of an image and then move every value by
epsilon. One epsilon is another distance in [0, 1] pixels in each channel, so the change of
variables is u = x min(std) / std: u stays within [0, 1], and the standardised image, which is
u / min(std) but for a constant, is a multiple of it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from attacks.engine.attack import Attack, Evaluations
from attacks.engine.task import Progress, Task
from attacks.readings import Model, Reading
from attacks.result import AttackResult
from models.preprocessing import IMAGENET_STD

UNITS = ("pixels", "standardised")
_STD = np.array(IMAGENET_STD)
_SMALLEST = float(_STD.min())
_SCALE = (_STD / _SMALLEST).astype(np.float32)  # x = u * _SCALE


def grey_levels(units: str) -> float:
    """How many of 255 grey levels an epsilon of 1 is; standardised, the mean over the channels.

    Raises:
        ValueError: unknown units.
    """
    if units not in UNITS:
        raise ValueError(f"units is {units!r}; accepted: {', '.join(UNITS)}")
    return 255.0 if units == "pixels" else 255.0 * float(_STD.mean())


def standardised_input(model: keras.Model | Reading) -> keras.Model | Reading:
    """The model for images in u instead of pixels.

    Raises:
        ValueError: the model does not take three channels.
    """
    if isinstance(model, Reading):
        return replace(model, model=_standardised_input(model.model))
    return _standardised_input(model)


def _standardised_input(model: keras.Model) -> keras.Model:
    if model.input_shape[-1] != len(_STD):
        raise ValueError(
            f"model {model.name!r} has {model.input_shape[-1]} channels with units "
            f"'standardised'; accepted: {len(_STD)}"
        )
    images = keras.Input(model.input_shape[1:], name="standardised")
    pixels = keras.layers.Rescaling(_SCALE.tolist(), name="pixels")(images)
    return keras.Model(images, model(pixels), name=f"{model.name}_standardised")


class BetweenStandardised(Attack):
    """An attack within distances of standardised images; what goes in and out is in pixels.

    Args:
        attack: an L-infinity attack within a budget that does not clip: the bounds of pixels are
            others in each channel.
        model: the attacked one in `standardised_input`.

    Raises:
        ValueError: the attack clips, or bounds another norm.
    """

    def __init__(self, attack: Attack, model: Model):
        norm, clip = attack.norm, getattr(attack, "clip", True)
        if norm != "linf" or clip:
            raise ValueError(
                f"attack has norm {norm!r} and clip {clip} with units 'standardised'; "
                "accepted: norm='linf' and clip=False"
            )
        self.attack, self.model = attack, model

    @property
    def norm(self) -> str:
        return self.attack.norm

    @property
    def batch_size(self) -> int:
        return self.attack.batch_size

    @property
    def temperature(self) -> float:
        return self.attack.temperature

    @property
    def climbs(self) -> str | None:
        return self.attack.climbs

    def most_evaluations(
        self, epsilons: int, classes: int, image_shape: tuple[int, ...]
    ) -> Evaluations:
        return self.attack.most_evaluations(epsilons, classes, image_shape)

    def sweep_task(
        self, task: Task, epsilons: Sequence[float], progress: Progress | None = None
    ) -> list[AttackResult]:
        """As `attack` does it, but for the units; the model of `task` is not attacked.

        Args:
            task: the model in pixels, images in pixels, and what to attack them for.
            epsilons: distances of standardised images, as the step size of the attack is.
            progress: called with (images done, images in all).

        Returns:
            One result per epsilon: images and distances in pixels, `epsilon` as it was asked for.
        """
        standardised = task.of_images(self.model, task.images / _SCALE)
        attack: Any = self.attack  # a dataclass, as all attacks are
        if getattr(attack, "step_size", None):
            attack = replace(attack, step_size=_SMALLEST * attack.step_size)
        results = attack.sweep_task(
            standardised, [_SMALLEST * epsilon for epsilon in epsilons], progress
        )
        return [
            self._in_pixels(result, task.images, epsilon)
            for result, epsilon in zip(results, epsilons, strict=True)
        ]

    @staticmethod
    def _in_pixels(result: AttackResult, images: np.ndarray, epsilon: float) -> AttackResult:
        # Added to the image, so that what did not move is exactly the image.
        moved = (result.images - result.originals) * _SCALE
        return replace(result, images=images + moved, originals=images, epsilon=epsilon)

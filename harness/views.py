"""A network as the attacks of its arms see it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import models
from attacks import as_logits
from attacks.units import BetweenStandardised, standardised_input
from defenses import defended
from harness.arms import Arm, Training, View
from models import with_softmax, with_temperature


class Views:
    """One trained network through every output, defense and unit that its arms ask for.

    What was built is kept, because a new model would be compiled anew. For the same reason the
    weights of another training of the same network are loaded into the same model.
    """

    def __init__(self, training: Training, checkpoint: Path):
        self.training = training
        self.network = models.load_checkpoint(checkpoint)
        self._built: dict[tuple, Any] = {}

    def takes(self, training: Training) -> bool:
        """Whether the network of a training differs from this one in its weights alone."""
        return _architecture(training) == _architecture(self.training)

    def load(self, training: Training, checkpoint: Path) -> None:
        """From now on this is the network of another training that it `takes`."""
        models.load_weights(self.network, checkpoint)
        self.training = training

    def seen(self, arm: Arm) -> tuple[Any, Any]:
        """The model and the attack of an arm, or the plan of its patch."""
        if arm.view not in tuple(View):
            raise ValueError(f"view is {arm.view!r}; accepted: {', '.join(View)}")
        attack: Any = arm.attack
        view = arm.view
        if view == View.LOGITS_OVER_T:  # the attack divides them
            attack, view = replace(attack, temperature=self.training.temperature), View.LOGITS
        key = view, arm.applied, self.training.temperature if view == View.SOFTMAX_AT_T else None
        model = self._kept(key, self._build, view, arm.applied)
        if arm.units == "standardised":
            standardised = self._kept((*key, arm.units), standardised_input, model)
            attack = BetweenStandardised(attack, standardised)
        return model, attack

    def _build(self, view: View, applied: tuple[Any, ...]) -> Any:
        network = defended(self.network, applied)
        if view == View.LOGITS:
            return network
        if view == View.SOFTMAX_AT_T:
            network = with_temperature(network, self.training.temperature)
        return as_logits(with_softmax(network))

    def _kept(self, key: tuple, build: Callable[..., Any], *arguments: Any) -> Any:
        if key not in self._built:
            self._built[key] = build(*arguments)
        return self._built[key]


def _architecture(training: Training) -> tuple:
    """All that decides the layers of a network: its arguments, the classes and the image shape."""
    return training.network, training.dataset, training.split

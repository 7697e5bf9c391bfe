"""A network as the attacks of its arms see it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras

from attacks import as_logits
from attacks.units import BetweenStandardised, standardised_input
from defenses import defended
from harness.arms import Arm, Training, View
from models import with_softmax, with_temperature


class Views:
    """One trained network through every output, defense and unit that its arms ask for.

    What was built is kept, because a new model would be compiled anew.
    """

    def __init__(self, training: Training, network: keras.Model):
        self.training = training
        self.network = network
        self._built: dict[tuple, Any] = {}

    def seen(self, arm: Arm) -> tuple[Any, Any]:
        """The model and the attack of an arm, or the plan of its patch."""
        if arm.view not in tuple(View):
            raise ValueError(f"view is {arm.view!r}; accepted: {', '.join(View)}")
        attack: Any = arm.attack
        view = arm.view
        if view == View.LOGITS_OVER_T:  # the attack divides them
            attack, view = replace(attack, temperature=self.training.temperature), View.LOGITS
        model = self._model(view, arm.applied)
        if arm.units == "standardised":
            standardised = self._kept((view, arm.applied, arm.units), standardised_input, model)
            attack = BetweenStandardised(attack, standardised)
        return model, attack

    def _model(self, view: View, applied: tuple[Any, ...]) -> Any:
        if not applied and view == View.LOGITS:
            return self.network
        return self._kept((view, applied), self._build, view, applied)

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

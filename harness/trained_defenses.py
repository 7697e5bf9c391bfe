"""Defenses that are trained, as words of a study: what each changes in a plain training."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import keras
import numpy as np

import defenses
from attacks import BudgetAttack, Journal
from attacks.engine.attack import Evaluations
from attacks.engine.minimum_norm import MinimumNormAttack
from attacks.engine.task import Progress
from harness.recipe import Recipe

Examples = tuple[np.ndarray, np.ndarray]


class TrainedDefense:
    """What a trained defense changes; nothing, unless a subclass says so.

    Subclasses are frozen data whose fields are part of what determines the trained weights.
    """

    #: Called with a network, the fields and a seed, to train it; `None` for Keras alone.
    trained_by: ClassVar[type[keras.Model] | None] = None

    @property
    def name(self) -> str:
        raise NotImplementedError

    def most_evaluations(self, classes: int, image_shape: tuple[int, ...]) -> Evaluations:
        """The most passes for one image of one epoch, besides those of a plain training."""
        return Evaluations(gradients=0, forwards=0)

    def training_set(
        self,
        source: keras.Model | None,
        examples: Examples,
        progress: Progress,
        journal: Journal | None = None,
    ) -> Examples:
        """What is trained on instead of images float32 [N, ...] and labels int [N].

        Args:
            source: the network of `Training.crafted_on`, `None` where there is none.
            progress: called with (images done, images in all).
            journal: keeps what is crafted.
        """
        return examples

    def optimizer(self, recipe: Recipe, steps: int, seed: int) -> keras.optimizers.Optimizer:
        """For epochs of so many steps."""
        return recipe.build_optimizer(steps)

    def trainer(self, network: keras.Model, seed: int) -> keras.Model:
        """What is compiled with a loss of logits and fitted, so that `network` is trained."""
        if self.trained_by is None:
            return keras.Model(network.inputs, network.outputs)
        return self.trained_by(network, **vars(self), seed=seed)


@dataclass(frozen=True)
class PGDTraining(TrainedDefense):
    """See `defenses.AdversarialTrainer`."""

    epsilon: float
    steps: int = 10
    step_size: float | None = None
    name = "PGD training"

    def most_evaluations(self, classes: int, image_shape: tuple[int, ...]) -> Evaluations:
        return Evaluations(gradients=self.steps, forwards=0)

    trained_by: ClassVar[type[keras.Model] | None] = defenses.AdversarialTrainer


@dataclass(frozen=True)
class Trades(PGDTraining):
    """See `defenses.TradesTrainer`."""

    beta: float = 6.0
    name = "TRADES"

    def most_evaluations(self, classes: int, image_shape: tuple[int, ...]) -> Evaluations:
        # The clean images are trained on as well, and classified once to start from.
        return Evaluations(gradients=self.steps + 2, forwards=1)

    trained_by = defenses.TradesTrainer


@dataclass(frozen=True)
class StaticSet(TrainedDefense):
    """See `defenses.static_set`; the examples are made on the network of `Training.crafted_on`."""

    attack: BudgetAttack
    epsilons: tuple[float, ...]

    predicted_labels: ClassVar[bool] = False

    @property
    def name(self) -> str:
        return f"{type(self.attack).__name__} set"

    def training_set(
        self,
        source: keras.Model | None,
        examples: Examples,
        progress: Progress,
        journal: Journal | None = None,
    ) -> Examples:
        if source is None:
            raise ValueError("crafted_on is None; accepted for a static set: a training")
        return defenses.static_set(
            source,
            *examples,
            self.attack,
            self.epsilons,
            predicted_labels=self.predicted_labels,
            progress=progress,
            journal=journal,
        )


@dataclass(frozen=True)
class StaticSetOfPredictions(StaticSet):
    """The same, with examples that move away from what the network predicts."""

    predicted_labels = True

    @property
    def name(self) -> str:
        return f"{super().name} of predictions"


@dataclass(frozen=True)
class RandomAttacks(TrainedDefense):
    """See `defenses.RandomAttackTrainer`; pairs of an attack and an epsilon or `None`."""

    attacks: tuple[tuple[BudgetAttack | MinimumNormAttack, float | None], ...]
    name = "random attacks"

    def most_evaluations(self, classes: int, image_shape: tuple[int, ...]) -> Evaluations:
        each = [attack.most_evaluations(1, classes, image_shape) for attack, _ in self.attacks]
        return max(each, key=lambda evaluations: evaluations.passes)

    trained_by = defenses.RandomAttackTrainer


@dataclass(frozen=True)
class NoisyUpdates(TrainedDefense):
    """See `defenses.NoisyUpdateAdam`, in place of the recipe's Adam."""

    scale: float
    name = "noisy updates"

    def optimizer(self, recipe: Recipe, steps: int, seed: int) -> keras.optimizers.Optimizer:
        if recipe.optimizer != "Adam" or recipe.schedule != "constant":
            raise ValueError(
                f"recipe is {recipe}; accepted for noisy updates: Adam at a constant rate"
            )
        return recipe.build_optimizer(steps, partial(defenses.NoisyUpdateAdam, self.scale, seed))

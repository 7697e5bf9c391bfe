"""Defenses that are trained, as words of a study: what each changes in a plain training."""

from dataclasses import dataclass

import keras
import numpy as np

import defenses
from attacks import BudgetAttack
from attacks.engine.minimum_norm import MinimumNormAttack
from attacks.engine.task import Progress
from harness.recipe import Recipe

Examples = tuple[np.ndarray, np.ndarray]


class TrainedDefense:
    """What a trained defense changes; nothing, unless a subclass says so.

    Subclasses are frozen data whose fields are part of what determines the trained weights.
    """

    @property
    def name(self) -> str:
        raise NotImplementedError

    def training_set(
        self, source: keras.Model | None, examples: Examples, progress: Progress
    ) -> Examples:
        """What is trained on instead of images float32 [N, ...] and labels int [N].

        Args:
            source: the network of `Training.crafted_on`, `None` where there is none.
            progress: called with (images done, images in all).
        """
        return examples

    def optimizer(self, recipe: Recipe, steps: int, seed: int) -> keras.optimizers.Optimizer:
        """For epochs of so many steps."""
        return recipe.build_optimizer(steps)

    def trainer(self, network: keras.Model, seed: int) -> keras.Model:
        """What is compiled with a loss of logits and fitted, so that `network` is trained."""
        return keras.Model(network.inputs, network.outputs)


@dataclass(frozen=True)
class PGDTraining(TrainedDefense):
    """See `defenses.AdversarialTrainer`."""

    epsilon: float
    steps: int = 10
    step_size: float | None = None
    name = "PGD training"

    def trainer(self, network: keras.Model, seed: int) -> keras.Model:
        return defenses.AdversarialTrainer(
            network, self.epsilon, self.steps, self.step_size, seed=seed
        )


@dataclass(frozen=True)
class Trades(TrainedDefense):
    """See `defenses.TradesTrainer`."""

    epsilon: float
    steps: int = 10
    step_size: float | None = None
    beta: float = 6.0
    name = "TRADES"

    def trainer(self, network: keras.Model, seed: int) -> keras.Model:
        return defenses.TradesTrainer(
            network, self.epsilon, self.steps, self.step_size, beta=self.beta, seed=seed
        )


@dataclass(frozen=True)
class StaticSet(TrainedDefense):
    """See `defenses.static_set`; the examples are made on the network of `Training.crafted_on`."""

    attack: BudgetAttack
    epsilons: tuple[float, ...]

    @property
    def name(self) -> str:
        return f"{type(self.attack).__name__} set"

    def training_set(
        self, source: keras.Model | None, examples: Examples, progress: Progress
    ) -> Examples:
        if source is None:
            raise ValueError("crafted_on is None; accepted for a static set: a training")
        return defenses.static_set(source, *examples, self.attack, self.epsilons, progress=progress)


@dataclass(frozen=True)
class RandomAttacks(TrainedDefense):
    """See `defenses.RandomAttackTrainer`; pairs of an attack and an epsilon or `None`."""

    attacks: tuple[tuple[BudgetAttack | MinimumNormAttack, float | None], ...]
    name = "random attacks"

    def trainer(self, network: keras.Model, seed: int) -> keras.Model:
        return defenses.RandomAttackTrainer(network, self.attacks, seed=seed)


@dataclass(frozen=True)
class NoisyUpdates(TrainedDefense):
    """See `defenses.NoisyUpdateAdam`, in place of the recipe's Adam."""

    scale: float
    name = "noisy updates"

    def optimizer(self, recipe: Recipe, steps: int, seed: int) -> keras.optimizers.Optimizer:
        if recipe.optimizer != "Adam" or recipe.decay or recipe.halve_every:
            raise ValueError(
                f"recipe is {recipe}; accepted for noisy updates: Adam without decay or halve_every"
            )
        return defenses.NoisyUpdateAdam(
            self.scale,
            seed,
            learning_rate=recipe.learning_rate,
            beta_1=recipe.beta_1,
            beta_2=recipe.beta_2,
            epsilon=recipe.epsilon,
            amsgrad=recipe.amsgrad,
        )

"""How one network is trained: optimiser, learning rate, length."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import models


@dataclass(frozen=True)
class Recipe:
    """Optimiser and length of one training, as a table of a study prints it.

    Attributes:
        optimizer: "SGD" or "Adam".
        epochs: 0 for a network that is used as it is built, with pre-trained weights.
        decay: the old Keras form, learning_rate / (1 + decay x updates).
        halve_every: epochs after which the learning rate is halved, again and again; 0: never.
        patience: epochs without a lower validation loss that are borne; after one more the
            learning rate is multiplied by `plateau_factor`, again and again; 0: never.
        warm_up: epochs in which the learning rate rises from 0, update by update.
        cosine: whether it falls to 0 along half a cosine (Loshchilov and Hutter, "SGDR: Stochastic
            Gradient Descent with Warm Restarts", 2016, arXiv 1608.03983), from the warm-up to the
            last epoch.
        weight_decay: L2 coefficient of the network's layers.
        keep: the epoch whose network is kept, one of `models.KEEP`.
        batch_norm_momentum: of the moving averages of batch normalisation; `None` for the
            network's own. MobileNetV2's 0.999 takes thousands of updates to forget ImageNet's
            images, with whose averages the network is evaluated until then.
    """

    optimizer: str
    learning_rate: float
    batch_size: int
    epochs: int
    decay: float = 0.0
    momentum: float = 0.0
    nesterov: bool = False
    beta_1: float = 0.9
    beta_2: float = 0.999
    amsgrad: bool = False
    epsilon: float = 1e-7
    warm_up: float = 0.0
    cosine: bool = False
    weight_decay: float = 0.0
    halve_every: int = 0
    patience: int = 0
    plateau_factor: float = 0.1
    keep: str = "best accuracy"
    batch_norm_momentum: float | None = None

    def __post_init__(self) -> None:
        if self.keep not in models.KEEP:
            raise ValueError(f"keep is {self.keep!r}; accepted: {', '.join(models.KEEP)}")
        if self.patience and (self.decay or self.halve_every):
            raise ValueError(
                f"patience is {self.patience} with decay {self.decay} and halve_every "
                f"{self.halve_every}; accepted: one way of lowering the learning rate"
            )
        if self.batch_norm_momentum is not None and not 0 <= self.batch_norm_momentum < 1:
            raise ValueError(
                f"batch_norm_momentum is {self.batch_norm_momentum}; accepted: 0 to 1, without 1, "
                "or None"
            )
        if not 0 <= self.warm_up <= self.epochs:
            raise ValueError(f"warm_up is {self.warm_up}; accepted: 0 to the {self.epochs} epochs")
        if (self.cosine or self.warm_up) and (self.decay or self.halve_every or self.patience):
            raise ValueError(
                f"cosine is {self.cosine} and warm_up {self.warm_up} with decay {self.decay}, "
                f"halve_every {self.halve_every} and patience {self.patience}; accepted: a warm-up "
                "and a cosine, or the others"
            )

    def build_optimizer(
        self, steps_per_epoch: int, adam: Callable[..., Any] = keras.optimizers.Adam
    ) -> keras.optimizers.Optimizer:
        rate = self.learning_rate
        if self.cosine or self.warm_up:
            updates = self.epochs * steps_per_epoch if self.cosine else 0
            rate = WarmUpAndCosine(rate, round(self.warm_up * steps_per_epoch), updates)
        elif self.decay or self.halve_every:
            rate = DecayAndHalve(rate, self.decay, self.halve_every * steps_per_epoch)
        if self.optimizer == "SGD":
            return keras.optimizers.SGD(rate, momentum=self.momentum, nesterov=self.nesterov)
        if self.optimizer == "Adam":
            settings = {"beta_1": self.beta_1, "beta_2": self.beta_2, "amsgrad": self.amsgrad}
            return adam(learning_rate=rate, epsilon=self.epsilon, **settings)
        raise ValueError(f"optimizer is {self.optimizer!r}; accepted: 'SGD', 'Adam'")

    def set_momentum(self, network: keras.Model) -> None:
        """Gives the batch normalisations of a network, not yet trained, their momentum."""
        if self.batch_norm_momentum is not None:
            for layer in network.layers:
                if isinstance(layer, keras.layers.BatchNormalization):
                    layer.momentum = self.batch_norm_momentum

    @property
    def schedule(self) -> str:
        """What becomes of the learning rate, in words."""
        words = {
            f"warm-up over {self.warm_up:g} epoch{'s' * (self.warm_up != 1)}": self.warm_up,
            "cosine decay to 0": self.cosine,
            f"decay by {self.decay:g} per update": self.decay,
            f"halved every {self.halve_every} epochs": self.halve_every,
            f"times {self.plateau_factor:g} on a plateau": self.patience,
        }
        return ", ".join(each for each, is_there in words.items() if is_there) or "constant"


@keras.saving.register_keras_serializable("studies")
class DecayAndHalve(keras.optimizers.schedules.LearningRateSchedule):
    """rate / (1 + decay x step), halved after every `halve_every` steps (0: never)."""

    def __init__(self, rate: float, decay: float, halve_every: int):
        self.rate, self.decay, self.halve_every = rate, decay, halve_every

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        step = tf.cast(step, tf.float32)
        rate = self.rate / (1.0 + self.decay * step)
        if self.halve_every:
            rate *= 0.5 ** tf.floor(step / self.halve_every)
        return rate

    def get_config(self) -> dict[str, Any]:
        return {"rate": self.rate, "decay": self.decay, "halve_every": self.halve_every}


@keras.saving.register_keras_serializable("studies")
class WarmUpAndCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Rises to `rate` in the first `warm_up` updates, then falls to 0 at update `updates`.

    With `updates` 0 it stays at `rate`.
    """

    def __init__(self, rate: float, warm_up: int, updates: int):
        self.rate, self.warm_up, self.updates = rate, warm_up, updates

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        step = tf.cast(step, tf.float32)
        rate = self.rate * tf.minimum(1.0, (step + 1) / max(1, self.warm_up))
        if self.updates:
            share = (step - self.warm_up) / max(1, self.updates - self.warm_up)
            rate *= (1 + tf.cos(np.pi * tf.clip_by_value(share, 0.0, 1.0))) / 2
        return rate

    def get_config(self) -> dict[str, Any]:
        return {"rate": self.rate, "warm_up": self.warm_up, "updates": self.updates}

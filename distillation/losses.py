"""Losses that the distillation procedures need and Keras does not have."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="distillation")
class OpaqueCategoricalCrossentropy(keras.losses.CategoricalCrossentropy):
    """Categorical cross-entropy of exactly the tensor it is given.

    Keras recognises an output that comes from a softmax and computes the loss from the logits
    before it, even with `from_logits=True`. Older versions of Keras took the probabilities for
    logits, and this loss does so too. With K classes it cannot fall below ln(1 + (K - 1) / e).
    """

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        return super().call(y_true, tf.identity(y_pred))

    def get_config(self) -> dict:
        return super().get_config() | {"dtype": self.dtype}


@keras.saving.register_keras_serializable(package="distillation")
class SoftenedCategoricalCrossentropy(keras.losses.CategoricalCrossentropy):
    """Categorical cross-entropy of softmax(logits / T).

    Args:
        temperature: T, above 0.
    """

    def __init__(
        self,
        temperature: float,
        name: str = "softened_categorical_crossentropy",
        **kwargs: Any,
    ) -> None:
        super().__init__(from_logits=True, name=name, **kwargs)
        self.temperature = temperature

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        return super().call(y_true, y_pred / self.temperature)

    def get_config(self) -> dict:
        config = super().get_config() | {"temperature": self.temperature, "dtype": self.dtype}
        del config["from_logits"]
        return config


@keras.saving.register_keras_serializable(package="distillation")
class SquaredTemperatureKLDivergence(keras.losses.KLDivergence):
    """KL divergence times T squared.

    The gradient of the divergence of two softmaxes at temperature T shrinks like 1 / T^2; the
    factor keeps its weight against the hard-label loss (Hinton, Vinyals and Dean, "Distilling
    the Knowledge in a Neural Network", 2015, arXiv 1503.02531, section 2).

    Args:
        temperature: T of the softmaxes that are compared.
    """

    def __init__(
        self,
        temperature: float,
        name: str = "squared_temperature_kl_divergence",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.temperature = temperature

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        return self.temperature**2 * super().call(y_true, y_pred)

    def get_config(self) -> dict:
        return super().get_config() | {"temperature": self.temperature, "dtype": self.dtype}

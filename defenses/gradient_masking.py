"""Gradient masking: Gaussian noise, in the three places where it can have stood.

The WPI study adds it to "the gradients", G' = G + eps N(0, 1), without training, and finds that
clean accuracy falls, which noise on a gradient alone cannot cause. So there are three readings:
`with_noisy_gradient`, on the gradient that the attacker sees; `fine_tune_with_noisy_updates`, on
the gradient that updates the weights; `with_noisy_logits`, on the output in the forward pass.

Noise with a mean of zero is averaged away by any iterative attack. An attacker who takes the
expectation over it (Athalye, Engstrom, Ilyas and Kwok, "Synthesizing Robust Adversarial Examples",
2018, arXiv 1707.07397) gets the same by a larger `draws`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import keras
import tensorflow as tf

from attacks.engine.task import check_images
from data import training_batches
from data.pipeline import steps_per_epoch
from defenses.arguments import check_whole, image_input
from defenses.keyed_noise import content_keys, keyed_noise
from distillation.arguments import check_is_array, check_network, check_probe, class_labels
from distillation.network_trainer import with_loss_scale
from models.outputs import check_is_graph


def with_noisy_gradient(
    model: keras.Model, scale: float, seed: int = 0, draws: int = 1
) -> keras.Model:
    """`model` with noise on the gradient with respect to its images; its outputs are the same.

    Every image and every gradient of it has noise of its own, determined by the image (to 1 / 2^16
    of its range), by the gradient's signs and by `seed`, so that it does not depend on the batch.
    Layers are shared with `model`, which stays as it was; to load a saved model, import `defenses`.

    Args:
        scale: standard deviation, in the unit of the gradient: that of what the attack
            differentiates (for cross-entropy, the loss of one image) per pixel of range [0, 1].
        draws: of noise that are averaged.

    Raises:
        ValueError: naming the argument, its value and what is accepted.
    """
    check_network("model", model)
    images = image_input(model)
    noisy = NoisyGradient(scale, seed, draws, name="noisy_gradient")(images)
    return keras.Model(images, model(noisy), name=f"masked_{model.name}")


def with_noisy_logits(
    model: keras.Model, scale: float, seed: int = 0, draws: int = 1
) -> keras.Model:
    """`model` with noise on its logits, in training and in inference alike.

    Every image has noise of its own, determined by the image (to 1 / 2^16 of its range) and by
    `seed`: asked again it gives the same logits, and a changed image gets other noise. The noise
    has no gradient. Layers are shared with `model`, which stays as it was; to load a saved model,
    import `defenses`.

    Args:
        scale: standard deviation, in the unit of the logits.
        draws: of noise that are averaged; for the attacker's model, 1 for the defended one.

    Raises:
        ValueError: naming the argument, its value and what is accepted.
    """
    check_network("model", model)
    images = image_input(model)
    noisy = NoisyLogits(scale, seed, draws, name="noisy_logits")([images, model(images)])
    return keras.Model(images, noisy, name=f"masked_{model.name}")


#: The readings that need no training.
READINGS: dict[str, Callable[..., keras.Model]] = {
    "gradient seen by the attacker": with_noisy_gradient,
    "logits": with_noisy_logits,
}


@dataclass(frozen=True)
class GradientMasking:
    """Noise in front of or behind a trained network, as one of the defenses of a study.

    Attributes:
        reading: "gradient seen by the attacker" (`with_noisy_gradient`) or "logits"
            (`with_noisy_logits`).
        scale: standard deviation of the noise, in the unit of what it is added to.
        seed: of the noise.
    """

    reading: str
    scale: float
    seed: int = 0

    def __post_init__(self):
        if self.reading not in READINGS:
            raise ValueError(
                f"reading is {self.reading!r}; accepted: {', '.join(map(repr, READINGS))}"
            )
        _checked_scale(self.scale)
        check_whole("seed", self.seed, lowest=0)

    @property
    def name(self) -> str:
        return f"gradient masking ({self.reading}, scale {self.scale:g})"

    def in_front(self, model: keras.Model) -> keras.Model:
        """`model` with the noise; to load it when saved, import `defenses`.

        Raises:
            ValueError: `model` is not functional or built sequential, or does not take images
                [N, height, width, channels] of a known size.
        """
        return READINGS[self.reading](model, self.scale, self.seed)


def fine_tune_with_noisy_updates(
    model: keras.Model,
    images,
    labels,
    scale: float,
    *,
    epochs: int = 1,
    batch_size: int = 128,
    learning_rate: float = 0.001,
    seed: int = 0,
    verbose: int = 0,
) -> keras.Model:
    """A copy of the trained `model` (logits), trained on with noise in every weight's gradient.

    Args:
        images: float32 [N, height, width, channels] in [0, 1].
        labels: int [N] or [N, 1].
        scale: standard deviation, in the unit of the gradient of the batch's mean loss.
        learning_rate: of Adam, which divides by the gradient's size: noise that outweighs the
            gradient moves each weight at random by about this much.
        seed: of the noise, the order of the images, and dropout.

    Raises:
        ValueError: naming the argument, its value and what is accepted.
    """
    check_network("model", model)
    check_is_graph(model)
    check_is_array("images", images)
    images = check_images(images)
    check_probe("model", model, images)
    labels = class_labels("labels", labels, model.output_shape[-1])
    check_whole("epochs", epochs, lowest=1)
    optimizer = NoisyUpdateAdam(scale, seed, learning_rate=learning_rate)
    keras.utils.set_random_seed(seed)
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    # Compiled in a model around it, so that the copy stays without optimizer and loss.
    trainer = keras.Model(copy.inputs, copy.outputs)
    trainer.compile(
        with_loss_scale(optimizer, copy),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    trainer.fit(
        training_batches(images, labels, batch_size, seed=seed),
        epochs=epochs,
        steps_per_epoch=steps_per_epoch(len(images), batch_size),
        shuffle=False,  # the batches are shuffled already
        verbose=verbose,
    )
    return copy


@keras.saving.register_keras_serializable(package="defenses")
class NoisyUpdateAdam(keras.optimizers.Adam):
    """Adam on gradients with Gaussian noise, one draw for each weight, update and `seed`.

    Args:
        scale: standard deviation of the noise, in the unit of the gradient.
    """

    def __init__(self, scale: float, seed: int = 0, name: str = "noisy_update_adam", **kwargs):
        super().__init__(name=name, **kwargs)
        self.scale = _checked_scale(scale)
        check_whole("seed", seed, lowest=0)
        self.seed = seed

    def apply(self, grads, trainable_variables=None):
        step = tf.cast(self.iterations, tf.int32)
        seeds = tf.random.split(tf.random.fold_in([self.seed, 0], step), len(grads))
        noisy = [
            self._with_noise(gradient, seed) for gradient, seed in zip(grads, tf.unstack(seeds))
        ]
        return super().apply(noisy, trainable_variables)

    def _with_noise(self, gradient: tf.Tensor | None, seed: tf.Tensor) -> tf.Tensor | None:
        if gradient is None:  # a weight that the loss does not depend on
            return None
        gradient = tf.convert_to_tensor(gradient)
        noise = tf.random.stateless_normal(tf.shape(gradient), seed, dtype=gradient.dtype)
        # The gradients of all replicas are summed, and their noise is the same.
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return gradient + self.scale / replicas * noise

    def get_config(self) -> dict:
        return super().get_config() | {"scale": self.scale, "seed": self.seed}


class _Noisy(keras.layers.Layer):
    def __init__(self, scale: float, seed: int = 0, draws: int = 1, **kwargs):
        super().__init__(autocast=False, **kwargs)
        # Under XLA the same seed gives other draws: attack and evaluation would differ.
        self.supports_jit = False
        self.scale = _checked_scale(scale)
        check_whole("seed", seed, lowest=0)
        check_whole("draws", draws, lowest=1)
        self.seed = seed
        self.draws = draws

    def noise(self, like: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
        return self.scale * keyed_noise(like, keys, self.seed, self.draws)

    def get_config(self) -> dict:
        return super().get_config() | {
            "scale": self.scale,
            "seed": self.seed,
            "draws": self.draws,
        }


@keras.saving.register_keras_serializable(package="defenses")
class NoisyGradient(_Noisy):
    """The identity, with noise on the gradient that comes back; see `with_noisy_gradient`."""

    def call(self, images: tf.Tensor) -> tf.Tensor:
        @tf.custom_gradient
        def identity(images):
            def gradient(upstream):
                # The signs tell the gradients of different classes at one image apart.
                keys = content_keys(images) ^ content_keys(tf.sign(upstream))
                return upstream + self.noise(upstream, keys)

            return tf.identity(images), gradient

        return identity(images)


@keras.saving.register_keras_serializable(package="defenses")
class NoisyLogits(_Noisy):
    """Logits with noise that the images decide; see `with_noisy_logits`."""

    def call(self, images_and_logits: list[tf.Tensor]) -> tf.Tensor:
        images, logits = images_and_logits
        return logits + tf.stop_gradient(self.noise(logits, content_keys(images)))

    def compute_output_shape(self, input_shape: list[tuple]) -> tuple:
        return tuple(input_shape[1])


def _checked_scale(scale: float) -> float:
    if not (math.isfinite(scale) and scale >= 0):
        raise ValueError(f"scale is {scale!r}; accepted: a finite number, 0 or more")
    return float(scale)

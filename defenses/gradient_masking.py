"""Gradient masking: Gaussian noise on gradients or logits, in three readings of the WPI study.

The study adds noise to "the gradients", G' = G + eps N(0, 1), without training, and reports that
clean accuracy falls, which noise on a gradient alone cannot cause. It may mean the gradient that
the attacker sees (`with_noisy_gradient`), the gradient that updates the weights
(`fine_tune_with_noisy_updates`), or the output of the forward pass (`with_noisy_logits`).

Noise with a mean of zero is averaged away by any iterative attack. An attacker who takes the
expectation over it (Athalye, Engstrom, Ilyas and Kwok, "Synthesizing Robust Adversarial Examples",
2018, arXiv 1707.07397) does so with a larger `draws`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import tensorflow as tf

from attacks.engine.checks import check_images
from data import steps_per_epoch, training_batches
from defenses.arguments import image_input
from defenses.keyed_noise import content_keys, keyed_noise
from distillation.arguments import check_is_array, check_network, check_probe, class_labels
from distillation.network_trainer import build_optimizer, computes_in_half, with_loss_scale
from models.outputs import check_is_graph
from models.ranges import check_number, check_whole


def with_noisy_gradient(
    model: keras.Model, scale: float, seed: int = 0, draws: int = 1
) -> keras.Model:
    """A model with noise on the gradient with respect to its images, and the outputs of `model`.

    Each gradient of each image has its own noise, which depends on the image (to 1 / 2^16 of its
    range), on the signs of the gradient and on `seed`, and not on the batch. Layers are shared with
    `model`, which stays as it was. To load a saved model, import `defenses`.

    Args:
        model: functional or built sequential, from images [N, height, width, channels] of a known
            size to logits.
        scale: standard deviation, in the unit of the gradient: change of what the attack
            differentiates (for cross-entropy, the loss of one image) per pixel of range [0, 1].
        seed: of the noise.
        draws: draws of noise that are averaged.

    Raises:
        ValueError: naming the argument, its value and what is accepted.
    """
    check_network("model", model)
    _check_not_in_half(model)
    images = image_input(model)
    noisy = NoisyGradient(scale, seed, draws, name="noisy_gradient")(images)
    return keras.Model(images, model(noisy), name=f"masked_{model.name}")


def with_noisy_logits(
    model: keras.Model, scale: float, seed: int = 0, draws: int = 1
) -> keras.Model:
    """A model with noise on the logits of `model`, in training and in inference.

    Each image has its own noise, which depends on the image (to 1 / 2^16 of its range) and on
    `seed`: the same image always gets the same logits, and a changed image gets other noise. The
    noise has no gradient. Layers are shared with `model`, which stays as it was. To load a saved
    model, import `defenses`.

    Args:
        model: as for `with_noisy_gradient`.
        scale: standard deviation, in the unit of the logits.
        seed: of the noise.
        draws: draws of noise that are averaged. A defended model has 1; an attacker's copy of it
            may have more.

    Raises:
        ValueError: naming the argument, its value and what is accepted.
    """
    check_network("model", model)
    images = image_input(model)
    noisy = NoisyLogits(scale, seed, draws, name="noisy_logits")([images, model(images)])
    return keras.Model(images, noisy, name=f"masked_{model.name}")


def _check_not_in_half(model: keras.Model) -> None:
    """Attacks scale the gradient on its way through float16, and noise would be scaled with it."""
    if computes_in_half(model):
        raise ValueError(
            f"model {model.name!r} computes in float16; accepted: one in float32 or bfloat16"
        )


#: The readings that need no training.
READINGS: dict[str, Callable[..., keras.Model]] = {
    "gradient seen by the attacker": with_noisy_gradient,
    "logits": with_noisy_logits,
}


@dataclass(frozen=True)
class GradientMasking:
    """Noise on the gradient or the logits of a trained network.

    Attributes:
        reading: "gradient seen by the attacker" (`with_noisy_gradient`) or "logits"
            (`with_noisy_logits`).
        scale: standard deviation of the noise, in the unit of what it is added to.
        seed: of the noise.

    Raises:
        ValueError: naming the attribute, its value and what is accepted.
    """

    reading: str
    scale: float
    seed: int = 0

    def __post_init__(self):
        if self.reading not in READINGS:
            raise ValueError(
                f"reading is {self.reading!r}; accepted: {', '.join(map(repr, READINGS))}"
            )
        check_number(least=0, scale=self.scale)
        check_whole(least=0, seed=self.seed)

    @property
    def name(self) -> str:
        return f"gradient masking ({self.reading}, scale {self.scale:g})"

    def in_front(self, model: keras.Model) -> keras.Model:
        """A model that adds the noise to `model`. To load it when saved, import `defenses`.

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
    """A copy of a trained model, trained further with noise in the gradient of every weight.

    Args:
        model: functional or built sequential, to logits; it stays as it was.
        images: float32 [N, height, width, channels] in [0, 1].
        labels: int [N] or [N, 1].
        scale: standard deviation of the noise, in the unit of the gradient of the batch's mean
            loss.
        epochs: of further training.
        batch_size: images of a batch.
        learning_rate: of Adam. Its steps do not depend on the size of the gradient: where the noise
            outweighs the gradient, each weight moves at random by about this much.
        seed: of the noise, the order of the images, and dropout.
        verbose: as for `keras.Model.fit`.

    Raises:
        ValueError: naming the argument, its value and what is accepted.
    """
    check_network("model", model)
    check_is_graph(model)
    check_is_array("images", images)
    images = check_images(images)
    check_probe("model", model, images)
    labels = class_labels("labels", labels, model.output_shape[-1])
    check_whole(epochs=epochs)
    optimizer = NoisyUpdateAdam(scale, seed, learning_rate=learning_rate)
    keras.utils.set_random_seed(seed)
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    # Another model is compiled, so that the copy stays without optimizer and loss.
    trainer = keras.Model(copy.inputs, copy.outputs)
    trainer.compile(
        with_loss_scale(optimizer, copy),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    build_optimizer(trainer)
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
    """Adam on gradients with Gaussian noise, one draw for each weight and update.

    Args:
        scale: standard deviation of the noise, in the unit of the gradient.
        seed: of the noise.
        kwargs: of `keras.optimizers.Adam`.
    """

    def __init__(self, scale: float, seed: int = 0, name: str = "noisy_update_adam", **kwargs):
        super().__init__(name=name, **kwargs)
        check_number(least=0, scale=scale)
        self.scale = float(scale)
        check_whole(least=0, seed=seed)
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
        # All replicas draw the same noise, and their gradients are summed.
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return gradient + self.scale / replicas * noise

    def get_config(self) -> dict:
        return super().get_config() | {"scale": self.scale, "seed": self.seed}


class _Noisy(keras.layers.Layer):
    def __init__(self, scale: float, seed: int = 0, draws: int = 1, **kwargs):
        super().__init__(autocast=False, **kwargs)
        # XLA gives other draws for the same seed: attack and evaluation would differ.
        self.supports_jit = False
        check_number(least=0, scale=scale)
        self.scale = float(scale)
        check_whole(least=0, seed=seed)
        check_whole(draws=draws)
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
    """The identity, with noise on its gradient; see `with_noisy_gradient`."""

    def call(self, images: tf.Tensor) -> tf.Tensor:
        @tf.custom_gradient
        def identity(images):
            def gradient(upstream):
                # The signs differ between the gradients of different classes at one image.
                keys = content_keys(images) ^ content_keys(tf.sign(upstream))
                return upstream + self.noise(upstream, keys)

            return tf.identity(images), gradient

        return identity(images)


@keras.saving.register_keras_serializable(package="defenses")
class NoisyLogits(_Noisy):
    """Logits with noise that depends on the images; see `with_noisy_logits`."""

    def call(self, images_and_logits: list[tf.Tensor]) -> tf.Tensor:
        images, logits = images_and_logits
        return logits + tf.stop_gradient(self.noise(logits, content_keys(images)))

    def compute_output_shape(self, input_shape: list[tuple]) -> tuple:
        return tuple(input_shape[1])

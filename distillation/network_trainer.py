"""A model that trains another model."""

from typing import Any

import keras
import tensorflow as tf

from distillation.arguments import check_outputs, check_probe, images_to_probe


class NetworkTrainer(keras.Model):
    """A model around the one that it trains; only the latter is saved, as plain Keras.

    Where the trained model computes in float16, the loss is scaled, unless `auto_scale_loss` of
    `compile` is `False`. Labels [N, 1] reach loss and metrics as [N].

    Attributes:
        called: what an object is called in messages.
        trains: the attribute that holds the trained model.
    """

    called, trains = "trainer", "network"

    def compile(
        self,
        optimizer: str | keras.optimizers.Optimizer = "rmsprop",
        *args: Any,
        auto_scale_loss: bool = True,
        **kwargs: Any,
    ) -> None:
        if auto_scale_loss:
            optimizer = with_loss_scale(optimizer, self._trained())
        super().compile(optimizer, *args, auto_scale_loss=auto_scale_loss, **kwargs)

    def call(self, inputs: Any, training: bool | None = None) -> tf.Tensor:
        outputs = self._trained()(inputs, training=training)
        check_outputs(self.trains, outputs.shape)
        return outputs

    def fit(self, x: Any = None, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        with self.distribute_strategy.scope():
            self._check_networks(x)
        return super().fit(x, *args, **kwargs)

    def make_train_function(self, force: bool = False) -> Any:
        with self.distribute_strategy.scope():
            build_optimizer(self)
        return super().make_train_function(force)

    def train_step(self, data: Any) -> dict:
        return super().train_step(self._with_flat_labels(data))

    def test_step(self, data: Any) -> dict:
        return super().test_step(self._with_flat_labels(data))

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises NotImplementedError, which says how to save the trained model."""
        self.get_config()

    export = save

    def get_config(self) -> dict:
        what = f"{self.called}.{self.trains}"
        raise NotImplementedError(
            f"{type(self).__name__} itself cannot be saved; accepted: what it trains, for example "
            f"models.save({what}, path), {what}.export(path), or in the callbacks of fit "
            f"models.best_checkpoint(path, model={what})"
        )

    def _trained(self) -> keras.Model:
        return getattr(self, self.trains)

    def _check_networks(self, x: Any) -> None:
        """Judges the trained model by its outputs for images like those that `fit` was given."""
        images = images_to_probe(x)
        if images is not None:
            check_probe(self.trains, self._trained(), images)

    def _with_flat_labels(self, data: Any) -> tuple:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        # Compared with predictions [N], labels [N, 1] would broadcast to [N, N].
        if tf.is_tensor(y) and y.shape.rank == 2 and y.shape[1] == 1:
            y = tf.reshape(y, [-1])
        return keras.utils.pack_x_y_sample_weight(x, y, sample_weight)


def with_loss_scale(
    optimizer: str | keras.optimizers.Optimizer, network: keras.Model
) -> keras.optimizers.Optimizer:
    """`optimizer`, with its loss scaled where `network` computes in float16.

    Keras does this for a model whose own policy is mixed_float16, but not for a model around it.
    The gradient of a softened loss is so small that float16 would round much of it to zero.
    """
    optimizer = keras.optimizers.get(optimizer)
    if computes_in_half(network) and not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return keras.optimizers.LossScaleOptimizer(optimizer, name="loss_scale_optimizer")
    return optimizer


def build_optimizer(model: keras.Model) -> None:
    """Makes the variables of a compiled model's optimizer before its training step is traced.

    Made while it is traced, they would have TensorFlow trace it twice.
    """
    if model.trainable_variables:
        model.optimizer.build(model.trainable_variables)


def computes_in_half(network: keras.Model) -> bool:
    """Whether any layer computes in float16."""
    return any(layer.compute_dtype == "float16" for layer in network._flatten_layers())

"""Logs what each term of the distillation loss contributes."""

import keras
import numpy.typing as npt
import tensorflow as tf


class LossTermMonitor(keras.callbacks.Callback):
    """Adds the weighted loss terms and their gradient norms to the logs of every epoch.

    They are measured at the end of the epoch on one fixed batch, by `Distiller.term_gradients`.
    Put this callback before those that read the logs. On a model that is not a Distiller it does
    nothing. Under a `tf.distribute` strategy, call `fit` outside its scope.

    Args:
        images: float32 [N, ...].
        labels: in the form that the student loss takes.
    """

    def __init__(self, images: npt.ArrayLike, labels: npt.ArrayLike) -> None:
        super().__init__()
        self._batch = (tf.convert_to_tensor(images), tf.convert_to_tensor(labels))
        self._measure = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        measure = getattr(self.model, "term_gradients", None)
        self._measure = tf.function(measure) if measure else None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if self._measure and logs is not None:
            logs.update({name: float(v) for name, v in self._measure(*self._batch).items()})

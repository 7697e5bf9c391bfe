"""The Distiller: a student trained on labels and on the outputs of a teacher."""

import math
from typing import Any

import keras
import tensorflow as tf

from distillation.arguments import (
    check_network,
    check_probe,
    images_to_probe,
    static_output_shape,
)
from distillation.network_trainer import NetworkTrainer, computes_in_half
from models.ranges import check_number


class Distiller(NetworkTrainer):
    """Trains `student` on hard labels and on the softened outputs of `teacher`.

    The loss of a batch (x, y) is

        alpha * student_loss_fn(y, student(x))
        + (1 - alpha) * distillation_loss_fn(softmax(teacher(x) / T), softmax(student(x) / T))

    after Hinton, Vinyals and Dean, 2015, arXiv 1503.02531, without their factor T squared (pass
    a loss that is scaled by it if you want it). Only the student is trained and saved. The teacher
    runs in inference mode and is not a part of this model, so neither its variables nor its
    regularisation losses enter. `evaluate` gives the student loss and the metrics.

    Args:
        student, teacher: Keras models from images to logits [N, classes] of the same classes.
        softmax_outputs: whether the networks end in softmax, and their probabilities are softened
            as if they were logits, as the NTU study did.

    Raises:
        TypeError: a network that is no Keras model.
        ValueError: a network with one output, or, unless `softmax_outputs`, one that ends in
            softmax, sigmoid or the like. `fit` also judges by the outputs, for the first images of
            an array or for random images of a data set's shape.

    Example:
        distiller = Distiller(student, teacher)
        distiller.compile(
            optimizer=keras.optimizers.Adam(),
            metrics=[keras.metrics.SparseCategoricalAccuracy()],
            student_loss_fn=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            distillation_loss_fn=keras.losses.KLDivergence(),
            alpha=0.1,
            temperature=10,
        )
        distiller.fit(x_train, y_train, epochs=3)
        models.save(distiller.student, "student.h5")
    """

    called, trains = "distiller", "student"

    def __init__(
        self,
        student: keras.Model,
        teacher: keras.Model,
        softmax_outputs: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, network in (("student", student), ("teacher", teacher)):
            check_network(name, network, _OR_ELSE, accepts_softmax=softmax_outputs)
        shapes = [static_output_shape(model) for model in (student, teacher)]
        if None not in shapes:
            _check_same_classes(*shapes)
        self.softmax_outputs = softmax_outputs
        self.student = student
        # Past Keras' attribute tracking: the teacher stays the caller's alone.
        object.__setattr__(self, "teacher", teacher)
        self.built = student.built
        self._student_loss_tracker = keras.metrics.Mean(name="student_loss")
        self._distillation_loss_tracker = keras.metrics.Mean(name="distillation_loss")

    def compile(  # type: ignore[override]  # as users of the Keras example know it
        self,
        optimizer: str | keras.optimizers.Optimizer,
        metrics: list | None,
        student_loss_fn: keras.losses.Loss,
        distillation_loss_fn: keras.losses.Loss,
        alpha: float = 0.2,
        temperature: float = 20.0,
        student_regularization: bool = False,
        **kwargs: Any,
    ) -> None:
        """Configures the training.

        Args:
            optimizer, metrics: as for `keras.Model.compile`; metrics get (y, student output).
                Where the student computes in float16, the optimizer's loss is scaled.
            student_loss_fn: gets (y, student output).
            distillation_loss_fn: gets the softened outputs of teacher and student.
            alpha: weight of the student loss, 0 to 1. At 1 the teacher is not run.
            temperature: T, above 0.
            student_regularization: whether the student's own regularisation losses (weight
                decay) are added, once and not scaled by alpha.

        Raises:
            ValueError, TypeError: naming the argument, its value and what is accepted.
        """
        for name, loss in (
            ("student_loss_fn", student_loss_fn),
            ("distillation_loss_fn", distillation_loss_fn),
        ):
            if not isinstance(loss, keras.losses.Loss):
                raise TypeError(
                    f"{name} is {loss!r}; accepted: a keras.losses.Loss object "
                    "(its reduction is what stays right under tf.distribute)"
                )
        check_number(least=0, most=1, alpha=alpha)
        check_number(above=0, temperature=temperature)
        super().compile(optimizer=optimizer, metrics=metrics, **kwargs)
        self.student_loss_fn = student_loss_fn
        self.distillation_loss_fn = distillation_loss_fn
        self.alpha = float(alpha)
        self.temperature = float(temperature)
        self.student_regularization = student_regularization

    def __dir__(self) -> list[str]:
        # Keras saves and restores whatever `dir` finds.
        return [name for name in super().__dir__() if name != "teacher"]

    def train_step(self, data: Any) -> dict:
        logs = super().train_step(data)
        return _without_distillation_loss(logs) if self.alpha == 1 else logs

    def test_step(self, data: Any) -> dict:
        return _without_distillation_loss(super().test_step(data))

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tf.Tensor:
        _check_labels(self.student_loss_fn, y, y_pred)
        # The trackers average over images, whatever the batch size and the number of replicas.
        images = tf.shape(y_pred)[0]
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        student_loss, distillation_loss = self._terms(x, y, y_pred, sample_weight, training)
        self._student_loss_tracker.update_state(student_loss * replicas, images)
        if not training:
            return student_loss
        loss = self.alpha * student_loss
        if distillation_loss is not None:
            self._distillation_loss_tracker.update_state(distillation_loss * replicas, images)
            loss += (1 - self.alpha) * distillation_loss
        if self.student_regularization:
            # Keras gives each replica its share.
            loss += sum(self._aggregate_additional_loss(extra) for extra in self.losses)
        return loss

    def _get_metrics_result_or_logs(self, logs: dict) -> dict:
        # As a metric is missing from the logs, Keras would return those of the last step, averaged
        # over the replicas whatever their share of the images.
        return {name: v for name, v in self.get_metrics_result().items() if name in logs}

    def term_gradients(self, x: tf.Tensor, y: tf.Tensor) -> dict[str, tf.Tensor]:
        """What the two weighted terms of the loss contribute on one batch.

        Dropout is off and no batch statistic changes, so equal weights give equal numbers.

        Args:
            x: images [N, ...].
            y: labels in the form that the student loss takes.

        Returns:
            `student_term`, `distillation_term`: alpha and (1 - alpha) times the losses;
            `student_gradient_norm`, `distillation_gradient_norm`: the L2 norm of the gradient
            of each with respect to all trainable weights of the student.
        """
        with tf.GradientTape(persistent=True) as tape:
            outputs = tf.cast(self.student(x, training=False), tf.float32)
            student_loss, distillation_loss = self._terms(x, y, outputs, None, training=True)
            terms = {"student": self.alpha * student_loss}
            if distillation_loss is not None:
                terms["distillation"] = (1 - self.alpha) * distillation_loss
        in_half = computes_in_half(self.student)
        report = {}
        for name, term in terms.items():
            scale = _scale_for_half(tape.gradient(term, outputs)) if in_half else None
            gradients = tape.gradient(
                term,
                self.student.trainable_weights,
                output_gradients=scale,
                unconnected_gradients="zero",
            )
            norm = tf.linalg.global_norm([tf.cast(gradient, tf.float32) for gradient in gradients])
            report[f"{name}_term"] = term
            report[f"{name}_gradient_norm"] = norm / scale if in_half else norm
        return report

    def _check_networks(self, x: Any) -> None:
        images = None if self.softmax_outputs else images_to_probe(x)
        if images is not None:
            runs_teacher = not (self.compiled and self.alpha == 1)
            for name in ("student", "teacher") if runs_teacher else ("student",):
                check_probe(name, getattr(self, name), images, _OR_ELSE)

    def _with_flat_labels(self, data: Any) -> tuple:
        # Other losses refuse labels [N, 1], or know what to do with them.
        sparse = isinstance(self.student_loss_fn, keras.losses.SparseCategoricalCrossentropy)
        return super()._with_flat_labels(data) if sparse else data

    def _terms(
        self, x: Any, y: Any, y_pred: tf.Tensor, sample_weight: Any, training: bool
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """The two losses; `None` for that of distillation where the teacher is not run."""
        y_pred = tf.cast(y_pred, tf.float32)
        student_loss = self.student_loss_fn(y, y_pred, sample_weight)
        if not training or self.alpha == 1:
            return student_loss, None
        teacher_output = tf.stop_gradient(tf.cast(self.teacher(x, training=False), tf.float32))
        _check_same_classes(y_pred.shape, teacher_output.shape)
        distillation_loss = self.distillation_loss_fn(
            keras.ops.softmax(teacher_output / self.temperature),
            keras.ops.softmax(y_pred / self.temperature),
            sample_weight,
        )
        return student_loss, distillation_loss


_OR_ELSE = ", or softmax_outputs=True to soften the probabilities themselves"


def _scale_for_half(slopes: tf.Tensor | None) -> tf.Tensor:
    """A power of two that brings the slopes at the outputs to a size that float16 can hold.

    `slopes` is `None` where Keras computes a loss of probabilities from the logits before them;
    these slopes have a sum of 2 at most.
    """
    total = 1.0 if slopes is None else tf.maximum(tf.reduce_sum(tf.abs(slopes)), 1e-20)
    return 2.0 ** tf.floor(10 - tf.math.log(total) / math.log(2))


def _without_distillation_loss(logs: dict) -> dict:
    """The logs of a step that did not run the teacher."""
    return {name: value for name, value in logs.items() if name != "distillation_loss"}


def _check_same_classes(student_shape: Any, teacher_shape: Any) -> None:
    if student_shape[1:] != teacher_shape[1:]:
        raise ValueError(
            f"student gives outputs of shape {tuple(student_shape)} and teacher of "
            f"{tuple(teacher_shape)}; accepted: two models with the same classes"
        )


def _check_labels(loss: keras.losses.Loss, y: Any, y_pred: tf.Tensor) -> None:
    """Refuses labels whose shape does not fit the loss, as they would broadcast."""
    if y is None:
        raise ValueError("y is None; accepted: the labels of x")
    classes, shape = y_pred.shape[-1], tuple(y.shape)
    if isinstance(loss, keras.losses.SparseCategoricalCrossentropy):
        if len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
            raise ValueError(
                f"y has shape {shape} and student_loss_fn is sparse; accepted: integer classes "
                "[N] or [N, 1] (for one-hot labels use CategoricalCrossentropy)"
            )
    elif isinstance(loss, keras.losses.CategoricalCrossentropy):
        if len(shape) != 2 or shape[1] != classes:
            raise ValueError(
                f"y has shape {shape} and student_loss_fn is categorical over {classes} classes; "
                f"accepted: one-hot or soft labels [N, {classes}] (for integer classes use "
                "SparseCategoricalCrossentropy)"
            )

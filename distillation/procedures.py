"""Defensive distillation: the procedure as it was proposed, and variants that have been published.

`as_listed` does what the code of the NTU final-year project does, faults included. `corrected` is
knowledge distillation on logits (Hinton et al., 2015). `papernot` is the defense as it was proposed
(Papernot, McDaniel, Wu, Jha and Swami, "Distillation as a Defense to Adversarial Perturbations
against Deep Neural Networks", 2016, arXiv 1511.04508), except that the student's loss is multiplied
by T squared. `soft_labels` is its form in public notebooks, with teacher and student trained at T
from random weights. Each has a control, which trains as the student does but on hard labels alone,
and so shows what the teacher adds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from data import ByteImages, RandomErasing, steps_per_epoch, training_batches
from data.unit_range import check_unit_range
from distillation.arguments import (
    UNIT_RANGE,
    check_is_array,
    check_network,
    check_probe,
    class_labels,
)
from distillation.distiller import Distiller
from distillation.losses import (
    OpaqueCategoricalCrossentropy,
    SoftenedCategoricalCrossentropy,
    SquaredTemperatureKLDivergence,
)
from distillation.monitor import LossTermMonitor
from distillation.network_trainer import build_optimizer, with_loss_scale
from models import with_softmax, with_temperature
from models.outputs import check_is_graph
from models.ranges import check_number

ROLES = ("warm_up", "teacher", "student", "control")


@dataclass(frozen=True)
class Procedure:
    """How teacher, student and control are trained.

    Attributes:
        name: as `procedure` takes it.
        softmax_outputs: whether the networks end in softmax; the Distiller applies its own to that.
        teacher_temperature: divides the teacher's logits inside its network, in its training and
            when it teaches.
        hard_label_temperature: the same for the control.
        alpha: weight of the hard labels in the student's loss.
        temperature: of the Distiller.
        soft_loss: "kl" or "kl x T^2", of the softened outputs.
        opaque_student_loss: whether the student's loss takes probabilities for logits, see
            `OpaqueCategoricalCrossentropy`.
        student_regularization: whether weight decay is part of the student's and the control's
            loss.
        warm_up_epochs: epochs of the training at temperature 1 that teacher, student and control
            start from.
        student_loss_temperature: divides the logits in the student's loss on hard labels, which is
            also its validation loss.
    """

    name: str
    softmax_outputs: bool
    teacher_temperature: float
    hard_label_temperature: float
    alpha: float
    temperature: float
    soft_loss: str
    opaque_student_loss: bool
    student_regularization: bool
    warm_up_epochs: int
    student_loss_temperature: float = 1.0

    @property
    def roles(self) -> tuple[str, ...]:
        """The networks to train, in this order."""
        return ROLES if self.warm_up_epochs else ROLES[1:]


def procedure(name: str, temperature: float = 200.0, alpha: float = 0.2) -> Procedure:
    """The procedure called `name`: "as_listed", "corrected", "soft_labels" or "papernot".

    Args:
        name: one of `PROCEDURES`.
        temperature: T, above 0.
        alpha: weight of the hard labels in the student's loss, 0 to 1. `soft_labels` and
            `papernot` have no hard labels and ignore it.

    Raises:
        ValueError: an unknown name, or a value out of range.
    """
    if name not in PROCEDURES:
        raise ValueError(f"procedure is {name!r}; accepted: {', '.join(map(repr, PROCEDURES))}")
    check_number(above=0, temperature=temperature)
    check_number(least=0, most=1, alpha=alpha)
    return PROCEDURES[name](float(temperature), float(alpha))


def _as_listed(temperature: float, alpha: float) -> Procedure:
    return Procedure(
        name="as_listed",
        softmax_outputs=True,
        teacher_temperature=temperature,
        hard_label_temperature=1.0,
        alpha=alpha,
        temperature=temperature,
        soft_loss="kl",
        opaque_student_loss=True,
        student_regularization=False,
        warm_up_epochs=0,
    )


def _corrected(temperature: float, alpha: float) -> Procedure:
    return Procedure(
        name="corrected",
        softmax_outputs=False,
        teacher_temperature=1.0,
        hard_label_temperature=1.0,
        alpha=alpha,
        temperature=temperature,
        soft_loss="kl x T^2",
        opaque_student_loss=False,
        student_regularization=True,
        warm_up_epochs=0,
    )


def _soft_labels(temperature: float, alpha: float) -> Procedure:
    return replace(
        _papernot(temperature, alpha),
        name="soft_labels",
        # Without T^2: Adam's steps do not shrink with the gradient as T grows.
        soft_loss="kl",
        warm_up_epochs=0,
        # At temperature 1 the validation loss grows with the logits while the student learns, and a
        # plateau scheduler would stop the training.
        student_loss_temperature=temperature,
    )


def _papernot(temperature: float, alpha: float) -> Procedure:
    del alpha
    return Procedure(
        name="papernot",
        softmax_outputs=False,
        teacher_temperature=temperature,
        hard_label_temperature=temperature,
        alpha=0.0,
        temperature=temperature,
        # The cross-entropy of the paper minus the entropy of the soft labels, which is constant.
        # Without T^2 its gradient would shrink like 1 / T^2, and weight decay alone would move the
        # student.
        soft_loss="kl x T^2",
        opaque_student_loss=False,
        student_regularization=True,
        # From random weights the gradient at high T is too small to start from.
        warm_up_epochs=1,
    )


PROCEDURES: dict[str, Callable[[float, float], Procedure]] = {
    "as_listed": _as_listed,
    "corrected": _corrected,
    "soft_labels": _soft_labels,
    "papernot": _papernot,
}


def compile_trainer(
    how: Procedure,
    role: str,
    network: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    teacher: keras.Model | None = None,
) -> keras.Model:
    """A compiled model whose `fit` on one-hot labels trains `network` in its role.

    Args:
        how: the procedure.
        role: one of `how.roles`.
        network: to train; it gives logits.
        optimizer: for this training alone.
        teacher: for the student, the trained teacher's network, which gives logits.

    Raises:
        TypeError: a network that is no Keras model.
        ValueError: an unknown role, a student without a teacher, or a network with one output or
            one that ends in softmax or the like.
    """
    if role not in how.roles:
        raise ValueError(f"role is {role!r}; accepted for {how.name}: {', '.join(how.roles)}")
    check_network("network", network)
    if teacher is not None:
        check_network("teacher", teacher)
    metrics = [keras.metrics.CategoricalAccuracy(name="accuracy")]
    if role == "student":
        if teacher is None:
            raise ValueError("teacher is None; accepted for a student: its trained teacher")
        return _distiller(how, network, teacher, optimizer, metrics)
    if role == "control" and how.softmax_outputs:
        # The student's own training step, with nothing but hard labels in the loss.
        return _distiller(replace(how, alpha=1.0), network, network, optimizer, metrics)

    temperature = {
        "warm_up": 1.0,
        "teacher": how.teacher_temperature,
        "control": how.hard_label_temperature,
    }[role]
    model = with_temperature(network, temperature)
    if how.softmax_outputs:
        model = with_softmax(model)
    if model is network:  # the network itself stays without optimizer and loss
        model = keras.Model(network.inputs, network.outputs)
    loss = keras.losses.CategoricalCrossentropy(from_logits=not how.softmax_outputs)
    model.compile(optimizer=with_loss_scale(optimizer, model), loss=loss, metrics=metrics)
    return model


def _distiller(
    how: Procedure,
    network: keras.Model,
    teacher: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    metrics: list[keras.metrics.Metric],
) -> Distiller:
    # The Distiller divides by T itself; only the listed teacher has T inside its network as well.
    if how.softmax_outputs:
        teacher = with_softmax(with_temperature(teacher, how.teacher_temperature))
        network = with_softmax(network)
    student_loss = (
        OpaqueCategoricalCrossentropy(from_logits=True)
        if how.opaque_student_loss
        else SoftenedCategoricalCrossentropy(how.student_loss_temperature)
    )
    soft_loss = {
        "kl": keras.losses.KLDivergence,
        "kl x T^2": lambda: SquaredTemperatureKLDivergence(how.temperature),
    }[how.soft_loss]
    distiller = Distiller(network, teacher, softmax_outputs=how.softmax_outputs)
    distiller.compile(
        optimizer=optimizer,
        metrics=metrics,
        student_loss_fn=student_loss,
        distillation_loss_fn=soft_loss(),
        alpha=how.alpha,
        temperature=how.temperature,
        student_regularization=how.student_regularization,
    )
    return distiller


@dataclass(frozen=True, eq=False)
class DistillationResult:
    """The trained networks, which give logits, and the history of each training, by role."""

    procedure: Procedure
    networks: dict[str, keras.Model]
    histories: dict[str, dict[str, list[float]]] = field(repr=False)

    @property
    def teacher(self) -> keras.Model:
        return self.networks["teacher"]

    @property
    def student(self) -> keras.Model:
        return self.networks["student"]

    @property
    def control(self) -> keras.Model:
        return self.networks["control"]


def defensive_distillation(
    build: Callable[[], keras.Model],
    images: np.ndarray | ByteImages,
    labels: npt.ArrayLike,
    *,
    name: str = "corrected",
    temperature: float = 200.0,
    alpha: float = 0.2,
    optimizer: Callable[[], keras.optimizers.Optimizer] = keras.optimizers.Adam,
    epochs: int = 10,
    batch_size: int = 128,
    erasing: RandomErasing | None = None,
    validation: tuple[Any, npt.ArrayLike] | None = None,
    callbacks: Callable[[str, keras.Model], Sequence[keras.callbacks.Callback]] | None = None,
    seed: int = 0,
    verbose: int = 0,
) -> DistillationResult:
    """Trains teacher, student and control by the procedure called `name`.

    Args:
        build: returns a new network that gives logits [N, classes], functional or built sequential.
        images: float32 [N, height, width, channels] in [0, 1].
        labels: int [N] or [N, 1].
        name, temperature, alpha: see `procedure`.
        optimizer: returns a new optimizer.
        epochs, batch_size: of teacher, student and control each; a warm-up comes on top.
        erasing: a `data.RandomErasing`; teacher and student see the same erased batch.
        validation: (images, labels) that are evaluated after every epoch.
        callbacks: returns the callbacks of one training, from its role and its network; a
            checkpoint has to save that network.
        seed: of the initial weights, dropout and batches; student and control start alike.
        verbose: as for `keras.Model.fit`.

    Raises:
        TypeError: `build` returns no Keras model.
        ValueError: naming the argument, its value and what is accepted.
    """
    how = procedure(name, temperature, alpha)
    _check_images(images, validation)
    networks: dict[str, keras.Model] = {}
    histories = {}
    for role in how.roles:
        role_seed = seed + (1 if role in ("student", "control") else 0)
        network = _built(build, images, role_seed, networks.get("warm_up"))
        classes = network.output_shape[-1]
        one_hot = _one_hot("labels", labels, classes)
        trainer = compile_trainer(how, role, network, optimizer(), networks.get("teacher"))
        more = callbacks(role, network) if callbacks else ()
        build_optimizer(trainer)
        history = trainer.fit(
            training_batches(images, one_hot, batch_size, seed=role_seed, erasing=erasing),
            epochs=how.warm_up_epochs if role == "warm_up" else epochs,
            steps_per_epoch=steps_per_epoch(len(images), batch_size),
            validation_data=validation
            and (validation[0], _one_hot("validation labels", validation[1], classes)),
            callbacks=[LossTermMonitor(images[:batch_size], one_hot[:batch_size]), *more],
            shuffle=False,  # the batches are shuffled already
            verbose=verbose,
        )
        networks[role], histories[role] = network, history.history
    return DistillationResult(how, networks, histories)


def _check_images(images: Any, validation: Any) -> None:
    check_is_array("images", images)
    check_unit_range("images", images, UNIT_RANGE)
    if validation is not None:
        if not (isinstance(validation, tuple | list) and len(validation) == 2):
            raise ValueError(
                f"validation is a {type(validation).__name__}; accepted: a pair (images, labels)"
            )
        check_unit_range("validation images", validation[0], UNIT_RANGE)


def _built(
    build: Callable[[], keras.Model], images: Any, seed: int, warm_up: keras.Model | None
) -> keras.Model:
    # So that a training has the same random draws whatever was trained before it.
    keras.utils.set_random_seed(seed)
    network = build()
    check_network("network", network)
    check_is_graph(network)
    check_probe("network", network, images)
    if warm_up is not None:
        network.set_weights(warm_up.get_weights())
    return network


def _one_hot(name: str, labels: npt.ArrayLike, classes: int) -> np.ndarray:
    return keras.utils.to_categorical(class_labels(name, labels, classes), classes)

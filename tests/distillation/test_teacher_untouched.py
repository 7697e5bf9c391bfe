"""Only the student moves, and the teacher is the caller's alone."""

import keras
import numpy as np
import pytest
from keras import layers

from distillation import Distiller


def restless(seed):
    """A network with everything that could move, draw, or add to a loss."""
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.BatchNormalization(gamma_regularizer="l2"),
            layers.Dense(8, kernel_regularizer="l2"),
            layers.Dropout(0.5, seed=seed),
            layers.Dense(3, trainable=False),
        ]
    )
    random = np.random.default_rng(seed)
    for variable in model.variables:
        if variable.dtype == "float32":
            variable.assign(random.uniform(0.5, 2, variable.shape))
    return model


def state(model):
    """All variables, the seed of the dropout included, trainable flags and losses."""
    values = [variable.numpy() for variable in model.variables]
    return values, [layer.trainable for layer in model.layers], [float(v) for v in model.losses]


def assert_same_state(model, before):
    values, flags, losses = state(model)
    assert all(np.array_equal(value, old) for value, old in zip(values, before[0], strict=True))
    assert (flags, losses) == before[1:]


def test_teacher_stays_as_it_was(batch, compiled, one_step):
    student, teacher = restless(1), restless(2)
    before, student_before = state(teacher), state(student)
    distiller = compiled(Distiller(student, teacher), student_regularization=True)
    one_step(distiller, batch.x, batch.one_hot, validation_data=(batch.x, batch.one_hot))
    distiller.term_gradients(batch.x, batch.one_hot)
    assert_same_state(teacher, before)
    # Of the student all moves, but for the layer that is frozen.
    still = [
        variable.path
        for variable, old in zip(student.variables, student_before[0], strict=True)
        if np.array_equal(variable.numpy(), old)
    ]
    assert still == [variable.path for variable in student.layers[-1].variables]


def test_teacher_is_no_part_of_the_distiller(compiled):
    student, teacher = restless(1), restless(2)
    distiller = compiled(Distiller(student, teacher))
    of_teacher = {id(variable) for variable in teacher.variables}
    for kind in ("variables", "weights", "trainable_weights", "non_trainable_weights"):
        assert not of_teacher & {id(variable) for variable in getattr(distiller, kind)}, kind
    assert len(distiller.trainable_weights) == len(student.trainable_weights)
    assert len(distiller.losses) == len(student.losses) == 2
    distiller.trainable = False
    assert teacher.trainable
    assert distiller.teacher is teacher


def test_teacher_is_neither_saved_nor_restored(linear, tmp_path):
    path = tmp_path / "state.weights.h5"
    Distiller(linear(1), linear(2)).save_weights(path)
    student, teacher = linear(3), linear(4)
    Distiller(student, teacher).load_weights(path)
    np.testing.assert_array_equal(student.get_weights()[0], linear(1).get_weights()[0])
    np.testing.assert_array_equal(teacher.get_weights()[0], linear(4).get_weights()[0])


def test_teacher_runs_in_inference_mode(batch, linear, compiled, one_step, by_hand):
    student, teacher = linear(1), restless(2)
    expected = by_hand(student(batch.x).numpy(), teacher(batch.x).numpy(), batch.one_hot)
    logs = one_step(compiled(Distiller(student, teacher)), batch.x, batch.one_hot)
    assert logs["distillation_loss"] == pytest.approx(expected.distillation_loss, rel=1e-5)


def test_alpha_1_does_not_run_the_teacher(batch, linear, compiled, one_step):
    class Refuses(layers.Layer):
        refuses = False

        def call(self, inputs):
            if self.refuses:
                raise RuntimeError("the teacher was run")
            return inputs

    refuses = Refuses()
    teacher = keras.Sequential([keras.Input((4,)), *linear(2).layers, refuses])
    refuses.refuses = True
    validation = (batch.x, batch.one_hot)

    distiller = compiled(Distiller(linear(1), teacher), alpha=1.0)
    logs = one_step(distiller, batch.x, batch.one_hot, validation_data=validation)
    assert logs["loss"] == logs["student_loss"] and "distillation_loss" not in logs
    assert set(distiller.term_gradients(*validation)) == {"student_term", "student_gradient_norm"}

    with pytest.raises(RuntimeError, match="the teacher was run"):
        one_step(compiled(Distiller(linear(1), teacher)), batch.x, batch.one_hot)

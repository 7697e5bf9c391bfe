"""What the terms of the loss contribute: values, gradient norms, and their place in the logs."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from keras import layers

from distillation import Distiller, LossTermMonitor, compile_trainer, procedure

NAMES = {
    "student_term",
    "student_gradient_norm",
    "distillation_term",
    "distillation_gradient_norm",
}


def norm(logit_gradient, x):
    """Of the gradient of kernel and bias of a linear model."""
    return np.sqrt(np.sum((x.T @ logit_gradient) ** 2) + np.sum(logit_gradient.sum(axis=0) ** 2))


@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_values(alpha, batch, linear, compiled, by_hand):
    student, teacher = linear(1, decay=0.1), linear(2)
    terms = by_hand(student(batch.x).numpy(), teacher(batch.x).numpy(), batch.one_hot)
    distiller = compiled(Distiller(student, teacher), alpha=alpha, student_regularization=True)
    report = distiller.term_gradients(batch.x, batch.one_hot)
    # Weight decay is no term of its own and is in neither.
    assert {name: float(value) for name, value in report.items()} == pytest.approx(
        {
            "student_term": alpha * terms.student_loss,
            "student_gradient_norm": alpha * norm(terms.student_gradient, batch.x),
            "distillation_term": (1 - alpha) * terms.distillation_loss,
            "distillation_gradient_norm": (1 - alpha) * norm(terms.distillation_gradient, batch.x),
        },
        rel=1e-5,
    )


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_losses_of_probabilities(dtype, batch, linear, compiled):
    """Keras differentiates them at the logits, past the outputs."""
    last = layers.Activation("softmax", dtype="float32")
    student = keras.Sequential([keras.Input((4,)), layers.Dense(3, dtype=dtype), last])
    student.set_weights(linear(1).get_weights())
    teacher = linear(2, activation="softmax")
    distiller = compiled(
        Distiller(student, teacher, softmax_outputs=True),
        student_loss_fn=keras.losses.CategoricalCrossentropy(),
        jit_compile=False,
    )
    with tf.GradientTape(persistent=True) as tape:
        outputs = student(batch.x, training=False)
        student_term = 0.3 * distiller.student_loss_fn(batch.one_hot, outputs)
        soft, soft_teacher = (tf.nn.softmax(p / 2) for p in (outputs, teacher(batch.x)))
        distillation_term = 0.7 * keras.losses.KLDivergence()(soft_teacher, soft)
    monitored = tf.function(distiller.term_gradients)
    for report in (each(batch.x, batch.one_hot) for each in (distiller.term_gradients, monitored)):
        for name, term in (("student", student_term), ("distillation", distillation_term)):
            expected = tf.linalg.global_norm(tape.gradient(term, student.trainable_weights))
            assert expected > 1e-3
            assert float(report[f"{name}_gradient_norm"]) == pytest.approx(
                float(expected), rel=1e-6 if dtype == "float32" else 0.01
            )


def test_measuring_moves_nothing(batch, linear, compiled):
    student = keras.Sequential(
        [keras.Input((4,)), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(3)]
    )
    distiller = compiled(Distiller(student, linear(2)))
    before = [variable.numpy() for variable in distiller.variables]
    first, second = (distiller.term_gradients(batch.x, batch.one_hot) for _ in range(2))
    assert {name: float(value) for name, value in first.items()} == {
        name: float(value) for name, value in second.items()
    }
    for variable, value in zip(distiller.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


@pytest.mark.parametrize("certainty", [1.0, 1e4])
def test_listed_teacher_contributes_nothing_at_temperature_200(certainty, batch, linear):
    """Be it as unsure as T = 200 in its network makes it, or be its outputs one-hot."""
    student, teacher = linear(1, scale=0.5), linear(2, scale=certainty)
    distiller = compile_trainer(procedure("as_listed", 200.0), "student", student, "sgd", teacher)
    report = distiller.term_gradients(batch.x, batch.one_hot)
    ratio = report["distillation_gradient_norm"] / report["student_gradient_norm"]
    assert 0 < ratio < 1e-3


def test_monitor(batch, linear, compiled, by_hand, tmp_path):
    """It measures at the end of every epoch, ahead of what reads the logs."""
    student, teacher = linear(1), linear(2)
    log = tmp_path / "log.csv"
    history = (
        compiled(Distiller(student, teacher))
        .fit(
            batch.x,
            batch.one_hot,
            epochs=2,
            verbose=0,
            callbacks=[
                LossTermMonitor(batch.x, batch.one_hot),
                keras.callbacks.CSVLogger(str(log)),
            ],
        )
        .history
    )
    assert NAMES <= set(history)
    logged = pd.read_csv(log)
    for name in NAMES:
        assert len(history[name]) == 2 and history[name][0] != history[name][1]
        assert list(logged[name]) == pytest.approx(history[name])
    terms = by_hand(student(batch.x).numpy(), teacher(batch.x).numpy(), batch.one_hot)
    assert history["student_term"][-1] == pytest.approx(0.3 * terms.student_loss, rel=1e-5)
    assert history["distillation_gradient_norm"][-1] == pytest.approx(
        0.7 * norm(terms.distillation_gradient, batch.x), rel=1e-4
    )


def test_monitor_leaves_other_models_alone(batch, linear, compiled, one_step):
    """Even where it has just served a Distiller."""
    monitor = LossTermMonitor(batch.x, batch.one_hot)
    distiller = compiled(Distiller(linear(1), linear(2)))
    assert NAMES <= set(one_step(distiller, batch.x, batch.one_hot, callbacks=[monitor]))
    plain = linear(1)
    plain.compile("sgd", keras.losses.CategoricalCrossentropy(from_logits=True))
    assert set(one_step(plain, batch.x, batch.one_hot, callbacks=[monitor])) == {"loss"}

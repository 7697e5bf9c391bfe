"""The Distiller in fit, evaluate and predict, and the Keras features it builds on."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers

import models
from distillation import Distiller
from resuming import backups


@pytest.fixture
def before(batch, linear, by_hand):
    """The terms of the student linear(1) and the teacher linear(2), before any step."""

    def terms(**arguments):
        z, t = (linear(seed)(batch.x).numpy().astype(float) for seed in (1, 2))
        return by_hand(z, t, batch.one_hot, **arguments)

    return terms


def assert_stepped(student, start, gradient, batch, **tolerance):
    """That the student went from `start` against a gradient of its logits, at rate 1."""
    kernel, bias = student.get_weights()
    tolerance = tolerance or dict(atol=2e-6)
    np.testing.assert_allclose(kernel - start[0], -batch.x.T @ gradient, **tolerance)
    np.testing.assert_allclose(bias - start[1], -gradient.sum(axis=0), **tolerance)


def test_logs_of_fit(batch, linear, compiled, one_step, before):
    student = linear(1)
    distiller = compiled(Distiller(student, linear(2)))
    start, terms = student.get_weights(), before()
    logs = one_step(distiller, batch.x, batch.one_hot, validation_data=(batch.x, batch.one_hot))
    train = {"loss", "student_loss", "distillation_loss", "accuracy"}
    assert set(logs) == train | {"val_loss", "val_student_loss", "val_accuracy"}
    assert logs["student_loss"] == pytest.approx(terms.student_loss, rel=1e-5)
    assert logs["distillation_loss"] == pytest.approx(terms.distillation_loss, rel=1e-5)
    assert logs["loss"] == pytest.approx(
        0.3 * terms.student_loss + 0.7 * terms.distillation_loss, rel=1e-5
    )
    gradient = 0.3 * terms.student_gradient + 0.7 * terms.distillation_gradient
    assert_stepped(student, start, gradient, batch)


def test_evaluate_and_predict(batch, linear, compiled, before):
    distiller = compiled(Distiller(linear(1), linear(2)))
    report = distiller.evaluate(batch.x, batch.one_hot, batch_size=4, verbose=0, return_dict=True)
    logits = linear(1)(batch.x).numpy()
    assert set(report) == {"loss", "student_loss", "accuracy"}
    # Of all images, though the last batch is smaller.
    assert report["student_loss"] == pytest.approx(before().student_loss, rel=1e-5)
    assert report["loss"] == pytest.approx(report["student_loss"])
    assert report["accuracy"] == pytest.approx(np.mean(logits.argmax(axis=1) == batch.classes))
    np.testing.assert_allclose(distiller.predict(batch.x, verbose=0), logits, rtol=1e-6)


def test_sparse_labels(batch, linear, compiled, one_step, before):
    logs = one_step(
        compiled(
            Distiller(linear(1), linear(2)),
            metrics=[keras.metrics.SparseCategoricalAccuracy()],
            student_loss_fn=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            run_eagerly=True,
        ),
        batch.x,
        batch.classes,
    )
    assert logs["student_loss"] == pytest.approx(before().student_loss, rel=1e-5)


def test_weights_of_images(batch, linear, compiled, one_step, before):
    """They weigh both terms."""
    class_weight = {0: 1.0, 1: 3.0, 2: 0.5}
    weights = np.float32([class_weight[label] for label in batch.classes])
    student, terms = linear(1), before(weights=weights)
    start = student.get_weights()
    distiller = compiled(Distiller(student, linear(2)))
    for form in ({"class_weight": class_weight}, {"sample_weight": weights}):
        student.set_weights(start)
        logs = one_step(distiller, batch.x, batch.one_hot, **form)
        assert logs["student_loss"] == pytest.approx(terms.student_loss, rel=1e-5)
        gradient = 0.3 * terms.student_gradient + 0.7 * terms.distillation_gradient
        assert_stepped(student, start, gradient, batch)


@pytest.mark.parametrize("regularization", [True, False])
def test_regularization_is_added_once(regularization, batch, linear, compiled, one_step, before):
    student = linear(1, decay=0.1)
    distiller = compiled(
        Distiller(student, linear(2, decay=0.1)),
        student_regularization=regularization,
        run_eagerly=True,
    )
    logs = one_step(distiller, batch.x, batch.one_hot)
    decay = 0.1 * np.sum(linear(1).get_weights()[0] ** 2) if regularization else 0.0
    terms = before()
    loss = 0.3 * terms.student_loss + 0.7 * terms.distillation_loss + decay
    assert logs["loss"] == pytest.approx(loss, rel=1e-5)


def test_gradient_accumulation(batch, linear, compiled, one_step, before):
    """Two halves of the batch make the step of the whole."""
    student, terms = linear(1), before()
    start = student.get_weights()
    optimizer = keras.optimizers.SGD(1.0, gradient_accumulation_steps=2)
    distiller = compiled(Distiller(student, linear(2)), optimizer=optimizer)
    one_step(distiller, batch.x, batch.one_hot, batch_size=3)
    gradient = 0.3 * terms.student_gradient + 0.7 * terms.distillation_gradient
    assert_stepped(student, start, gradient, batch)


@pytest.fixture
def mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy("float32")


def test_mixed_precision(mixed_precision, batch, linear, compiled, one_step, before):
    """A gradient that float16 cannot hold moves the student, as the loss is scaled."""
    temperature = 10_000.0
    student, terms = linear(1), before(temperature=temperature)
    start = student.get_weights()
    largest = np.abs(terms.distillation_gradient).max()
    assert 0 < largest and np.float16(largest) == 0
    distiller = compiled(
        Distiller(student, linear(2)),
        alpha=0.0,
        temperature=temperature,
        optimizer=keras.optimizers.SGD(1 / largest),
        jit_compile=False,
    )
    logs = one_step(distiller, batch.x, batch.one_hot)
    assert isinstance(distiller.optimizer, keras.optimizers.LossScaleOptimizer)
    assert logs["student_loss"] == pytest.approx(terms.student_loss, rel=1e-2)
    assert_stepped(student, start, terms.distillation_gradient / largest, batch, atol=0.05)


def network_with_dropout():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(3),
        ]
    )


def test_student_is_trained_in_training_mode(batch, linear, compiled, one_step):
    student = network_with_dropout()
    inference_loss = float(
        keras.losses.CategoricalCrossentropy(from_logits=True)(batch.one_hot, student(batch.x))
    )
    distiller = compiled(Distiller(student, linear(2)))
    evaluated = distiller.evaluate(batch.x, batch.one_hot, verbose=0, return_dict=True)
    assert evaluated["student_loss"] == pytest.approx(inference_loss, rel=1e-5)
    statistics = student.layers[1].moving_mean.numpy()
    assert np.all(statistics == 0)
    logs = one_step(distiller, batch.x, batch.one_hot)
    assert np.any(student.layers[1].moving_mean.numpy() != 0)
    assert logs["student_loss"] != pytest.approx(inference_loss, rel=1e-3)


def test_resumed_training_equals_the_uninterrupted(batch, linear, compiled, tmp_path):
    def train(student, callbacks):
        distiller = compiled(Distiller(student, linear(9)), optimizer=keras.optimizers.Adam(0.1))
        options = dict(batch_size=4, epochs=4, shuffle=False, verbose=0)
        history = distiller.fit(batch.x, batch.one_hot, callbacks=callbacks, **options)
        return student.get_weights(), history.epoch

    of_whole, of_killed = backups(tmp_path)
    whole, _ = train(linear(1), of_whole)
    # Of the new student nothing is left: weights and optimizer come from the backup.
    resumed, epochs = train(linear(3), of_killed)
    assert epochs == [2, 3]
    for weights, again in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(again, weights)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_saved_student_is_plain_keras(suffix, batch, compiled, one_step, linear, tmp_path):
    distiller = compiled(Distiller(network_with_dropout(), linear(2)), run_eagerly=True)
    one_step(distiller, batch.x, batch.one_hot)
    path = models.save(distiller.student, tmp_path / f"student{suffix}")
    again = keras.models.load_model(path)
    assert not again.compiled
    np.testing.assert_array_equal(again(batch.x, training=False), distiller(batch.x))


def test_callbacks(batch, linear, compiled, one_step, tmp_path):
    """The best student is kept by itself, and the log has the columns of the history."""
    log = tmp_path / "log.csv"
    student = linear(1)
    logs = one_step(
        compiled(Distiller(student, linear(2)), run_eagerly=True),
        batch.x,
        batch.one_hot,
        validation_data=(batch.x, batch.one_hot),
        callbacks=[
            models.best_checkpoint(tmp_path / "best.h5", model=student),
            keras.callbacks.CSVLogger(str(log)),
        ],
    )
    best = models.load_checkpoint(tmp_path / "best.h5")
    for kept, weights in zip(best.get_weights(), student.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, weights)
    assert dict(pd.read_csv(log)[list(logs)].iloc[-1]) == pytest.approx(logs)

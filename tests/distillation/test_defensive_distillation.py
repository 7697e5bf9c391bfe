"""The procedures end to end, on a few real digits and a tiny network."""

import functools
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import data
import models
from distillation import defensive_distillation

EPOCHS = 4
ERASING = {"corrected": data.RandomErasing()}
IMAGES = np.zeros((10, 32, 32, 3), np.float32)
MEASURED = {"student_term", "student_gradient_norm"}
MEASURED_BOTH = MEASURED | {"distillation_term", "distillation_gradient_norm"}
PLAIN = {"loss", "accuracy", "val_loss", "val_accuracy"}
DISTILLED = PLAIN | {"student_loss", "val_student_loss"}
HISTORIES = {
    "as_listed": {
        "teacher": PLAIN,
        "student": DISTILLED | {"distillation_loss"} | MEASURED_BOTH,
        "control": DISTILLED | MEASURED,
    },
    "corrected": {
        "teacher": PLAIN,
        "student": DISTILLED | {"distillation_loss"} | MEASURED_BOTH,
        "control": PLAIN,
    },
    "papernot": {
        "warm_up": PLAIN,
        "teacher": PLAIN,
        "student": DISTILLED | {"distillation_loss"} | MEASURED_BOTH,
        "control": PLAIN,
    },
}


def build():
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.AveragePooling2D(4),
            layers.Flatten(),
            layers.Dense(24, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-4)),
            layers.Dropout(0.2),
            layers.Dense(10),
        ]
    )


class Starts(keras.callbacks.Callback):
    """Notes the trainable weights that every training starts from."""

    def __init__(self):
        super().__init__()
        self.weights = []

    def on_train_begin(self, logs=None):
        self.weights.append([weight.numpy() for weight in self.model.trainable_weights])


def assert_same(weights, others):
    for weight, other in zip(weights, others, strict=True):
        np.testing.assert_array_equal(weight, other)


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


@pytest.fixture(scope="module")
def distill(digits):
    """Runs a procedure on a few digits; returns the result and what each role started from."""

    def run(name, images=192, **arguments):
        starts = Starts()
        result = defensive_distillation(
            build,
            digits.x_train[:images],
            digits.y_train[:images],
            name=name,
            optimizer=lambda: keras.optimizers.Adam(0.02),
            callbacks=lambda role, network: [starts],
            **dict(temperature=5.0, epochs=EPOCHS, batch_size=64) | arguments,
        )
        return SimpleNamespace(
            result=result,
            starts=dict(zip(result.networks, starts.weights, strict=True)),
        )

    return run


@pytest.fixture(scope="module")
def run_of(distill, digits):
    validation = (digits.x_validation[:96], digits.y_validation[:96])
    return functools.cache(
        lambda name: distill(name, validation=validation, erasing=ERASING.get(name))
    )


@pytest.fixture(scope="module", params=HISTORIES)
def run(request, run_of):
    return run_of(request.param)


def test_histories(run):
    result = run.result
    assert {role: set(history) for role, history in result.histories.items()} == HISTORIES[
        result.procedure.name
    ]
    for role, history in result.histories.items():
        assert len(history["loss"]) == (1 if role == "warm_up" else EPOCHS)


def test_networks_learn_and_give_logits(run, digits):
    result = run.result
    assert result.student is not result.control is not result.teacher
    for role in ("teacher", "student", "control"):
        network = getattr(result, role)
        assert network is result.networks[role]
        assert models.squashing(network) is None and not network.compiled
        logits = network.predict(digits.x_validation[:96], verbose=0)
        accuracy = np.mean(logits.argmax(axis=1) == digits.y_validation[:96])
        assert accuracy > 0.3  # a tenth by chance
        assert accuracy == pytest.approx(result.histories[role]["val_accuracy"][-1])


def test_starts(run):
    starts, networks = run.starts, run.result.networks
    assert_same(starts["student"], starts["control"])
    if "warm_up" in networks:
        warm = networks["warm_up"].get_weights()
        for role in ("teacher", "student", "control"):
            assert_same(starts[role], warm)
        assert not np.array_equal(starts["warm_up"][0], warm[0])
    else:
        assert not np.array_equal(starts["teacher"][0], starts["student"][0])


def test_at_alpha_1_the_student_is_the_control(distill):
    """So what tells them apart otherwise is the teacher: start, batches, dropout are the same."""
    result = distill("as_listed", images=100, epochs=1, alpha=1.0).result
    assert_same(result.student.get_weights(), result.control.get_weights())


def test_same_seed_same_weights(distill, run_of):
    first = run_of("corrected")
    keras.utils.set_random_seed(np.random.randint(100))  # what came before plays no part
    again = distill("corrected", erasing=ERASING["corrected"]).result
    for role, network in first.result.networks.items():
        assert_same(network.get_weights(), again.networks[role].get_weights())
    for role, other in distill("corrected", seed=4, epochs=0).starts.items():
        for weight, moved in zip(first.starts[role][::2], other[::2], strict=True):
            assert not np.array_equal(weight, moved)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"name": "hinton"}, "procedure is 'hinton'; accepted: 'as_listed', 'corrected', 'soft"),
        ({"alpha": 2}, "alpha is 2; accepted: a number from 0 to 1"),
        ({"temperature": float("inf")}, "temperature is inf; accepted: a finite number above 0"),
        ({"labels": np.eye(10)}, r"labels have .* accepted: .* labels.argmax\(axis=1\)"),
        (
            {"labels": np.eye(10)},
            r"labels have shape \(10, 10\) and type float64; accepted: integers",
        ),
        ({"labels": np.arange(10.0)}, r"labels have shape \(10,\) and type float64; accepted: int"),
        ({"labels": np.arange(10) - 1}, "labels have the value -1; accepted: 0 to 9"),
        ({"labels": np.arange(10) + 1}, "labels have the value 10; accepted: 0 to 9"),
        (
            {"validation": (np.zeros((10, 32, 32, 3)), np.eye(10))},
            r"validation labels have shape \(10, 10\)",
        ),
        (
            {"images": IMAGES + 255},
            r"images is from 255 to 255; accepted: finite values in \[0, 1\]",
        ),
        ({"images": (IMAGES + 255).astype(np.uint8)}, "images is from 255 to 255; accepted"),
        ({"images": (IMAGES + 255).astype(np.float16)}, "images is from 255 to 255; accepted"),
        ({"images": IMAGES + np.nan}, "images is from nan to nan; accepted"),
        ({"validation": (IMAGES + 255, np.arange(10))}, "validation images is from 255 to 255"),
        (
            {"images": tf.data.Dataset.from_tensors((IMAGES, np.arange(10)))},
            r"images is a tf.data.Dataset; accepted: an array .*dataset.as_numpy_iterator\(\)",
        ),
        (
            {"validation": tf.data.Dataset.from_tensors((IMAGES, np.arange(10)))},
            r"validation is a .*; accepted: a pair \(images, labels\)",
        ),
    ],
)
def test_refusals(arguments, message):
    starts = Starts()
    arguments = {
        "images": IMAGES,
        "labels": np.arange(10),
        "callbacks": lambda role, network: [starts],
    } | arguments
    with pytest.raises(ValueError, match=message):
        defensive_distillation(build, **arguments)
    assert not starts.weights


def test_columns_of_labels_and_images_kept_as_bytes():
    images = data.ByteImages(np.zeros((10, 32, 32, 3), np.uint8))
    column = np.arange(10)[:, None]
    result = defensive_distillation(build, images, column, validation=(IMAGES, column), epochs=0)
    assert set(result.networks) == {"teacher", "student", "control"}

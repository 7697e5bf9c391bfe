"""What the listed losses can and cannot say, and the losses that Keras does not have."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from scipy.special import softmax

from distillation import (
    Distiller,
    OpaqueCategoricalCrossentropy,
    SoftenedCategoricalCrossentropy,
    SquaredTemperatureKLDivergence,
    compile_trainer,
    procedure,
)


def answering(classes, shift=0, certainty=1.0):
    """A network whose output for the one-hot image of class i is `certainty` at i + shift."""
    dense = layers.Dense(classes, use_bias=False)
    model = keras.Sequential([keras.Input((classes,)), dense])
    dense.set_weights([certainty * np.roll(np.eye(classes), shift, axis=1)])
    return model


@pytest.mark.parametrize("classes, floor", [(10, 1.461), (100, 3.622)])
def test_listed_student_loss_has_a_floor(classes, floor):
    assert np.log(1 + (classes - 1) / np.e) == pytest.approx(floor, abs=5e-4)
    perfect = answering(classes, certainty=1000.0)
    student = compile_trainer(procedure("as_listed"), "student", perfect, "sgd", perfect)
    images = np.eye(classes, dtype=np.float32)
    report = student.evaluate(images, images, verbose=0, return_dict=True)
    assert report["accuracy"] == 1
    assert report["student_loss"] == pytest.approx(floor, abs=5e-4)


@pytest.mark.parametrize(
    "temperature, classes, divergence",
    [(200, 10, 2.5e-6), (200, 100, 2.5e-7), (10, 10, 1.0e-3), (10, 100, 1.0e-4)],
)
def test_divergence_of_opposite_answers(temperature, classes, divergence, compiled):
    distiller = Distiller(answering(classes), answering(classes, shift=1))
    compiled(distiller, alpha=0.0, temperature=temperature)
    images = np.eye(classes, dtype=np.float32)
    term = distiller.term_gradients(images, images)["distillation_term"]
    assert float(term) == pytest.approx(divergence, rel=0.06)


@pytest.mark.parametrize("compiled_call", [False, True])
def test_opaque_loss_takes_probabilities_for_logits(compiled_call):
    logits, label = tf.constant([[0.0, 20.0, 0.0]]), tf.constant([[0.0, 1.0, 0.0]])
    opaque = OpaqueCategoricalCrossentropy(from_logits=True)

    def loss():
        return opaque(label, keras.ops.softmax(logits))

    value = (tf.function(loss) if compiled_call else loss)()
    assert float(value) == pytest.approx(np.log(1 + 2 / np.e), rel=1e-5)


def test_why_the_loss_is_opaque():
    """Should Keras cease to undo the softmax, OpaqueCategoricalCrossentropy can go."""
    probabilities = keras.ops.softmax(tf.constant([[0.0, 20.0, 0.0]]))
    transparent = keras.losses.CategoricalCrossentropy(from_logits=True)
    with pytest.warns(UserWarning, match="does not represent logits"):
        assert float(transparent(tf.constant([[0.0, 1.0, 0.0]]), probabilities)) < 1e-6


def test_squared_temperature():
    p, q = np.array([[0.5, 0.5], [0.9, 0.1]]), np.array([[0.25, 0.75], [0.6, 0.4]])
    kl = np.sum(p * np.log(p / q), axis=1)
    loss = SquaredTemperatureKLDivergence(3.0)
    assert float(loss(p, q)) == pytest.approx(9 * kl.mean(), rel=1e-5)
    weighted = loss(p, q, np.array([1.0, 0.0]))
    assert float(weighted) == pytest.approx(9 * kl[0] / 2, rel=1e-5)
    again = SquaredTemperatureKLDivergence.from_config(loss.get_config())
    assert again.temperature == 3.0 and again.name == loss.name


def test_softened_cross_entropy_and_its_config():
    logits, labels = np.array([[4.0, 0.0, -2.0], [1.0, 3.0, 0.0]]), np.eye(3)[[0, 2]]
    loss = SoftenedCategoricalCrossentropy(2.0)
    expected = -np.mean(np.log(softmax(logits / 2, axis=1))[[0, 1], [0, 2]])
    assert float(loss(labels, logits)) == pytest.approx(expected, rel=1e-6)
    again = keras.losses.deserialize(
        keras.losses.serialize(loss),
        {"SoftenedCategoricalCrossentropy": SoftenedCategoricalCrossentropy},
    )
    assert float(again(labels, logits)) == pytest.approx(expected, rel=1e-6)


LOSSES = [
    OpaqueCategoricalCrossentropy(
        from_logits=True, label_smoothing=0.2, axis=1, reduction="sum", dtype="float64"
    ),
    SoftenedCategoricalCrossentropy(
        3.0, label_smoothing=0.2, axis=1, reduction="sum", dtype="float64"
    ),
    SquaredTemperatureKLDivergence(3.0, reduction="sum", dtype="float64"),
]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_settings_outlive_the_config(loss):
    labels = np.moveaxis(np.eye(3)[[[0, 2], [1, 0]]], -1, 1)
    outputs = softmax(np.random.default_rng(0).normal(size=labels.shape), axis=1)
    stored = keras.losses.serialize(loss)
    for again in (type(loss).from_config(loss.get_config()), keras.losses.deserialize(stored)):
        assert again.get_config() == loss.get_config()
        assert float(again(labels, outputs)) == float(loss(labels, outputs))
        assert again.name == loss.name and again.dtype == "float64"

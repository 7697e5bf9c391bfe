"""Bad input is refused by name and value, before any weight moves."""

import keras
import numpy as np
import pytest
from keras import layers

from distillation import Distiller

SPARSE = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.mark.parametrize(
    "changes, error, message",
    [
        ({"alpha": -0.1}, ValueError, "alpha is -0.1; accepted: a number from 0 to 1"),
        ({"alpha": 1.5}, ValueError, "alpha is 1.5; accepted: a number from 0 to 1"),
        ({"alpha": float("nan")}, ValueError, "alpha is nan"),
        ({"temperature": 0}, ValueError, "temperature is 0; accepted: a finite number above 0"),
        ({"temperature": -1.0}, ValueError, "temperature is -1.0"),
        ({"temperature": float("nan")}, ValueError, "temperature is nan"),
        ({"temperature": float("inf")}, ValueError, "temperature is inf"),
        ({"student_loss_fn": "mse"}, TypeError, "student_loss_fn is 'mse'; accepted: a keras"),
        (
            {"distillation_loss_fn": keras.losses.kl_divergence},
            TypeError,
            "distillation_loss_fn is <function",
        ),
    ],
)
def test_compile(changes, error, message, linear, compiled):
    distiller = Distiller(linear(1), linear(2))
    with pytest.raises(error, match=message):
        compiled(distiller, **changes)
    assert not distiller.compiled


@pytest.mark.parametrize("role", ["student", "teacher"])
def test_not_a_keras_model(role, linear):
    pair = {"student": linear(1), "teacher": linear(2), role: lambda images: images}
    with pytest.raises(TypeError, match=f"{role} is a function; accepted: a keras.Model"):
        Distiller(**pair)


class Subclassed(keras.Model):
    def __init__(self, classes):
        super().__init__()
        self.dense = layers.Dense(classes)

    def call(self, inputs, training=None):
        return self.dense(inputs)


def test_differing_classes():
    student, teacher = (
        keras.Sequential([keras.Input((4,)), layers.Dense(classes)]) for classes in (3, 5)
    )
    message = r"student gives outputs of shape \(None, 3\) and teacher of \(None, 5\)"
    with pytest.raises(ValueError, match=message):
        Distiller(student, teacher)


# Where there is one class, the outputs would broadcast.
@pytest.mark.parametrize("classes", [1, 5])
@pytest.mark.parametrize("built", [True, False])
def test_differing_classes_of_subclassed_models(classes, built, batch, linear, compiled, one_step):
    student, teacher = linear(1), Subclassed(classes)
    if built:
        teacher(batch.x)
    start = student.get_weights()[0]
    distiller = compiled(Distiller(student, teacher))
    message = rf"student gives outputs of shape \(.*, 3\) and teacher of \(.*, {classes}\)"
    with pytest.raises(ValueError, match=message):
        one_step(distiller, batch.x, batch.one_hot)
    np.testing.assert_array_equal(student.get_weights()[0], start)


@pytest.mark.parametrize("built", [True, False])
def test_subclassed_models_are_accepted(built, batch, compiled, one_step):
    student, teacher = Subclassed(3), Subclassed(3)
    if built:
        for model in (student, teacher):
            model(batch.x)
    distiller = compiled(Distiller(student, teacher), alpha=0.0)
    first, second = (one_step(distiller, batch.x, batch.one_hot) for _ in range(2))
    assert second["distillation_loss"] < first["distillation_loss"]


def test_a_fixed_batch_size_does_not_matter(linear):
    fixed = keras.Sequential([keras.Input(batch_shape=(6, 4)), layers.Dense(3)])
    assert Distiller(linear(1), fixed).teacher is fixed


@pytest.mark.parametrize("method", ["fit", "evaluate"])
@pytest.mark.parametrize(
    "labels, sparse, message",
    [
        ("one_hot", True, r"y has shape \(None, 3\) and student_loss_fn is sparse; accepted: int"),
        ("classes", False, r"y has shape \(None,\) and .* categorical over 3 classes; accepted: o"),
        ("column", False, r"y has shape \(None, 1\) and .*; accepted: one-hot .* \[N, 3\]"),
        ("of_4_classes", False, r"y has shape \(None, 4\) and .* over 3 classes"),
        ("none", False, "y is None; accepted: the labels of x"),
    ],
)
def test_labels(method, labels, sparse, message, batch, linear, compiled):
    student = linear(1)
    start = student.get_weights()[0]
    distiller = compiled(
        Distiller(student, linear(2)), metrics=[], **{"student_loss_fn": SPARSE} if sparse else {}
    )
    y = {
        "one_hot": batch.one_hot,
        "classes": batch.classes,
        "column": batch.classes[:, None],
        "of_4_classes": np.eye(4)[batch.classes],
        "none": None,
    }[labels]
    with pytest.raises(ValueError, match=message):
        getattr(distiller, method)(batch.x, y, verbose=0)
    np.testing.assert_array_equal(student.get_weights()[0], start)

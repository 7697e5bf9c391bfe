"""Adversarial images of one model, judged by others."""

import math

import numpy as np
import pytest
import tensorflow as tf

from attacks import FGSM, PGD, Attack, DeepFool
from evaluation import evaluate, transfer_matrix, wilson


def looking_at(*weights):
    """Class 0 where the weighted sum of the values is above the weights' half."""
    column = tf.constant(weights, tf.float32)[:, None]

    def model(images):
        ahead = images @ column - sum(weights) / 2
        return tf.concat([ahead, -ahead], axis=1)

    return model


MODELS = {"first": looking_at(1, 0), "second": looking_at(0, 1), "sum": looking_at(1, 1)}
#: Of class 0 for every model. FGSM takes 0.2 from the values that a model looks at.
IMAGES = np.array([[0.9, 0.9], [0.62, 0.9], [0.9, 0.62], [0.62, 0.62]], np.float32)
LABELS = np.zeros(4, int)


def test_a_matrix_worked_out_by_hand():
    matrix = transfer_matrix(MODELS, IMAGES, LABELS, FGSM(), 0.2)
    assert matrix.names == ("first", "second", "sum")
    assert matrix.clean_correct.all()
    right = [1, 1, 1, 1]
    expected = [
        [[1, 0, 1, 0], right, right],  # the first value is 0.7 or 0.42
        [right, [1, 1, 0, 0], right],
        [[1, 0, 1, 0], [1, 1, 0, 0], [1, 1, 1, 0]],  # 1.4, 1.12, 1.12 and 0.84 in sum
    ]
    np.testing.assert_array_equal(matrix.correct, expected)
    accuracies = [[each.value for each in row] for row in matrix.accuracies]
    assert accuracies == [[0.5, 1, 1], [1, 0.5, 1], [0.5, 0.5, 0.75]]
    entry = matrix.accuracies[2][2]
    assert (entry.low, entry.high, entry.images) == (*wilson(3, 4), 4)


def test_the_table_has_a_row_for_each_pair():
    table = transfer_matrix(MODELS, IMAGES, LABELS, FGSM(), 0.2).table()
    assert table["crafted_on"].tolist() == [""] * 3 + ["first"] * 3 + ["second"] * 3 + ["sum"] * 3
    assert table["model"].tolist() == [*MODELS] * 4
    assert table["accuracy"].tolist() == [1, 1, 1, 0.5, 1, 1, 1, 0.5, 1, 0.5, 0.5, 0.75]
    assert (table["images"] == 4).all()
    low, high = wilson(2, 4)
    assert table.loc[3, ["ci_low", "ci_high"]].tolist() == [low, high]


@pytest.fixture(scope="module")
def mistaken():
    """Three models that are wrong on many of the images, the images, and labels in a column."""
    generator = np.random.default_rng(0)
    weights = generator.normal(size=(3, 16, 4)).astype(np.float32)
    models = {name: (lambda images, w=w: images @ w) for name, w in zip("abc", weights)}
    images = generator.random((60, 16)).astype(np.float32)
    labels = np.argmax(images @ weights.mean(axis=0), axis=1)
    return models, images, labels[:, None]


ATTACKS = [(FGSM(), 0.05), (PGD(3, batch_size=25), 0.05), (DeepFool(5), math.inf)]


@pytest.mark.parametrize("attack, epsilon", ATTACKS, ids=str)
def test_every_entry_is_what_an_evaluation_gives(mistaken, attack, epsilon):
    """The diagonal is the white-box accuracy; what is wrong without attack stays wrong."""
    models, images, labels = mistaken
    matrix = transfer_matrix(models, images, labels, attack, epsilon)
    assert not matrix.clean_correct.all(axis=1).any()
    for i, surrogate in enumerate(models.values()):
        for j, model in enumerate(models.values()):
            others = {} if i == j else {"surrogate": surrogate}
            outcomes = evaluate(model, images, labels, attack, [epsilon], **others)
            np.testing.assert_array_equal(matrix.correct[i, j], outcomes.correct[0])
            np.testing.assert_array_equal(matrix.clean_correct[j], outcomes.clean_correct)


class Counting(Attack):
    """Darkens the images, and remembers how many at a time."""

    norm, batch_size = "linf", 128

    def __init__(self):
        self.sizes = []

    def sweep_task(self, task, epsilons, progress=None):
        self.sizes.append(len(task.images))
        return FGSM(batch_size=2).sweep_task(task, epsilons, progress)


def test_images_are_crafted_once_on_each_model():
    attack, reports = Counting(), []
    transfer_matrix(
        MODELS, IMAGES, LABELS, attack, 0.2, progress=lambda *report: reports.append(report)
    )
    assert attack.sizes == [4, 4, 4]
    assert reports[-1] == (12, 12) and reports == sorted(reports)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"models": {}}, "models is {}; accepted: one model or more, by name"),
        ({"images": IMAGES[:0], "labels": []}, "images is empty; accepted: one image or more"),
        ({"labels": LABELS + 2}, "labels has the value 2; accepted: 0 to 1"),
        ({"epsilon": 8}, "epsilon is 8; accepted for linf: 0 to 1"),
    ],
)
def test_refused_arguments(arguments, message):
    given = {"models": MODELS, "images": IMAGES, "labels": LABELS, "epsilon": 0.2} | arguments
    with pytest.raises(ValueError, match=message):
        transfer_matrix(**given, attack=FGSM())


def test_a_model_of_fewer_classes_is_refused():
    models = {"four": lambda images: images @ tf.eye(2, 4), "two": MODELS["sum"]}
    with pytest.raises(ValueError, match="labels has the value 2; accepted: 0 to 1"):
        transfer_matrix(models, IMAGES, [0, 1, 2, 3], FGSM(), 0.1)

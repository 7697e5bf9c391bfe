"""What the table of a user's own model shows of an attack."""

import numpy as np
import pytest

from attacks import JSMA, DeepFool
from evaluation import evaluate
from reports.own_model import accuracy_table


@pytest.fixture(scope="module")
def model():
    weights = np.float32([[1, -1], [1, -1], [2, -2], [2, -2]])
    return lambda images: images @ weights + np.float32([0, 1.5])


def shown(model, attack, epsilons):
    images = np.float32([[0, 0, 0, 0.5], [0.5, 0, 0, 0], [1, 1, 0, 0]])
    table = accuracy_table(evaluate(model, images, [1, 1, 1], attack, epsilons), attack, False)
    return {column.header: list(column.cells) for column in table.columns}


def test_an_attack_that_counts_values(model):
    columns = shown(model, JSMA(gamma=1.0), [1, 2, np.inf])
    assert columns["epsilon"] == ["clean", "1", "2", "any"]
    assert columns["0-255"] == ["", "", "", ""]
    # The second image alone is of class 1 without attack, and a pair of values turns it.
    assert columns["fooled"] == ["", "0", "1", "1"]
    assert columns["mean L0"] == ["", "", "2.0", "2.0"]
    assert "mean L-inf" not in columns


def test_an_attack_that_measures_distances(model):
    columns = shown(model, DeepFool(norm="linf"), [0.1, np.inf])
    assert columns["epsilon"] == ["clean", "0.10000", "any"]
    assert columns["0-255"] == ["", "25.50", ""]
    assert len(columns["mean L-inf"]) == 3 and "mean L0" not in columns

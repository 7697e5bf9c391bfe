"""What the table of a user's own model shows of attacks, on wide and on narrow screens."""

from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from attacks import FGSM, JSMA, PGD, DeepFool
from evaluation import evaluate
from evaluation.measured_arm import MeasuredArm
from evaluation.own_attacks import OwnAttacks
from reports.own_model import attack_table

IMAGES = np.float32([[0, 0, 0, 0.5], [0.5, 0, 0, 0], [1, 1, 0, 0]])


@pytest.fixture(scope="module")
def model():
    weights = np.float32([[1, -1], [1, -1], [2, -2], [2, -2]])
    return lambda images: images @ weights + np.float32([0, 1.5])


def attacked(model, **arms):
    """An attack and its epsilons by name, on three images, the second alone of class 1."""
    measured = tuple(
        MeasuredArm(name, attack, evaluate(model, IMAGES[:count], [1] * count, attack, epsilons))
        for name, (attack, epsilons, count) in arms.items()
    )
    return OwnAttacks(measured, (), None, task=None, indices=np.arange(3))


def cells(table):
    return {column.header: list(column.cells) for column in table.columns}


def printed(table, width):
    console = Console(width=width, file=StringIO())
    console.print(table)
    return console.file.getvalue().splitlines()


def test_an_attack_that_counts_values(model):
    columns = cells(attack_table(attacked(model, jsma=(JSMA(gamma=1.0), [1, 2, np.inf], 3))))
    assert columns["within\n(L0)"] == ["clean", "1", "2", "any"]
    # The second image alone is of class 1 without attack, and a pair of values turns it.
    assert columns["fooled"] == ["", "0", "1", "1"]
    assert columns["mean\nL0"] == ["", "", "2", "2"]
    assert "mean\nL-inf" not in columns


def test_grey_levels_in_linf_and_pixels_in_l2(model):
    both = {"fool": (DeepFool(norm="linf"), [0.1, np.inf], 3), "l2": (DeepFool(), [0.5], 3)}
    columns = cells(attack_table(attacked(model, **both)))
    assert columns["attack"] == ["none", "fool", "fool", "l2"]
    assert columns["within"] == ["", "L-inf 25.5/255", "L-inf any", "L2 0.5"]
    assert columns["mean\nL-inf"][2].endswith("/255")


def test_the_worst_of_attacks_with_a_budget_in_common(model):
    two = {"fgsm": (FGSM(), [0.2, 0.3], 3), "pgd": (PGD(steps=3), [0.2], 3)}
    table = attacked(model, **two, deepfool=(DeepFool(), [0.2], 3))
    columns = cells(attack_table(table))
    assert columns["attack"][-1] == "worst of 2" and columns["attack"].count("worst of 2") == 1
    assert columns["within"][-1] == "L-inf 51/255"
    [worst] = table.worst_cases
    fgsm, pgd = (arm.outcomes.correct[0] for arm in table.arms[:2])
    assert worst.attacks == ("fgsm", "pgd")
    assert worst.accuracy.value == (fgsm & pgd).mean()


def test_an_interrupted_attack_counts_its_own_images(model):
    two = {"fgsm": (FGSM(), [0.2], 3), "pgd": (PGD(steps=3), [0.2], 2)}
    columns = cells(attack_table(attacked(model, **two)))
    assert columns["images"] == ["3", "3", "2", "2"]


@pytest.mark.parametrize("width", [40, 60, 200])
def test_no_number_is_cut_off_or_broken(model, width):
    table = attack_table(attacked(model, fgsm=(FGSM(), [0.1, 0.2], 3), pgd=(PGD(), [0.2], 3)))
    lines = printed(table, width)
    assert "…" not in "".join(lines)
    for column in table.columns:
        for cell in column.cells:
            assert any(cell in line for line in lines)
    assert max(map(len, lines)) <= width
    assert ("──" in "".join(lines)) == (width == 200)  # else a block for each row

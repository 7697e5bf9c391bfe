"""XLA is an option: the same attacks, other kernels."""

import numpy as np
import pytest

from attacks import (
    APGD,
    DDN,
    FAB,
    FGSM,
    FMN,
    JSMA,
    PGD,
    BudgetAttack,
    CarliniWagner,
    DeepFool,
    SigmaZero,
    Square,
    robust_curve,
)
from attacks.engine.task import Task

ATTACKS = [
    FGSM(),
    PGD(4, random_start=False),
    PGD(4, norm="l2", random_start=False),
    PGD(4, stop_at_success=True, random_start=False),
]
EPSILON = {"linf": 0.12, "l2": 0.7}


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_the_same_outcomes(cnn, images, labels, attack):
    epsilon = EPSILON[attack.norm]
    plain = attack(cnn, images, labels, epsilon=epsilon)
    compiled = attack(cnn, images, labels, epsilon=epsilon, jit_compile=True)
    # Sums in another order can turn the sign of a vanishing derivative.
    assert np.mean(np.abs(compiled.images - plain.images) < 1e-4) > 0.99
    assert np.mean(compiled.success == plain.success) > 0.95
    np.testing.assert_array_equal(compiled.gradient_evaluations, plain.gradient_evaluations)


@pytest.mark.parametrize(
    "attack",
    [
        APGD(4),
        CarliniWagner(1, 20, initial_c=1.0),
        # Each takes XLA five to fifteen seconds.
        *(
            pytest.param(attack, marks=pytest.mark.slow)
            for attack in (
                APGD(3, norm="l2", loss="dlr", targets=2),
                Square(10),
                Square(10, norm="l2"),
                DeepFool(5),
                FAB(4),
                DDN(10),
                FMN(10),
                FMN(10, norm="l1"),
                FMN(10, norm="l0"),
                SigmaZero(30),
                JSMA(),
            )
        ),
    ],
    ids=str,
)
def test_every_kind_of_step_compiles(cnn, images, labels, attack):
    budget = isinstance(attack, BudgetAttack)
    epsilon = {"epsilon": EPSILON[attack.norm]} if budget else {}
    plain = attack(cnn, images, labels, **epsilon)
    compiled = attack(cnn, images, labels, **epsilon, jit_compile=True)
    assert plain.success.any()
    assert np.mean(compiled.success == plain.success) > 0.9


def test_it_is_xla_that_compiles(compiled_functions, cnn, images, labels):
    for jit_compile in (False, True):
        PGD(1, random_start=False)(cnn, images, labels, epsilon=0.1, jit_compile=jit_compile)
    (functions,) = compiled_functions[cnn].functions.values()
    asked = {key: f.function_def.attr["_XlaMustCompile"].b for key, f in functions.items()}
    assert {key[-1] for key in asked} == {False, True}
    assert all(key[-1] == by_xla for key, by_xla in asked.items())


def test_a_batch_keeps_its_size(cnn, images, labels):
    """Every other size would be compiled anew."""
    for jit_compile, rows in ((False, 2), (True, 10)):
        remaining = Task(cnn, images, labels, jit_compile=jit_compile).remaining(10)
        (left,) = remaining.finish(np.arange(8), np.arange(10))
        assert len(left) == len(remaining.rows) == rows
        np.testing.assert_array_equal(remaining.rows_going, [8, 9])


def test_curves(cnn, images, labels):
    epsilons = [0.05, 0.1, 0.2, 0.3]
    attack = PGD(4, random_start=False)
    plain = robust_curve(cnn, images, labels, attack, epsilons)
    compiled = robust_curve(cnn, images, labels, attack, epsilons, jit_compile=True)
    assert np.mean(plain.broken_at == compiled.broken_at) > 0.95

"""The attack in the documentation of `attacks.engine` is an attack."""

from textwrap import dedent

import numpy as np
import pytest

import attacks.engine
from attacks import Attack, robust_curve


@pytest.fixture(scope="module")
def one_step():
    """The class that the docstring defines."""
    _, example = attacks.engine.__doc__.split("Example:\n")
    words, code = example.split("\n\n", 1)
    assert words.strip() and code.count("\n") < 40
    names = {}
    exec(dedent(code), names)
    return names["OneStep"]


@pytest.mark.parametrize("batch_size", [128, 10])
def test_it_lowers_accuracy_within_the_ball(cnn, images, labels, one_step, batch_size):
    attack = one_step(batch_size=batch_size)
    assert isinstance(attack, Attack)
    clean = (cnn(images, training=False).numpy().argmax(axis=1) == labels).mean()
    accuracies = []
    for epsilon in (0.05, 0.2):
        result = attack(cnn, images, labels, epsilon=epsilon)
        assert result.images.dtype == np.float32
        assert result.images.min() >= 0 and result.images.max() <= 1
        assert 0.9 * epsilon < result.distances["linf"].max() <= epsilon + 1e-6
        accuracies.append((~result.success).mean())
    assert clean > accuracies[0] > accuracies[1]


def test_it_has_what_the_others_have(cnn, images, labels, one_step):
    """A sweep in the order given, and a curve."""
    large, small = one_step().sweep(cnn, images, labels, epsilons=[0.2, 0.05])
    assert (large.epsilon, small.epsilon) == (0.2, 0.05)
    assert large.success.sum() > small.success.sum()
    curve = robust_curve(cnn, images, labels, one_step(), [0.2, 0.05])
    assert (curve.accuracy <= [(~large.success).mean(), (~small.success).mean()]).all()

"""FGSM and PGD give the images that CleverHans gives, also where they divide them into batches."""

import numpy as np
import pytest

from attacks.fgsm import FGSM
from attacks.norms import ORDER
from attacks.pgd import PGD

pytestmark = pytest.mark.filterwarnings("ignore")

EPSILONS = {"linf": [0.02, 0.05, 0.1, 0.3], "l2": [0.2, 0.5, 1.0, 2.0]}


def assert_same(found, expected, originals):
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)
        assert not np.array_equal(ours, originals)


@pytest.mark.parametrize("norm", EPSILONS)
def test_fgsm(network, cleverhans, norm):
    data = network.images, network.labels
    ours = FGSM(norm, batch_size=32).craft(network.model, *data, epsilons=EPSILONS[norm])
    theirs = cleverhans.fgsm(*data, EPSILONS[norm], norm=ORDER[norm])
    assert_same(ours, theirs, network.images)


@pytest.mark.parametrize("norm, step_size, steps", [("linf", 0.01, 40), ("l2", 0.1, 20)])
def test_pgd(network, cleverhans, norm, step_size, steps):
    data = network.images, network.labels
    attack = PGD(steps, step_size, norm, batch_size=32)
    ours = attack.craft(network.model, *data, epsilons=EPSILONS[norm])
    theirs = cleverhans.pgd(*data, EPSILONS[norm], steps, step_size, norm=ORDER[norm])
    assert_same(ours, theirs, network.images)

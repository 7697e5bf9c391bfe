"""FGSM and PGD give the images that CleverHans gives, also where they divide them into batches."""

import numpy as np
import pytest

from attacks.engine.norms import ORDER
from attacks.fgsm import FGSM
from attacks.pgd import PGD

pytestmark = pytest.mark.filterwarnings("ignore")

EPSILONS = {"linf": [0.02, 0.05, 0.1, 0.3], "l2": [0.2, 0.5, 1.0, 2.0]}


def assert_same(found, expected, originals, share=1.0):
    """Same pixels to 1e-6, in this share of the images."""
    for ours, theirs in zip(found, expected, strict=True):
        differences = np.abs(ours - theirs).max(axis=(1, 2, 3))
        assert (differences <= 1e-6).mean() >= share, differences.max()
        assert not np.array_equal(ours, originals)


@pytest.mark.parametrize("norm", EPSILONS)
def test_fgsm(network, cleverhans, norm):
    data = network.images, network.labels
    ours = FGSM(norm, batch_size=32).craft(network.model, *data, epsilons=EPSILONS[norm])
    theirs = cleverhans.fgsm(*data, EPSILONS[norm], norm=ORDER[norm])
    assert_same(ours, theirs, network.images, share={"linf": 1.0, "l2": 0.95}[norm])


# In L2 a compiled division differs in its last bit. Later steps make it larger on an image where
# they cross a kink of the network.
@pytest.mark.parametrize(
    "norm, step_size, steps, share",
    [("linf", 0.01, 40, 1.0), ("l2", 0.2, 2, 0.95), ("l2", 0.1, 20, 0.9)],
)
def test_pgd(network, cleverhans, norm, step_size, steps, share):
    data = network.images, network.labels
    attack = PGD(steps, step_size, norm, batch_size=32, random_start=False)
    ours = attack.craft(network.model, *data, epsilons=EPSILONS[norm])
    theirs = cleverhans.pgd(*data, EPSILONS[norm], steps, step_size, norm=ORDER[norm])
    assert_same(ours, theirs, network.images, share)

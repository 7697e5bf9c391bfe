"""Budget attacks beside those of ART, and the ensemble beside its parts."""

import numpy as np
import pytest

from attacks.apgd import APGD
from attacks.auto_attack import AutoAttack
from attacks.deepfool import DeepFool
from attacks.engine.norms import ORDER
from attacks.square import Square
from evaluation import Estimate

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

NORMS = ["linf", "l2"]
STEPS = 40


@pytest.fixture(scope="module")
def epsilons(network):
    """By norm, where about half of the images are broken."""
    data = network.model, network.images, network.labels
    return {norm: float(np.median(DeepFool(norm=norm)(*data).distances[norm])) for norm in NORMS}


def withstand(network, images):
    """Whether each image still has its class, bool [N]; what is not finite is no image."""
    finite = np.isfinite(images).all(axis=(1, 2, 3), keepdims=True)
    logits = network.model.predict(np.where(finite, images, network.images), verbose=0)
    return logits.argmax(axis=1) == network.labels


def assert_no_weaker(ours, theirs):
    """Both bool [N], whether images withstand the attack."""
    assert not ours.all()
    assert Estimate.paired(ours, theirs).sign <= 0


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("loss", ["cross-entropy", "dlr"])
def test_apgd_is_no_weaker_than_that_of_art(network, art, epsilons, norm, loss):
    epsilon = epsilons[norm]
    attack = APGD(steps=STEPS, norm=norm, loss=loss)
    ours = attack(network.model, network.images, network.labels, epsilon=epsilon)
    theirs = art.apgd(network.images, network.labels, epsilon, STEPS, loss, norm=ORDER[norm])
    assert_no_weaker(~ours.success, withstand(network, theirs))


@pytest.mark.parametrize("norm", NORMS)
def test_square_is_no_weaker_than_that_of_art(network, art, epsilons, norm):
    epsilon = epsilons[norm]
    attack = Square(queries=200, norm=norm)
    ours = attack(network.model, network.images, network.labels, epsilon=epsilon)
    np.random.seed(0)
    theirs = art.square(network.images, network.labels, epsilon, 200, norm=ORDER[norm])
    assert_no_weaker(~ours.success, withstand(network, theirs))


@pytest.mark.parametrize("norm", NORMS)
def test_auto_attack_is_never_above_its_parts(network, epsilons, norm):
    data, epsilon = (network.model, network.images, network.labels), epsilons[norm]
    ensemble = AutoAttack(norm=norm, steps=10, targets=3, queries=50)
    broken = ensemble(*data, epsilon=epsilon).success
    for attack in ensemble.attacks(num_classes=10):
        [alone] = attack.sweep(*data, epsilons=[epsilon])
        assert not (alone.success & ~broken).any()

"""What an attack says it takes at most is what it takes on images that it does not break."""

import math

import numpy as np
import pytest

import attacks
from blobs import blobs, plain

#: Attacks with few steps, and what they are run within: too little to break anything.
CASES = {
    "FGSM": (attacks.FGSM(), [1e-6]),
    "BIM": (attacks.BIM(steps=4), [1e-6, 2e-6]),
    "momentum": (attacks.MomentumIterative(steps=4), [1e-6]),
    "PGD": (attacks.PGD(steps=4, restarts=3), [1e-6, 2e-6]),
    "APGD": (attacks.APGD(steps=4, restarts=2), [1e-6]),
    "APGD towards classes": (attacks.APGD(steps=4, loss="dlr", targets=3), [1e-6]),
    "APGD towards all": (attacks.APGD(steps=2, loss="dlr", targets=20), [1e-6]),
    "Square": (attacks.Square(queries=30), [1e-6]),
    "AutoAttack": (attacks.AutoAttack(steps=3, targets=2, queries=10), [1e-6, 2e-6]),
    "AutoAttack plus": (attacks.AutoAttack("l2", "plus", 3, targets=2, queries=10), [1e-6]),
    "APGD on several draws": (attacks.APGD(steps=4, draws=3), [1e-6]),
    "DeepFool": (attacks.DeepFool(steps=1, candidates=4), [math.inf]),
    "DeepFool, all classes": (attacks.DeepFool(steps=1, candidates=None), [math.inf]),
    "CW": (attacks.CarliniWagner(search_steps=2, steps=5, abort_early=False), [math.inf]),
    "FAB": (attacks.FAB(steps=3, restarts=2, candidates=5), [math.inf]),
    "FAB towards classes": (attacks.FAB(steps=3, targets=4), [math.inf]),
    "DDN": (attacks.DDN(steps=5), [1e-6]),
    "FMN": (attacks.FMN(steps=5), [1e-6]),
    "sigma-zero": (attacks.SigmaZero(steps=5), [1e-6]),
    "pixel swap, few": (attacks.PixelSwap(max_swaps=3), [math.inf]),
    "JSMA": (attacks.JSMA(gamma=0.2, targets=2), [math.inf]),
}


@pytest.fixture(scope="module")
def victim():
    model = plain()
    images, labels = blobs(40, seed=5)
    right = model.predict(images, verbose=0).argmax(1) == labels
    return model, images[right][:16], labels[right][:16]


@pytest.mark.parametrize("name", CASES)
def test_the_most_is_the_most(victim, name):
    attack, epsilons = CASES[name]
    model, images, labels = victim
    results = attack.sweep(model, images, labels, epsilons=epsilons)
    gradients = np.sum([each.gradient_evaluations for each in results], axis=0)
    forwards = np.sum([each.forward_evaluations for each in results], axis=0)
    most = attack.most_evaluations(len(epsilons), 10, images.shape[1:])
    assert gradients.max() <= most.gradients <= max(1, 2 * gradients.max())
    assert forwards.max() <= most.forwards <= 2 * forwards.max() + 1

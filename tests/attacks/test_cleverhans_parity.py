"""FGSM and PGD against the library whose results they have to give."""

import cleverhans.tf2.attacks.projected_gradient_descent as cleverhans_pgd
import numpy as np
import pytest
from cleverhans.tf2.attacks.fast_gradient_method import fast_gradient_method

import models
from attacks import FGSM, PGD, Targeted, as_logits
from attacks.engine.draws import ball_noise

GREY = 1 / 255
ORDER = {"linf": np.inf, "l2": 2, "l1": 1}
# 40 steps of 0.01 grey levels do not reach the last two.
PLATEAU = [level * GREY for level in (0.1, 0.3, 0.5, 0.8)]
EPSILONS = {"linf": [0.01, 0.1, 1.0], "l2": [0.2, 1.0, 8.0], "l1": [0.5, 10.0]}


@pytest.fixture(scope="module")
def logits_of(network):
    """One function per network: CleverHans traces anew for every other one."""
    return lambda images: network(images, training=False)


def assert_same(results, expected, originals):
    for result, images in zip(results, expected, strict=True):
        np.testing.assert_allclose(result.images, images, rtol=0, atol=1e-6)
        assert not np.array_equal(result.images, originals)


def settings(labels):
    """Arguments of ours and of CleverHans, by protocol."""
    clipped = {"clip_min": 0.0, "clip_max": 1.0}
    targets = (labels + 1) % 10
    return {
        "faithful": (None, {}),
        "corrected": (labels, {"y": labels, **clipped}),
        "targeted": (Targeted(targets), {"y": targets, "targeted": True, **clipped}),
    }


@pytest.mark.parametrize("norm", ORDER)
@pytest.mark.parametrize("protocol", ["faithful", "corrected", "targeted"])
def test_fgsm(network, logits_of, images, labels, norm, protocol):
    goal, arguments = settings(labels)[protocol]
    attack = FGSM(norm, clip=protocol != "faithful")
    results = attack.sweep(network, images, goal, epsilons=EPSILONS[norm])
    expected = [
        fast_gradient_method(logits_of, images, epsilon, ORDER[norm], **arguments)
        for epsilon in EPSILONS[norm]
    ]
    assert_same(results, expected, images)


@pytest.mark.parametrize(
    "attack",
    [
        PGD(40, 0.01 * GREY, clip=False, random_start=False),
        PGD(20, 0.02, "l2", clip=False, random_start=False),
    ],
    ids=str,
)
def test_faithful_pgd(network, logits_of, images, attack):
    epsilons = {"linf": PLATEAU, "l2": [0.1, 0.3, 0.5]}[attack.norm]
    results = attack.sweep(network, images, epsilons=epsilons)
    expected = [pgd(logits_of, images, attack, epsilon) for epsilon in epsilons]
    assert_same(results, expected, images)


# In L2 a compiled x / sqrt(y) differs in its last bit, which many large steps amplify.
@pytest.mark.parametrize(
    "attack",
    [
        PGD(10, 0.03, random_start=False),
        PGD(4, 0.3, "l2", random_start=False),
        PGD(8, random_start=False),
    ],
    ids=str,
)
@pytest.mark.parametrize("protocol", ["corrected", "targeted"])
def test_corrected_pgd(network, logits_of, images, labels, attack, protocol):
    goal, arguments = settings(labels)[protocol]
    epsilons = {"linf": [0.05, 0.2], "l2": [0.5, 2.0]}[attack.norm]
    results = attack.sweep(network, images, goal, epsilons=epsilons)
    expected = [pgd(logits_of, images, attack, epsilon, **arguments) for epsilon in epsilons]
    assert_same(results, expected, images)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("protocol", ["faithful", "corrected"])
def test_random_start(network, logits_of, images, labels, norm, protocol, monkeypatch):
    ids = np.arange(len(images))[::-1] + 7

    def our_draw(shape, order, epsilon, dtype):
        assert order == ORDER[norm]
        return epsilon * ball_noise(ids, images.shape[1:], norm, (5, 0))

    monkeypatch.setattr(cleverhans_pgd, "random_lp_vector", our_draw)
    goal, arguments = settings(labels)[protocol]
    attack = PGD(5, norm=norm, random_start=True, seed=5, clip=protocol == "corrected")
    epsilon = {"linf": 0.1, "l2": 1.0}[norm]
    result = attack(network, images, goal, epsilon=epsilon, ids=ids)
    expected = pgd(logits_of, images, attack, epsilon, rand_init=1.0, **arguments)
    assert_same([result], [expected], images)


def test_probabilities_taken_for_logits(network, images):
    ends_in_softmax = models.with_softmax(network)
    attack = PGD(10, 0.01, clip=False, random_start=False)
    result = attack(as_logits(ends_in_softmax), images, epsilon=0.05)
    expected = pgd(lambda x: ends_in_softmax(x, training=False), images, attack, 0.05)
    assert_same([result], [expected], images)
    honest = attack(network, images, epsilon=0.05)
    assert not np.allclose(honest.images, result.images)


def pgd(logits_of, images, attack, epsilon, **arguments):
    step_size = attack.step_size or 2.5 * epsilon / attack.steps
    return cleverhans_pgd.projected_gradient_descent(
        logits_of, images, epsilon, step_size, attack.steps, ORDER[attack.norm], **arguments
    )

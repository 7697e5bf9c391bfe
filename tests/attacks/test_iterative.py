"""BIM and the momentum iterative method: steps by hand, each other, and CleverHans."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from cleverhans.tf2.attacks.momentum_iterative_method import momentum_iterative_method

from attacks import PGD, Targeted
from attacks.bim import BIM
from attacks.momentum_iterative import MomentumIterative

ORDER = {"linf": np.inf, "l2": 2}
KEPT = [
    {},
    {"norm": "l2"},
    {"step_size": 0.03},
    {"step_size": 0.03, "norm": "l2", "clip": False},
    {"stop_at_success": True},
    {"stop_at_success": True, "step_size": 0.02, "temperature": 5.0, "batch_size": 20},
]


@pytest.mark.parametrize("arguments", KEPT, ids=str)
def test_bim_is_pgd_from_the_image(cnn, images, labels, arguments):
    epsilons = [0.3, 1.5] if "norm" in arguments else [0.02, 0.15]
    crafted = BIM(8, **arguments).sweep(cnn, images, labels, epsilons=epsilons)
    for epsilon, result in zip(epsilons, crafted):
        step_size = arguments.get("step_size", 1.25 * epsilon / 8)
        pgd = PGD(8, random_start=False, **(arguments | {"step_size": step_size}))
        same = pgd(cnn, images, labels, epsilon=epsilon)
        # A step size computed in float64 can differ in the last bit.
        np.testing.assert_allclose(result.images, same.images, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(result.gradient_evaluations, same.gradient_evaluations)


@pytest.mark.parametrize(
    "attack",
    [PGD(6, 0.02, random_start=False), BIM(6, 0.02), MomentumIterative(6, 0.02)],
    ids=lambda attack: type(attack).__name__,
)
def test_steps_of_one_size_are_shared(attack, counting, images, labels):
    attack.sweep(counting, images, labels, epsilons=[0.05, 0.07])
    counting.runs()
    shared = attack.sweep(counting, images, labels, epsilons=[0.05, 0.07])
    # Steps 1 and 2 for both, the third for the larger; then a probe and two outcomes.
    assert counting.runs() == 3 + 4 + 3 + 1 + 2
    alone = attack(counting, images, labels, epsilon=0.05)
    np.testing.assert_array_equal(shared[0].images, alone.images)
    np.testing.assert_array_equal(shared[0].gradient_evaluations, alone.gradient_evaluations)


WEIGHTS = np.array([2.0, -1.0, 0.5, 0.0], np.float32)


def scores(pixels):
    """Logits 0 and w (x - 1/2), whose loss away from class 0 rises along w, and flatter."""
    score = tf.linalg.matvec(pixels - 0.5, tf.constant(WEIGHTS))
    return tf.stack([tf.zeros_like(score), score], axis=1)


GREY = np.full((1, 4), 0.5, np.float32)


@pytest.mark.parametrize(
    "attack",
    [MomentumIterative(3), MomentumIterative(3, sign_inside=True), MomentumIterative(3, decay=0)],
    ids=str,
)
def test_a_linear_model_by_hand(attack):
    result = attack(scores, GREY, [0], epsilon=0.3)
    np.testing.assert_allclose(result.images, 0.5 + 0.3 * np.sign([WEIGHTS]), atol=1e-6)


def test_l2_steps_follow_the_gradient():
    result = MomentumIterative(3, norm="l2")(scores, GREY, [0], epsilon=0.3)
    expected = 0.5 + 0.3 * WEIGHTS / np.linalg.norm(WEIGHTS)
    np.testing.assert_allclose(result.images, [expected], atol=1e-6)


def bent(pixels):
    """A margin whose gradient turns as x moves."""
    x0, x1 = pixels[:, 0] - 0.5, pixels[:, 1] - 0.5
    loss = 3 * x0 + x1 - 10 * x0**2 + 10 * x1**2 - 20 * x0 * x1
    return tf.stack([tf.zeros_like(loss), loss], axis=1)


def gradient_of_bent(x):
    """Of the cross-entropy away from class 0, log(1 + exp(loss))."""
    x0, x1 = x - 0.5
    loss = 3 * x0 + x1 - 10 * x0**2 + 10 * x1**2 - 20 * x0 * x1
    slope = np.array([3 - 20 * x0 - 20 * x1, 1 + 20 * x1 - 20 * x0])
    return slope / (1 + np.exp(-loss))


@pytest.mark.parametrize("sign_inside", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.5, 1.0, 2.0])
def test_the_printed_formulas(sign_inside, decay):
    attack = MomentumIterative(9, 0.05, decay=decay, sign_inside=sign_inside)
    start = np.array([0.512, 0.481])  # where no slope is 0 after steps of 0.05
    x, total = start, np.zeros(2)
    for _ in range(9):
        gradient = gradient_of_bent(x)
        if sign_inside:
            gradient = np.sign(gradient)
        total = decay * total + gradient / np.abs(gradient).sum()
        x = np.clip(x + 0.05 * np.sign(total), start - 0.2, start + 0.2)
    result = attack(bent, start[None].astype(np.float32), [0], epsilon=0.2)
    np.testing.assert_allclose(result.images, [x], atol=1e-6)


def test_the_two_forms_differ():
    start = np.array([[0.512, 0.481]], np.float32)
    attack = MomentumIterative(4, 0.05)
    usual = attack(bent, start, [0], epsilon=0.2)
    printed = replace(attack, sign_inside=True)(bent, start, [0], epsilon=0.2)
    assert not np.allclose(usual.images, printed.images)


@pytest.mark.parametrize("sign_inside", [False, True])
def test_without_decay_it_is_bim(network, images, labels, sign_inside):
    attack = MomentumIterative(8, 0.02, decay=0, sign_inside=sign_inside)
    for stop in (False, True):
        crafted = replace(attack, stop_at_success=stop)(network, images, labels, epsilon=0.1)
        same = BIM(8, 0.02, stop_at_success=stop)(network, images, labels, epsilon=0.1)
        np.testing.assert_allclose(crafted.images, same.images, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(crafted.gradient_evaluations, same.gradient_evaluations)


@pytest.fixture(scope="module")
def logits_of(network):
    """One function per network: CleverHans traces anew for every other one."""
    return lambda images: network(images, training=False)


@pytest.mark.parametrize("norm", ORDER)
@pytest.mark.parametrize("decay", [1.0, 0.3])
@pytest.mark.parametrize("protocol", ["faithful", "corrected", "targeted"])
def test_momentum_against_cleverhans(network, logits_of, images, labels, norm, decay, protocol):
    clipped = {"clip_min": 0.0, "clip_max": 1.0}
    targets = (labels + 1) % 10
    goal, arguments = {
        "faithful": (None, {}),
        "corrected": (labels, {"y": labels, **clipped}),
        "targeted": (Targeted(targets), {"y": targets, "targeted": True, **clipped}),
    }[protocol]
    # Steps in L2 amplify the last bit of a compiled x / sqrt(y).
    steps, close = {"linf": (10, 1e-6), "l2": (4, 5e-6)}[norm]
    attack = MomentumIterative(steps, norm=norm, decay=decay, clip=protocol != "faithful")
    for epsilon in {"linf": [0.02, 0.15], "l2": [0.1, 0.5]}[norm]:
        result = attack(network, images, goal, epsilon=epsilon)
        expected = momentum_iterative_method(
            logits_of,
            images,
            epsilon,
            epsilon / steps,
            steps,
            ORDER[norm],
            decay_factor=decay,
            sanity_checks=False,
            **arguments,
        )
        np.testing.assert_allclose(result.images, expected, rtol=0, atol=close)


def test_a_gradient_of_zero_moves_nothing():
    flat = np.zeros((2, 4), np.float32)

    def black(pixels):
        return tf.stack([tf.reduce_sum(pixels**2, axis=1), 0 * pixels[:, 0]], axis=1)

    for norm in ORDER:
        for attack in (BIM(norm=norm), MomentumIterative(norm=norm)):
            result = attack(black, flat, Targeted([1, 1]), epsilon=0.1)
            np.testing.assert_array_equal(result.images, flat)


REFUSED = {
    "steps": (BIM, {"steps": 0}, "steps is 0; accepted: a whole number, 1 or more"),
    "step size": (BIM, {"step_size": -1}, "step_size is -1; accepted: a finite number above 0"),
    "BIM norm": (BIM, {"norm": "l1"}, "norm is 'l1'; accepted: 'linf', 'l2'$"),
    "norm": (MomentumIterative, {"norm": "l1"}, "norm is 'l1'; accepted: 'linf', 'l2'$"),
    "batch": (MomentumIterative, {"batch_size": 0}, "batch_size is 0; accepted"),
    "temperature": (MomentumIterative, {"temperature": 0}, "temperature is 0; accepted"),
    "decay": (MomentumIterative, {"decay": -0.1}, "decay is -0.1; accepted: a finite number, 0"),
    "sign inside l2": (
        MomentumIterative,
        {"sign_inside": True, "norm": "l2"},
        "norm is 'l2' with sign_inside; accepted: 'linf'",
    ),
}


@pytest.mark.parametrize("make, arguments, message", REFUSED.values(), ids=REFUSED)
def test_refused(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)

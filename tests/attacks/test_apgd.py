"""APGD: its schedule by hand, its iterates against algorithm 1, and what it promises."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from attacks import PGD, Targeted
from attacks.apgd import APGD, checkpoints
from attacks.engine.auto_steps import State, reviewed

EPSILON = {"linf": 0.1, "l2": 0.5}


def test_checkpoints_of_the_paper():
    assert checkpoints(100) == [0, 22, 41, 57, 70, 80, 87, 93, 99]
    assert checkpoints(50) == [0, 11, 21, 29, 35, 40, 44, 47]
    assert checkpoints(10) == [0, 3, 5, 6, 7, 8, 9]
    assert checkpoints(1) == [0]


CENTRE = np.array([0.5, 0.2, -0.3, 0.1, -0.45, 0.02]) + 0.5
CURVATURE = np.random.default_rng(5).normal(size=(6, 6))
CURVATURE = CURVATURE @ CURVATURE.T


def quadratic(pixels):
    """Logits 0 and a concave function whose largest value is at CENTRE."""
    off = pixels - tf.constant(CENTRE, tf.float32)
    value = -tf.reduce_sum(off * (off @ tf.constant(CURVATURE, tf.float32)), axis=1)
    return tf.stack([tf.zeros_like(value), value], axis=1)


def loss_and_gradient(x):
    return -(x - CENTRE) @ CURVATURE @ (x - CENTRE), -2 * CURVATURE @ (x - CENTRE)


def reference(start, epsilon, steps, norm, momentum=0.75, rho=0.75):
    """The best iterate, and how often its step size was halved."""

    def project(x):
        off = x - start
        if norm == "l2":
            off = off * min(1, epsilon / max(np.linalg.norm(off), 1e-12))
        else:
            off = off.clip(-epsilon, epsilon)
        return (start + off).clip(0, 1)

    def ascent(gradient):
        return gradient / np.linalg.norm(gradient) if norm == "l2" else np.sign(gradient)

    x = before = start
    loss, gradient = loss_and_gradient(x)
    best = loss, x, gradient
    step_size, rises, last, best_then, halved, halvings = 2 * epsilon, 0, 0, -np.inf, False, 0
    for k in range(steps):
        if k in checkpoints(steps):
            halved = rises < rho * (k - last) or (not halved and best[0] == best_then)
            if halved:
                step_size /= 2
                halvings += 1
                loss, x, gradient = best
            rises, last, best_then = 0, k, best[0]
        z = project(x + step_size * ascent(gradient))
        share = momentum if k else 1
        x, before = project(x + share * (z - x) + (1 - share) * (x - before)), x
        new, gradient = loss_and_gradient(x)
        rises += new > loss
        loss = new
        if loss > best[0]:
            best = loss, x, gradient
    return best[1], halvings


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("steps", [1, 2, 12, 40])
@pytest.mark.parametrize("epsilon", [0.1, 0.35, 2.0])
def test_algorithm_1(norm, steps, epsilon):
    epsilon = min(epsilon, 1.0) if norm == "linf" else epsilon
    images = np.random.default_rng(6).uniform(0.1, 0.9, (8, 6)).astype(np.float32)
    attack = APGD(steps, norm, "margin", random_start=False)
    result = attack(quadratic, images, np.zeros(8, int), epsilon=epsilon)
    wanted, halvings = zip(*(reference(x, epsilon, steps, norm) for x in images.astype(float)))
    np.testing.assert_allclose(result.images, wanted, atol=2e-3)
    losses = [[loss_and_gradient(x)[0] for x in points] for points in (result.images, wanted)]
    np.testing.assert_allclose(*losses, rtol=1e-3, atol=1e-4)
    assert steps < 40 or max(halvings) > 2


def state_of(**values):
    """A state of images with one pixel, 0 unless told."""
    count = len(values["increases"])
    zeros = dict.fromkeys(State._fields, tf.zeros([count]))
    for name in ("current", "previous", "best", "best_gradient", "successful"):
        zeros[name] = tf.zeros([count, 1])
    return State(**zeros | {name: tf.constant(value) for name, value in values.items()})


def test_step_sizes_are_halved_one_image_at_a_time():
    state = state_of(
        # Few rises; enough; just too few; enough, but the best is old; the same just halved.
        increases=[0.0, 15.0, 14.0, 20.0, 20.0],
        best_loss=[2.0, 2.0, 2.0, 2.0, 2.0],
        checked_loss=[1.0, 1.0, 1.0, 2.0, 2.0],
        halved=[False, False, True, False, True],
        step_sizes=[0.2, 0.2, 0.4, 0.2, 0.2],
        current=[[0.0]] * 5,
        best=[[1.0]] * 5,
        best_gradient=[[-1.0]] * 5,
    )
    state, gradient = reviewed(state, tf.ones([5, 1]), rho=0.75, window=20.0)
    halved = np.array([True, False, True, True, False])
    np.testing.assert_array_equal(state.halved, halved)
    np.testing.assert_allclose(state.step_sizes, [0.1, 0.2, 0.2, 0.1, 0.2])
    np.testing.assert_array_equal(state.current[:, 0], halved)  # back at the best
    np.testing.assert_array_equal(gradient[:, 0], np.where(halved, -1, 1))
    np.testing.assert_array_equal(state.checked_loss, state.best_loss)
    np.testing.assert_array_equal(state.increases, 0)


def one_pixel(pixels):
    """Class 1 wins at 0.5 by a little; at 0.9 it does not, but class 0 is less likely."""
    off = pixels - 0.5
    others = tf.repeat(-3 + 2.9 * off / 0.4, 8, axis=1)
    return tf.concat([0 * off, 0.1 - off, others], axis=1)


def test_success_comes_before_a_high_loss():
    images = np.array([[0.5]], np.float32)
    crafted = APGD(10, random_start=False)(one_pixel, images, [0], epsilon=0.4)
    assert crafted.success.all()
    assert not PGD(10, random_start=False)(one_pixel, images, [0], epsilon=0.4).success.any()


@pytest.mark.parametrize(
    "norm, loss", [("linf", "cross-entropy"), ("l2", "margin"), ("linf", "dlr"), ("l2", "dlr")]
)
def test_as_strong_as_pgd_with_as_many_gradients(cnn, images, labels, norm, loss):
    epsilons = np.array([0.6, 1.0, 1.3]) * EPSILON[norm]
    crafted = APGD(20, norm, loss).sweep(cnn, images, labels, epsilons=epsilons)
    pgd = PGD(20, norm=norm, random_start=True).sweep(cnn, images, labels, epsilons=epsilons)
    ours, theirs = (np.array([r.success.sum() for r in results]) for results in (crafted, pgd))
    assert (ours >= theirs - 2).all()
    for result in crafted:
        assert result.images.min() >= 0 and result.images.max() <= 1
        assert 0.9 * result.epsilon < result.distances[norm].max() <= result.epsilon + 1e-6
        np.testing.assert_array_equal(result.gradient_evaluations, 20)
        np.testing.assert_array_equal(result.forward_evaluations, 2)  # last iterate, result


ATTACKS = [
    APGD(9),
    APGD(9, "l2", random_start=False),
    APGD(6, loss="dlr", targets=2, restarts=2, stop_at_success=True),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_epsilon_zero_and_a_split_batch(cnn, images, labels, attack):
    epsilon = EPSILON[attack.norm]
    zero, whole = attack.sweep(cnn, images, labels, epsilons=[0, epsilon])
    np.testing.assert_array_equal(zero.images, images)
    part = np.random.default_rng(0).permutation(48)[:25]
    smaller = replace(attack, batch_size=20)
    again = smaller(cnn, images[part], labels[part], epsilon=epsilon, ids=part)
    np.testing.assert_allclose(again.images, whole.images[part], rtol=0, atol=1e-6)
    np.testing.assert_array_equal(again.success, whole.success[part])
    np.testing.assert_array_equal(again.gradient_evaluations, whole.gradient_evaluations[part])


@pytest.mark.parametrize("goal", [np.asarray, lambda labels: Targeted((labels + 1) % 10)])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_stopping_costs_less_for_the_same_success(cnn, images, labels, norm, goal):
    epsilon = 1.3 * EPSILON[norm]
    full = APGD(20, norm)(cnn, images, goal(labels), epsilon=epsilon)
    stopped = APGD(20, norm, stop_at_success=True)(cnn, images, goal(labels), epsilon=epsilon)
    np.testing.assert_array_equal(stopped.success, full.success)
    used = stopped.gradient_evaluations
    assert 0.1 < full.success.mean() < 1
    assert (used[~full.success] == 20).all() and used[full.success].mean() < 10
    unbroken = stopped.images[~full.success]
    np.testing.assert_allclose(unbroken, full.images[~full.success], rtol=0, atol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_more_restarts_are_never_worse(cnn, images, labels, norm):
    one, four = (
        APGD(4, norm, "margin", restarts=count)(cnn, images, labels, epsilon=EPSILON[norm])
        for count in (1, 4)
    )
    assert (four.success >= one.success).all()
    assert (margins(four.logits, labels) >= margins(one.logits, labels) - 1e-5).all()
    assert margins(four.logits, labels).mean() > margins(one.logits, labels).mean()
    np.testing.assert_array_equal(four.gradient_evaluations[one.success], 4)
    np.testing.assert_array_equal(four.gradient_evaluations[~four.success], 16)


def margins(logits, labels):
    rows = np.arange(len(labels))
    others = logits.copy()
    others[rows, labels] = -np.inf
    return others.max(axis=1) - logits[rows, labels]


def test_restarts_and_seeds_differ(cnn, images, labels):
    attack = APGD(1)
    first, second = (
        replace(attack, seed=seed)(cnn, images, labels, epsilon=0.1) for seed in (0, 1)
    )
    assert (first.images != second.images).any(axis=(1, 2, 3)).mean() > 0.5


def test_targets_are_tried_until_one_succeeds(cnn, images, labels):
    clean = cnn(images, training=False).numpy()
    attack = APGD(10, loss="dlr", targets=3)
    result = attack(cnn, images, labels, epsilon=0.1)
    runs, remainder = np.divmod(result.gradient_evaluations, 10)
    assert not remainder.any() and set(runs) == {1, 2, 3}
    assert (runs[~result.success] == 3).all()
    one = replace(attack, targets=1)(cnn, images, labels, epsilon=0.1)
    np.testing.assert_array_equal(runs == 1, one.success)
    # A forward pass ranks the classes, one ends each run, one judges the result.
    np.testing.assert_array_equal(result.forward_evaluations, runs + 2)
    # Images broken by the k-th run mostly end in the k-th class of the clean image.
    ranked = np.argsort(-np.where(np.eye(10, dtype=bool)[labels], -np.inf, clean), axis=1)
    ends = result.logits.argmax(axis=1) == ranked[np.arange(48), runs - 1]
    assert ends[result.success].mean() > 0.8


def test_targets_stop_at_the_number_of_classes(cnn, images, labels):
    result = APGD(2, loss="dlr", targets=99)(cnn, images[:4], labels[:4], epsilon=0.001)
    np.testing.assert_array_equal(result.gradient_evaluations, 2 * 9)


def test_targets_add_strength(cnn, images, labels):
    away = APGD(20, loss="dlr")(cnn, images, labels, epsilon=0.1)
    towards = APGD(20, loss="dlr", targets=9)(cnn, images, labels, epsilon=0.1)
    assert towards.success.sum() >= away.success.sum()


@pytest.mark.parametrize(
    "norm, loss", [("linf", "cross-entropy"), ("l2", "margin"), ("linf", "dlr"), ("l2", "dlr")]
)
def test_a_target(cnn, images, labels, norm, loss):
    goal = Targeted((labels + 3) % 10)
    result = APGD(20, norm, loss)(cnn, images, goal, epsilon=3 * EPSILON[norm])
    assert result.success.mean() > 0.8
    np.testing.assert_array_equal(result.success, result.logits.argmax(axis=1) == goal.classes)


def test_dlr_sees_where_cross_entropy_is_blind(cnn, images, labels):
    steep = keras.Sequential([*cnn.layers, layers.Rescaling(1e4)])
    kept = labels == cnn(images, training=False).numpy().argmax(axis=1)
    images, labels = images[kept], labels[kept]
    shares = {
        loss: APGD(20, "linf", loss)(steep, images, labels, epsilon=0.1).success.mean()
        for loss in ("cross-entropy", "dlr", "margin")
    }
    plain = APGD(20, "linf", "dlr")(cnn, images, labels, epsilon=0.1).success.mean()
    assert shares["cross-entropy"] < 0.5 * plain
    assert shares["dlr"] == pytest.approx(plain, abs=0.03)
    cooled = APGD(20, temperature=1e4)(steep, images, labels, epsilon=0.1)
    assert cooled.success.mean() > 0.8 * plain


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_gradient_of_zero_moves_nothing(norm):
    black = np.zeros((2, 4), np.float32)

    def flat(pixels):
        return tf.stack([tf.reduce_sum(pixels**2, axis=1), 0 * pixels[:, 0]], axis=1)

    result = APGD(30, norm, random_start=False)(flat, black, Targeted([1, 1]), epsilon=0.1)
    np.testing.assert_array_equal(result.images, black)


def test_a_gradient_next_to_zero_moves_the_whole_way():
    grey = np.full((1, 4), 0.5, np.float32)

    def faint(pixels):
        return tf.stack([tf.zeros(1), 1e-24 * (pixels[:, 0] - pixels[:, 1])], axis=1)

    result = APGD(1, "l2", "margin", random_start=False)(faint, grey, [0], epsilon=0.1)
    expected = 0.5 + 0.1 * np.array([[1, -1, 0, 0]]) / np.sqrt(2)
    np.testing.assert_allclose(result.images, expected, atol=1e-6)


def test_one_trace_for_all_settings(counting, images, labels):
    for more in ({}, {"restarts": 2}, {"random_start": False}, {"stop_at_success": True}):
        for attack in (APGD(3, **more), APGD(5, momentum=0.5, rho=0.5, temperature=5, **more)):
            attack.sweep(counting, images, labels, epsilons=[0, 0.03, 1])
            replace(attack, batch_size=7)(counting, images[:9], epsilon=0.05)
    assert counting.traces == 2  # logits, APGD
    APGD(2, loss="dlr", targets=2)(counting, images, labels, epsilon=0.1)
    APGD(3, loss="dlr", targets=3)(counting, images[:5], labels[:5], epsilon=0.2)
    assert counting.traces == 3


def few_classes(count):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(count)])


TOO_FEW = [
    (APGD(2, loss="dlr"), 2, False, 3),
    (APGD(2, loss="dlr"), 3, True, 4),
    (APGD(2, loss="dlr", targets=1), 3, False, 4),
]


@pytest.mark.parametrize("attack, classes, targeted, needed", TOO_FEW)
def test_too_few_classes(images, attack, classes, targeted, needed):
    labels = np.zeros(48, int)
    goal = Targeted(labels) if targeted else labels
    message = f"loss is 'dlr' for a model of {classes} classes; accepted: {needed} classes or more"
    with pytest.raises(ValueError, match=message):
        attack(few_classes(classes), images, goal, epsilon=0.1)
    result = attack(few_classes(needed), images, goal, epsilon=0.1)
    assert np.isfinite(result.logits).all()


@pytest.mark.parametrize("loss", ["cross-entropy", "margin"])
def test_two_classes_are_enough_for_others(images, loss):
    model = few_classes(2)
    labels = model(images).numpy().argmax(axis=1)
    assert APGD(5, loss=loss)(model, images, labels, epsilon=0.5).success.all()


def test_targets_of_a_targeted_goal_are_refused(cnn, images, labels):
    with pytest.raises(ValueError, match="targets is 2 with a targeted goal; accepted: None"):
        APGD(2, loss="dlr", targets=2)(cnn, images, Targeted(labels), epsilon=0.1)


REFUSED = {
    "norm": ({"norm": "l1"}, "norm is 'l1'; accepted: 'linf', 'l2'$"),
    "loss": ({"loss": "ce"}, "loss is 'ce'; accepted: 'cross-entropy', 'margin', 'dlr'"),
    "steps": ({"steps": 0}, "steps is 0; accepted: a whole number, 1 or more"),
    "targets": ({"targets": 0, "loss": "dlr"}, "targets is 0; accepted: a whole number, 1"),
    "another loss": ({"targets": 3}, "loss is 'cross-entropy' with targets; accepted: 'dlr'"),
    "restarts": ({"restarts": 2, "random_start": False}, "restarts is 2 without random_start"),
    "momentum": ({"momentum": 0}, "momentum is 0; accepted: a finite number above 0, at most 1"),
    "rho": ({"rho": 1.5}, "rho is 1.5; accepted: a finite number above 0, at most 1"),
    "temperature": ({"temperature": 0}, "temperature is 0; accepted"),
    "seed": ({"seed": -1}, "seed is -1; accepted"),
}


@pytest.mark.parametrize("arguments, message", REFUSED.values(), ids=REFUSED)
def test_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        APGD(**arguments)

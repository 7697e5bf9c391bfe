"""Networks and attacks with a planted fault, of which the flags name each one, and honest ones."""

from collections.abc import Callable, Mapping

import keras
import numpy as np
import pytest
import tensorflow as tf

import data
import models
from attacks import (
    APGD,
    FGSM,
    JSMA,
    PGD,
    Attack,
    CarliniWagner,
    DeepFool,
    MomentumIterative,
    Square,
)
from attacks.engine.errors import NoGradientError
from attacks.engine.task import Task
from blobs import adversarially_trained, blobs, network, plain
from distillation import defensive_distillation
from evaluation import evaluate
from evaluation.diagnostics import Level
from evaluation.measured_arm import MeasuredArm
from evaluation.measured_arm import raised as raised_by
from evaluation.probes import PROBED, steps_of

EPSILONS = (0.02, 0.05, 0.1)
BY_PGD = {"PGD": (PGD(steps=20), EPSILONS)}


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return plain()


def raised(
    model: Callable, attacks: Mapping[str, tuple[Attack, tuple[float, ...]]], images: int = 200
) -> dict[str, set[str]]:
    """By level, the names of the flags of some attacks, each at its own epsilons."""
    arms = [
        MeasuredArm(name, attack, evaluate(model, *blobs(images, seed=1), attack, epsilons))
        for name, (attack, epsilons) in attacks.items()
    ]
    every = [each.flag for each in raised_by(arms)]
    return {level: {flag.name for flag in every if flag.level == level} for level in Level}


def test_a_stopped_gradient_is_refused_by_name_and_square_goes_on(model):
    def stopped(images):
        return model(tf.stop_gradient(images))

    with pytest.raises(NoGradientError, match="accepted: a model of TensorFlow"):
        raised(stopped, BY_PGD)
    assert not raised(stopped, {"Square": (Square(queries=20), (0.2,))})[Level.WARNING]


def test_a_gradient_of_nothing(model):
    def stopped(images):
        return model(tf.stop_gradient(images)) + 0 * tf.reduce_sum(images)

    named = raised(stopped, BY_PGD | {"Square": (Square(queries=300), EPSILONS)})
    assert {"zero gradient", "weaker than a black box"} <= named[Level.WARNING]


def test_saturated_softmax(model):
    """Temperature inside the attack takes the mask away."""

    def saturated(images):
        return 100 * model(images)

    masked = {"PGD": (PGD(steps=20), EPSILONS), "transferred": (PGD(steps=20), EPSILONS)}
    named = raised(saturated, masked)
    assert {"zero gradient", "loss not rising"} <= named[Level.WARNING]
    assert not raised(saturated, {"PGD": (PGD(steps=20, temperature=100), EPSILONS)})[Level.WARNING]


@pytest.mark.slow
def test_defensive_distillation():
    """At T = 100 FGSM and PGD look defeated; logits / T, the margin and CW restore the attack."""
    digits = data.load("digits")
    distilled = defensive_distillation(
        lambda: models.build("papernot_cnn", 10, input_shape=(32, 32, 3), width=1 / 4),
        digits.x_train,
        digits.y_train,
        name="papernot",
        temperature=100,
        optimizer=lambda: keras.optimizers.Adam(3e-3),
        batch_size=32,
    )
    student = distilled.networks["student"]

    def attacked(attack: Attack, epsilon: float) -> tuple[float, set[str]]:
        images, labels = digits.x_test[:100], digits.y_test[:100]
        outcomes = evaluate(student, images, labels, attack, [epsilon])
        every = raised_by([MeasuredArm("attack", attack, outcomes)])
        named = {each.flag.name for each in every if each.flag.level == Level.WARNING}
        return outcomes.table()["accuracy"].iloc[-1], named

    for attack in (FGSM(), PGD()):
        accuracy, warned = attacked(attack, 0.1)
        assert accuracy > 0.85 and "zero gradient" in warned
    accuracy, warned = attacked(PGD(temperature=100), 0.1)
    assert accuracy < 0.7 and "zero gradient" not in warned
    accuracy, warned = attacked(APGD(loss="margin"), 0.1)
    assert accuracy < 0.7 and not warned
    search = CarliniWagner(steps=50, search_steps=4, learning_rate=0.05, initial_c=1.0)
    accuracy, warned = attacked(search, np.inf)
    assert accuracy == 0 and not warned


def test_random_noise(model):
    def shaken(images):
        return model(images + tf.random.normal(tf.shape(images), stddev=0.1))

    with pytest.warns(RuntimeWarning, match="random at inference"):
        named = raised(shaken, BY_PGD)
    assert "random at inference" in named[Level.WARNING]


def test_a_gradient_of_noise(model):
    @tf.custom_gradient
    def shattered(images):
        def gradient(upstream):
            seed = tf.cast(1e6 * tf.reduce_sum(tf.abs(images)), tf.int32)
            return tf.random.stateless_normal(tf.shape(upstream), [seed, 0])

        return images, gradient

    named = raised(lambda images: model(shattered(images)), BY_PGD)
    assert "unstable gradient" in named[Level.WARNING]


@pytest.mark.parametrize("straight_through", [False, True])
@pytest.mark.parametrize("levels", [4, 255])
def test_rounded_inputs(model, levels, straight_through):
    def rounding(images):
        rounded = tf.round(images * levels) / levels
        kept = images if straight_through else 0 * images
        return model(kept + tf.stop_gradient(rounded - kept))

    named = raised(rounding, BY_PGD)[Level.WARNING]
    assert "rounded inputs" in named
    assert ("zero gradient" in named) != straight_through


def test_steps_that_are_too_small(model):
    small = PGD(steps=10, step_size=0.002, random_start=False)
    named = raised(model, {"PGD": (small, EPSILONS)})
    assert {"steps too short", "loss still rising"} <= named[Level.WARNING]


@pytest.mark.slow
def test_too_few_steps():
    """Short of the ball by its own choice of steps, on a network that has to be climbed."""
    robust = adversarially_trained()
    early = PGD(steps=20, step_size=0.0055, random_start=False)
    assert "loss still rising" in raised(robust, {"PGD": (early, (0.1,))})[Level.WARNING]


def test_a_slope_that_is_not_finite(model):
    def steep(images):
        return model(tf.sqrt(tf.nn.relu(images - tf.reduce_min(images, [1, 2], keepdims=True))))

    assert "gradient not finite" in raised(steep, BY_PGD)[Level.WARNING]


def test_logits_that_are_no_numbers(model):
    def broken(images):
        return tf.where(images[:, 0, 0] > 0.5, np.nan, 0.0) + model(images)

    assert "logits not finite" in raised(broken, BY_PGD)[Level.WARNING]


def test_a_network_that_has_learned_nothing():
    assert "accuracy at chance" in raised(network(), BY_PGD)[Level.WARNING]


def test_a_success_on_the_way():
    """A wall of high loss, behind which it falls again: the last iterate is beyond it."""

    def ridge(images):
        mean = tf.reduce_mean(images, axis=[1, 2, 3])
        return tf.stack([tf.zeros_like(mean), 1 - 100 * tf.abs(mean - 0.55)], axis=1)

    images, labels = np.full([64, 8, 8, 1], 0.5, np.float32), np.zeros(64, int)
    attack = PGD(steps=2, step_size=0.048, random_start=False)
    task = Task(ridge, images, labels)
    assert steps_of(task, attack, 0.2).silent.all()
    stopping = PGD(steps=2, step_size=0.048, random_start=False, stop_at_success=True)
    assert not steps_of(task, stopping, 0.2).silent.any()


def test_an_attack_that_is_given_everything_and_fails(model):
    weak = CarliniWagner(steps=2, search_steps=1)
    named = raised(model, {"CW": (weak, (np.inf,))})
    assert "unbounded attack falls short" in named[Level.WARNING]
    # JSMA is not given everything: its gamma bounds it.
    named = raised(model, {"JSMA": (JSMA(gamma=0.04), (np.inf,))})
    assert "unbounded attack falls short" not in named[Level.WARNING]


@pytest.mark.parametrize(
    "attack",
    [
        PGD(steps=7),
        PGD(steps=7, random_start=False),
        PGD(steps=7, norm="l2"),
        MomentumIterative(steps=7),
        APGD(steps=7),
        APGD(steps=7, loss="margin"),
    ],
    ids=lambda attack: f"{type(attack).__name__} {attack.norm} {attack.climbs}",
)
def test_the_path_that_is_followed_is_that_of_the_attack(model, attack):
    """Its first point is the start, its last one the result."""
    images, labels = blobs(40, seed=1)
    task = Task(model, images, labels)
    losses, reached = attack.follow(task, task.whole, np.full(40, 0.1))
    assert losses.shape == reached.shape == (8, 40)
    (result,) = attack.sweep(model, images, labels, epsilons=[0.1])
    if isinstance(attack, APGD):  # which keeps any success
        np.testing.assert_array_equal(reached[-1], result.success)
        assert (np.diff(losses, axis=0) >= 0).all()
    else:
        np.testing.assert_array_equal(reached[-1], result.success)
        own = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, result.logits)
        np.testing.assert_allclose(losses[-1], own, rtol=1e-4, atol=1e-5)
    if attack.norm == "linf" and not getattr(attack, "random_start", False):
        clean = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, model(images))
        np.testing.assert_allclose(losses[0], clean, rtol=1e-4, atol=1e-5)


def test_a_few_images_are_probed(model):
    outcomes = evaluate(model, *blobs(120, seed=1), PGD(steps=3), EPSILONS)
    for name in ("quantised", "gradient_unstable", "silent", "not_rising", "still_rising"):
        assert getattr(outcomes, name).shape == (PROBED,)
    assert outcomes.gradient_unresolved.shape == (120,)
    of_search = evaluate(model, *blobs(20, seed=1), DeepFool(steps=2), (np.inf,))
    assert of_search.quantised.shape == (20,) and of_search.still_rising is None


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("train", [plain, adversarially_trained])
def test_an_honest_network_raises_no_warning(train, seed):
    every = {
        "FGSM": (FGSM(), EPSILONS),
        "PGD": (PGD(), (*EPSILONS, 0.5)),
        "APGD": (APGD(steps=50), EPSILONS),
        "Square": (Square(queries=300), EPSILONS),
        "DeepFool": (DeepFool(), (np.inf,)),
        "CW": (CarliniWagner(steps=100, learning_rate=0.05, initial_c=1.0), (np.inf,)),
    }
    assert not raised(train(seed), every)[Level.WARNING]

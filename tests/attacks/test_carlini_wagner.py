"""What is particular to the attack of Carlini and Wagner."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from attacks import CarliniWagner, DeepFool, Targeted
from attacks.engine.losses import margin

ATTACK = CarliniWagner(search_steps=4, steps=60, learning_rate=0.05, initial_c=1.0)


@pytest.fixture(scope="module")
def crafted(cnn, images, labels):
    return ATTACK(cnn, images, labels)


def margins(result, classes, sign=1.0):
    return margin(tf.constant(result.logits), tf.constant(classes), sign).numpy()


def by_the_book(model, images, classes, sign, c, steps, learning_rate):
    """The nearest success of one run: section VI-A of the paper with the Adam of Keras."""
    adam = keras.optimizers.Adam(learning_rate, epsilon=1e-8)
    variable = keras.Variable(np.arctanh((images - 0.5) / 0.55))
    adam.build([variable])
    nearest, shortest = images.copy(), np.full(len(images), np.inf)
    for _ in range(steps):
        with tf.GradientTape() as tape:
            x = 0.5 + 0.55 * tf.tanh(variable.value)
            x += tf.stop_gradient(tf.clip_by_value(x, 0, 1) - x)
            squares = tf.reduce_sum((x - images) ** 2, axis=[1, 2, 3])
            missing = tf.nn.relu(-margin(model(x, training=False), classes, sign))
            loss = tf.reduce_sum(squares + c * missing)
        better = (missing.numpy() == 0) & (squares.numpy() < shortest)
        nearest[better], shortest[better] = x.numpy()[better], squares.numpy()[better]
        adam.apply([tape.gradient(loss, variable.value)], [variable])
    return nearest, np.sqrt(shortest)


@pytest.mark.parametrize("goal, c", [("untargeted", 0.3), ("targeted", 5.0)])
def test_the_compiled_step_is_the_adam_of_keras(cnn, images, labels, goal, c):
    logits = cnn(images, training=False).numpy()
    right = logits.argmax(axis=1) == labels
    images, labels = images[right], labels[right]
    targets = np.argsort(logits[right], axis=1)[:, -2]
    attack = CarliniWagner(1, 25, learning_rate=0.05, initial_c=c, abort_early=False)
    if goal == "targeted":
        result = attack(cnn, images, Targeted(targets))
        expected, lengths = by_the_book(cnn, images, targets, -1.0, c, 25, 0.05)
    else:
        result = attack(cnn, images, labels)
        expected, lengths = by_the_book(cnn, images, labels, 1.0, c, 25, 0.05)
    assert result.success.mean() > 0.3
    np.testing.assert_array_equal(result.success, np.isfinite(lengths))
    success = result.success
    np.testing.assert_allclose(result.distances["l2"][success], lengths[success], rtol=1e-3)
    np.testing.assert_allclose(result.images, expected, atol=2e-3)


def test_everything_is_found_and_near(cnn, images, labels, crafted):
    assert crafted.success.all()
    assert crafted.distances["l2"].mean() < 1.0
    # At the boundary, since confidence is 0: what is beyond it is longer than it need be.
    attacked = crafted.distances["l2"] > 0
    assert np.median(margins(crafted, labels)[attacked]) < 0.5


@pytest.mark.parametrize("goal", ["untargeted", "targeted"])
def test_confidence_is_a_margin(cnn, images, labels, goal):
    targets = (labels + 1) % 10
    attack = replace(ATTACK, confidence=2.0, initial_c=10.0)
    if goal == "targeted":
        result = attack(cnn, images, Targeted(targets))
        reached = margins(result, targets, -1.0)
    else:
        result = attack(cnn, images, labels)
        reached = margins(result, labels)
    assert result.success.mean() > 0.9
    changed = result.distances["l2"] > 0
    assert (reached[changed] >= 2.0 - 1e-3).all()


def test_confidence_costs_distance(cnn, images, labels, crafted):
    confident = replace(ATTACK, confidence=2.0)(cnn, images, labels)
    both = confident.success & crafted.success
    assert confident.distances["l2"][both].mean() > 1.1 * crafted.distances["l2"][both].mean()


def test_more_search_steps_are_never_worse(cnn, images, labels):
    results = [
        replace(ATTACK, search_steps=count, initial_c=0.01)(cnn, images, labels)
        for count in (1, 2, 4)
    ]
    for fewer, more in zip(results, results[1:]):
        assert (more.success >= fewer.success).all()
        kept = fewer.success
        assert (more.distances["l2"] <= fewer.distances["l2"] + 1e-6)[kept].all()
    assert results[2].success.sum() > results[0].success.sum()


def test_early_abort_costs_less_and_loses_little(cnn, images, labels):
    long = replace(ATTACK, steps=150, search_steps=2)
    aborted = long(cnn, images, labels)
    full = replace(long, abort_early=False)(cnn, images, labels)
    attacked = full.gradient_evaluations > 0
    assert (full.gradient_evaluations[attacked] == 300).all()
    assert (aborted.gradient_evaluations <= full.gradient_evaluations).all()
    assert aborted.gradient_evaluations.sum() < full.gradient_evaluations.sum()
    assert aborted.success.sum() >= full.success.sum() - 1
    assert aborted.distances["l2"].mean() < 1.05 * full.distances["l2"].mean()


def test_an_image_that_is_wrong_already_costs_nothing(cnn, images, labels):
    wrong = labels.copy()
    wrong[:5] = (labels[:5] + 1) % 10
    result = ATTACK(cnn, images, wrong)
    right = cnn(images, training=False).numpy().argmax(axis=1) == wrong
    np.testing.assert_array_equal(result.images[~right], images[~right])
    assert result.success.all()
    assert not result.gradient_evaluations[~right].any()
    assert result.gradient_evaluations[right].all()


def test_one_step_finds_nothing_and_returns_the_image(cnn, images, labels):
    result = CarliniWagner(search_steps=1, steps=1)(cnn, images, labels)
    right = cnn(images, training=False).numpy().argmax(axis=1) == labels
    np.testing.assert_array_equal(result.images, images)
    np.testing.assert_array_equal(result.success, ~right)
    np.testing.assert_array_equal(result.gradient_evaluations, right)


def test_black_and_white_pixels_move(cnn, images, labels, crafted):
    extreme = (images == 0) | (images == 1)
    assert extreme.mean() > 0.3
    assert (np.abs(crafted.images - images)[extreme] > 0.01).any()
    assert crafted.images.min() >= 0 and crafted.images.max() <= 1


def test_temperature_scales_c(cnn, images, labels):
    plain = ATTACK(cnn, images, labels)
    divided = replace(ATTACK, temperature=4.0, initial_c=4 * ATTACK.initial_c)
    divided = divided(cnn, images, labels)
    np.testing.assert_allclose(divided.images, plain.images, atol=1e-3)


def test_one_trace_for_all_settings(counting, images, labels):
    for settings in (
        {},
        {"confidence": 1.0},
        {"temperature": 2.0},
        {"learning_rate": 0.1, "initial_c": 0.1},
        {"steps": 7, "search_steps": 1, "abort_early": False, "batch_size": 7},
    ):
        attack = replace(ATTACK, **({"steps": 5, "search_steps": 2} | settings))
        attack(counting, images, labels)
    assert counting.traces == 2  # logits, and the step


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"search_steps": 0}, "search_steps is 0; accepted: a whole number, 1 or more"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0; accepted: a finite number above 0"),
        ({"initial_c": -1.0}, "initial_c is -1.0; accepted: a finite number above 0"),
        ({"confidence": -1.0}, "confidence is -1.0; accepted: a finite number, 0 or more"),
        ({"temperature": 0.0}, "temperature is 0.0; accepted: a finite number above 0"),
    ],
)
def test_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        CarliniWagner(**arguments)


def test_black_and_white_images_are_attacked_in_short_runs(cnn, images, labels):
    saturated = np.round(images)
    result = replace(ATTACK, steps=100, learning_rate=0.01)(cnn, saturated, labels)
    near = DeepFool()(cnn, saturated, labels)
    assert result.success.all() and near.success.all()
    assert result.distances["l2"].mean() < 1.05 * near.distances["l2"].mean()
    assert result.images.min() >= 0 and result.images.max() <= 1

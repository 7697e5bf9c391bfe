"""DeepFool: its steps by hand, its goals, its costs."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from attacks.deepfool import DeepFool
from attacks.goals import Targeted

CLASSES = 10
LINEAR, CURVED = np.random.default_rng(0).normal(size=(2, 64, CLASSES))


def curved(images):
    """Logits whose boundaries are not flat, so that one step is not enough."""
    values = tf.reshape(images, [-1, 64]) - 0.5
    linear = values @ tf.constant(LINEAR, tf.float32)
    return linear + (values @ tf.constant(CURVED, tf.float32)) ** 2


def curved_by_hand(image):
    values = image.ravel().astype(np.float64) - 0.5
    slope = values @ CURVED
    return values @ LINEAR + slope**2, (LINEAR + 2 * slope * CURVED).T  # logits, Jacobian


def deepfool_by_hand(image, label, attack):
    """One image in float64, and its steps."""
    order = np.argsort(-curved_by_hand(image)[0])[: attack.candidates]
    others = order[order != label]
    total, moved = np.zeros(64), image.ravel()
    for step in range(attack.steps):
        logits, jacobian = curved_by_hand(moved)
        if logits.argmax() != label:
            return moved, step
        gradients = jacobian[others] - jacobian[label]
        dual = np.linalg.norm(gradients, 2 if attack.norm == "l2" else 1, axis=1)
        distances = np.abs(logits[others] - logits[label]) / dual
        nearest = distances.argmin()
        gradient, length = gradients[nearest], distances[nearest] + 1e-4
        direction = gradient / dual[nearest] if attack.norm == "l2" else np.sign(gradient)
        total += length * direction
        moved = np.clip(image.ravel() + (1 + attack.overshoot) * total, 0, 1)
    return moved, attack.steps


@pytest.fixture(scope="module")
def own(images):
    return curved(images).numpy().argmax(axis=1)


@pytest.mark.parametrize("settings", [{}, {"candidates": 3}, {"overshoot": 0}], ids=str)
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_steps_by_hand(images, own, norm, settings):
    images, own = images[:24], own[:24]
    attack = DeepFool(norm=norm, **settings)
    result = attack(curved, images, own)
    assert result.success.all()
    by_hand = [deepfool_by_hand(*pair, attack) for pair in zip(images, own)]
    expected = np.stack([moved for moved, _ in by_hand]).reshape(images.shape)
    # In float32, an image that stops within rounding of a boundary may take another step.
    same = np.abs(result.images - expected).max(axis=(1, 2, 3)) < 1e-4
    assert same.mean() > 0.9
    steps = np.array([steps for _, steps in by_hand])
    assert steps.max() > 2
    np.testing.assert_array_equal(
        result.gradient_evaluations[same], steps[same] * (attack.candidates - 1)
    )
    np.testing.assert_array_equal(result.forward_evaluations[same], steps[same] + 2)


def test_more_candidates_find_nearer_images(cnn, images, labels):
    few, some, every, ten = (
        DeepFool(candidates=count)(cnn, images, labels).distances["l2"].mean()
        for count in (2, 4, None, 10)
    )
    assert ten == every <= some < few


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_overshoot_costs_distance(cnn, images, labels, norm):
    none, little, much = (
        DeepFool(norm=norm, overshoot=overshoot)(cnn, images, labels)
        for overshoot in (0, 0.02, 0.2)
    )
    assert none.success.all() and little.success.all() and much.success.all()
    assert none.distances[norm].mean() < little.distances[norm].mean()
    assert little.distances[norm].mean() < much.distances[norm].mean()


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_targets_are_reached_at_one_gradient_a_step(cnn, images, labels, norm):
    targets = (labels + 3) % 10
    attack = DeepFool(norm=norm, clip=False)
    result = attack(cnn, images, Targeted(targets))
    assert result.success.mean() > 0.9
    reached = result.logits[result.success].argmax(axis=1)
    np.testing.assert_array_equal(reached, targets[result.success])
    steps = result.forward_evaluations - 2
    np.testing.assert_array_equal(result.gradient_evaluations, steps)
    # Targets that are further away than the nearest class.
    untargeted = attack(cnn, images, labels)
    assert result.distances[norm].mean() > 1.2 * untargeted.distances[norm].mean()


def test_images_that_need_no_attack_are_left_alone(cnn, images):
    predictions = cnn(images, training=False).numpy().argmax(axis=1)
    elsewhere = np.where(np.arange(len(images)) % 2, predictions, (predictions + 1) % 10)
    wrong = elsewhere != predictions
    targets = np.where(wrong, predictions, (predictions + 1) % 10)
    for goal in (elsewhere, Targeted(targets)):
        result = DeepFool()(cnn, images, goal)
        assert result.success[wrong].all()
        np.testing.assert_array_equal(result.images[wrong], images[wrong])
        assert not result.gradient_evaluations[wrong].any()
        assert (result.forward_evaluations[wrong] == 2).all()
        assert (result.distances["l2"][~wrong] > 0).mean() > 0.9


def test_where_nothing_is_found_the_image_comes_back(images, own):
    result = DeepFool(steps=4)(curved, images, own)
    assert 0 < result.success.mean() < 1
    np.testing.assert_array_equal(result.images[~result.success], images[~result.success])
    assert (result.distances["l2"][result.success] > 0).all()
    np.testing.assert_array_equal(result.gradient_evaluations[~result.success], 4 * 9)


@pytest.mark.parametrize("goal", [np.array, Targeted])
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_a_model_without_slope_leaves_the_images(images, norm, goal):
    def flat(x):
        return tf.constant([[1.0, 0.0, 0.5]]) + 0 * tf.reshape(x, [-1, 64])[:, :3]

    classes = np.full(len(images), 1 if goal is Targeted else 0)
    result = DeepFool(steps=3, norm=norm)(flat, images, goal(classes))
    np.testing.assert_array_equal(result.images, images)
    assert not result.success.any()


def test_without_clipping_images_leave_the_box(cnn, images, labels):
    clipped = DeepFool()(cnn, images, labels)
    free = DeepFool(clip=False)(cnn, images, labels)
    assert clipped.images.min() == 0 and clipped.images.max() == 1
    assert free.images.min() < 0 and free.images.max() > 1
    assert free.success.all()


def test_settings_and_batch_sizes_share_a_trace(counting, images, labels):
    for settings in ({}, {"overshoot": 0.1}, {"clip": False}, {"steps": 3}, {"batch_size": 7}):
        replace(DeepFool(), **settings)(counting, images, labels)
        replace(DeepFool(), **settings)(counting, images[:1], labels[:1])
    assert counting.traces == 3  # logits; a step: where it starts and where it ends


@pytest.mark.parametrize(
    "settings", [{"candidates": 1}, {"candidates": 2.5}, {"overshoot": -0.1}, {"norm": "l1"}]
)
def test_settings_without_a_meaning_are_refused(settings):
    (name,) = settings
    with pytest.raises(ValueError, match=f"{name} is .*accepted"):
        DeepFool(**settings)

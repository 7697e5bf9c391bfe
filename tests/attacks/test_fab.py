"""FAB: near images, what each setting buys, when it stops."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from attacks.deepfool import DeepFool
from attacks.engine.task import Task
from attacks.fab import FAB
from attacks.goals import Targeted

NORMS = ("linf", "l2")


def distances(attack, model, images, labels=None):
    """Of the images found; infinite where there is none."""
    result = attack(model, images, labels)
    return np.where(result.success, result.distances[attack.norm], np.inf)


LINEAR, WAVES = np.random.default_rng(0).normal(size=(2, 64, 10)).astype(np.float32)


def wavy(images):
    """Logits with more boundaries than one run sees."""
    values = tf.reshape(images, [-1, 64]) - 0.5
    return values @ LINEAR + 2 * tf.sin(3 * (values @ WAVES))


@pytest.mark.parametrize("targets", [None, 9])
@pytest.mark.parametrize("norm", NORMS)
def test_images_are_nearer_than_those_of_deepfool(cnn, images, labels, norm, targets):
    lengths = distances(FAB(10, norm, targets=targets), cnn, images, labels)
    other = distances(DeepFool(norm=norm, overshoot=0), cnn, images, labels)
    assert lengths.max() < np.inf
    assert lengths.mean() < 0.995 * other.mean()
    assert (lengths <= 1.03 * other + 1e-6).mean() > 0.95


@pytest.mark.parametrize("targets", [None, 2])
@pytest.mark.parametrize("norm", NORMS)
def test_more_steps_are_never_worse(cnn, images, labels, norm, targets):
    lengths = [
        distances(FAB(steps, norm, targets=targets, final_search=0), cnn, images, labels)
        for steps in (1, 2, 5, 20)
    ]
    for fewer, more in zip(lengths, lengths[1:]):
        assert (more <= fewer).all()
    assert (lengths[-1] < lengths[0]).mean() > 0.5


@pytest.mark.parametrize("norm", NORMS)
def test_more_restarts_are_never_worse(images, norm):
    attack = FAB(5, norm, candidates=3)
    lengths = [distances(replace(attack, restarts=n), wavy, images) for n in (1, 2, 6)]
    for fewer, more in zip(lengths, lengths[1:]):
        assert (more <= fewer).all()
    assert (lengths[2] < lengths[0]).mean() > 0.05


@pytest.mark.parametrize("norm", NORMS)
def test_more_targets_are_never_worse(cnn, images, labels, norm):
    lengths = [
        distances(FAB(5, norm, targets=targets), cnn, images, labels) for targets in (1, 3, 9, 50)
    ]
    for fewer, more in zip(lengths, lengths[1:]):
        assert (more <= fewer).all()
    assert (lengths[1] < lengths[0]).any()
    np.testing.assert_array_equal(lengths[3], lengths[2])  # there are no more than nine


@pytest.mark.parametrize("goal", [np.array, Targeted])
@pytest.mark.parametrize("norm", NORMS)
def test_the_final_search_shortens_what_was_found(cnn, images, labels, norm, goal):
    classes = goal(labels if goal is np.array else (labels + 1) % 10)
    without, one, three = (
        distances(FAB(4, norm, final_search=steps), cnn, images, classes) for steps in (0, 1, 3)
    )
    assert (one <= without).all() and (three <= one).all()
    moved = (three > 0) & (three < np.inf)
    assert moved.mean() > 0.8
    assert (three < without)[moved].mean() > 0.4
    assert three[moved].mean() < 0.998 * without[moved].mean()


@pytest.mark.parametrize("norm", NORMS)
def test_targets_of_the_goal_are_reached(cnn, images, labels, norm):
    targets = (labels + 1) % 10
    result = FAB(20, norm, final_search=0)(cnn, images, Targeted(targets))
    assert result.success.mean() > 0.9
    done = result.success
    np.testing.assert_array_equal(result.logits[done].argmax(axis=1), targets[done])
    np.testing.assert_array_equal(result.gradient_evaluations, 20)
    other = DeepFool(norm=norm)(cnn, images, Targeted(targets))
    both = done & other.success
    assert result.distances[norm][both].mean() < other.distances[norm][both].mean()


def test_evaluations_are_counted(cnn, images, labels):
    attacked = cnn(images, training=False).numpy().argmax(axis=1) == labels
    # Before the attack, after it, and two at the ends of a search of three.
    for settings, gradients, forwards in (
        ({"final_search": 0}, 4 * 9, 1 + 4 + 1),
        ({}, 4 * 9, 1 + 4 + 5 + 1),
        ({"targets": 3}, 3 * 4, 1 + 3 * (4 + 5) + 1),
        ({"targets": 3, "restarts": 2}, 6 * 4, 1 + 6 * (4 + 5) + 1),
    ):
        result = FAB(4, "l2", **settings)(cnn, images, labels)
        np.testing.assert_array_equal(result.gradient_evaluations, np.where(attacked, gradients, 0))
        counted = result.forward_evaluations[attacked]
        assert counted.max() == forwards and np.median(counted) == forwards
        assert (result.forward_evaluations[~attacked] == 2).all()


@pytest.mark.parametrize("norm", NORMS)
def test_restarts_are_drawn_by_seed_and_id(images, norm):
    attack = FAB(5, norm, candidates=3, restarts=3)
    first = attack(wavy, images)
    np.testing.assert_array_equal(attack(wavy, images).images, first.images)
    for other in (
        replace(attack, seed=1)(wavy, images),
        attack(wavy, images, ids=np.arange(len(images)) + 1),
    ):
        # Some images keep what the run from the original found.
        assert 0.05 < (other.images != first.images).any(axis=(1, 2, 3)).mean() < 1
    order = np.random.default_rng(0).permutation(len(images))[:20]
    some = attack(wavy, images[order], ids=order)
    np.testing.assert_allclose(some.images, first.images[order], rtol=0, atol=1e-4)


@pytest.mark.parametrize("settings", [{}, {"targets": 9}, {"targets": 2, "restarts": 2}], ids=str)
@pytest.mark.parametrize("norm", NORMS)
def test_images_leave_once_they_are_within_epsilon(cnn, images, labels, norm, settings):
    attack = FAB(10, norm, **settings)
    task = Task(cnn, images, labels)
    (batch,) = task.batches()
    whole = task.result(attack.search(task)(batch))
    nearest = whole.distances[norm]
    epsilons = np.full(len(images), 1.1 * np.median(nearest))
    epsilons[::4] = 0  # never within it
    stopped = task.result(attack.run_within(task)(batch, epsilons))

    rounding = 1 + 1e-6
    within = stopped.distances[norm] <= epsilons * rounding
    np.testing.assert_array_equal(within, nearest <= epsilons * rounding)
    assert 0.2 < within.mean() < 0.8
    assert stopped.success.all()
    # The others have what the attack finds without stopping.
    np.testing.assert_allclose(stopped.images[~within], whole.images[~within], rtol=0, atol=1e-5)
    np.testing.assert_array_equal(
        stopped.gradient_evaluations[~within], whole.gradient_evaluations[~within]
    )
    spent = stopped.gradient_evaluations[within].sum()
    assert spent < 0.7 * whole.gradient_evaluations[within].sum()


@pytest.mark.parametrize("settings", [{}, {"targets": 2}], ids=str)
def test_misclassified_images_come_back(cnn, images, labels, settings):
    predictions = cnn(images, training=False).numpy().argmax(axis=1)
    wrong = np.arange(len(images)) % 3 == 0
    result = FAB(3, **settings)(cnn, images, np.where(wrong, (predictions + 1) % 10, predictions))
    assert result.success.all()
    np.testing.assert_array_equal(result.images[wrong], images[wrong])
    assert not result.gradient_evaluations[wrong].any()
    assert (result.distances["linf"][~wrong] > 0).all()


@pytest.mark.parametrize("settings", [{}, {"targets": 2, "restarts": 2}], ids=str)
@pytest.mark.parametrize("norm", NORMS)
def test_where_nothing_is_found_the_image_comes_back(images, norm, settings):
    def flat(x):
        return tf.constant([[1.0, 0.0, 0.5]]) + 0 * tf.reshape(x, [-1, 64])[:, :3]

    result = FAB(3, norm, **settings)(flat, images, np.zeros(len(images), int))
    assert not result.success.any()
    np.testing.assert_array_equal(result.images, images)


@pytest.mark.parametrize("norm", NORMS)
def test_two_classes_have_one_boundary(images, norm):
    weights = tf.constant(np.random.default_rng(0).normal(size=(64, 2)), tf.float32)

    def two(x):
        return (tf.reshape(x, [-1, 64]) - 0.5) @ weights

    every = FAB(5, norm)(two, images)
    one = FAB(5, norm, targets=1)(two, images)
    assert every.success.all()
    np.testing.assert_array_equal(every.images, one.images)
    np.testing.assert_array_equal(every.gradient_evaluations, 5)


def test_settings_and_batch_sizes_share_a_trace(counting, images, labels):
    for settings in ({}, {"eta": 1.2}, {"beta": 0.5}, {"alpha_max": 0.2}, {"restarts": 2}):
        FAB(2, final_search=0, **settings)(counting, images, labels)
        FAB(3, final_search=0, batch_size=7, **settings)(counting, images, labels)
    assert counting.traces == 3  # logits; a step: where it starts and where it ends


@pytest.mark.parametrize(
    "settings",
    [
        {"norm": "l1"},
        {"targets": 0},
        {"final_search": -1},
        {"eta": 0.9},
        {"beta": 1.5},
        {"alpha_max": -0.1},
    ],
)
def test_settings_without_a_meaning_are_refused(settings):
    (name,) = settings
    with pytest.raises(ValueError, match=f"{name} is .*accepted"):
        FAB(**settings)

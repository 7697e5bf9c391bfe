"""The pixel swap: which pixels change places, and that the first success is found."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from attacks import Targeted
from attacks.pixel_swap import PixelSwap, swaps


def after(images, count):
    swapped, turns = swaps(images)
    return np.where(turns <= count, swapped, images)


def test_six_values_by_hand():
    images = np.float32([[0.5, 0.1, 0.9, 0.3, 0.7, 0.2]])
    swapped, turns = swaps(images)
    np.testing.assert_array_equal(turns, [[3, 1, 1, 3, 2, 2]])
    np.testing.assert_array_equal(swapped, np.float32([[0.3, 0.9, 0.1, 0.5, 0.2, 0.7]]))
    np.testing.assert_array_equal(after(images, 2), np.float32([[0.5, 0.9, 0.1, 0.3, 0.2, 0.7]]))


def test_whole_pixels_by_the_mean_of_their_channels():
    image = np.float32([[[0.9, 0.1, 0.2], [0.5, 0.5, 0.5]], [[0.0, 0.0, 1.0], [0.4, 0.1, 0.0]]])
    swapped, turns = swaps(image[None])
    assert turns.shape == (1, 2, 2, 1)
    np.testing.assert_array_equal(turns[0, :, :, 0], [[2, 1], [2, 1]])
    np.testing.assert_array_equal(swapped[0], image[::-1, [0, 1]])


def test_of_equal_pixels_the_earlier_is_darker():
    swapped, turns = swaps(np.float32([[0.5, 0.5, 0.5, 0.5, 0.5], [0.2, 0.8, 0.2, 0.8, 0.2]]))
    # The middle stays; in the second image 0, 2, 4 are dark and 1, 3 bright, in this order.
    np.testing.assert_array_equal(turns, [[1, 2, 3, 2, 1], [1, 2, 2, 1, 3]])
    np.testing.assert_array_equal(swapped[1], np.float32([0.8, 0.2, 0.8, 0.2, 0.2]))
    many = np.random.default_rng(0).integers(0, 3, (1, 400)) / np.float32(2)
    order = np.lexsort([np.arange(400), many[0]])
    _, turns = swaps(many.astype(np.float32))
    np.testing.assert_array_equal(turns[0, order[:200]], 1 + np.arange(200))
    np.testing.assert_array_equal(turns[0, order[200:]], 200 - np.arange(200))
    # Equal means are ties whatever the order of the channels; float32 sums of these differ.
    colours = np.float32([[0.1, 0.2, 0.4], [0.2, 0.1, 0.4], [0.1, 0.4, 0.2], [0.4, 0.1, 0.2]])
    assert len(set(colours.mean(axis=1))) == 2
    _, turns = swaps(colours.reshape(1, 2, 2, 3))
    np.testing.assert_array_equal(turns.ravel(), [1, 2, 2, 1])


def first_by_brute_force(model, image, goal, most):
    for count in range(most + 1):
        tried = after(image, count)
        if goal.reached(np.asarray(model(tried)))[0]:
            return count, tried
    return None, image


def colourful(count, *shape):
    return np.random.default_rng(0).uniform(size=(count, *shape)).astype(np.float32)


LAYOUTS = [(8, 8, 1), (8, 8), (64,), (4, 4, 4), (9, 7), (63,), (3, 7, 3)]


@pytest.mark.parametrize("shape", LAYOUTS, ids=str)
@pytest.mark.parametrize("targeted", [False, True])
def test_the_first_success_is_found(shape, targeted):
    images = colourful(20, *shape)
    weights = np.random.default_rng(1).normal(size=(np.prod(shape), 4))

    def model(images):
        return tf.reshape(images, [-1, len(weights)]) @ tf.constant(weights, tf.float32)

    classes = model(images).numpy().argsort(axis=1)[:, -2 if targeted else -1]
    goal = Targeted(classes) if targeted else None
    result = PixelSwap(batch_size=32)(model, images, goal)
    pixels = np.prod(shape[:2] if len(shape) == 3 else shape)
    swaps_taken = []
    for index, image in enumerate(images):
        taken, expected = first_by_brute_force(
            model, image[None], result.goal.take([index]), most=pixels // 2
        )
        assert result.success[index] == (taken is not None)
        np.testing.assert_array_equal(result.images[index], expected[0])
        tried = pixels // 2 if taken is None else taken
        # The tried ones, the original, the result; and the labels, where they were asked for.
        assert result.forward_evaluations[index] == tried + 2 + (not targeted)
        swaps_taken.append(taken)
    assert len(set(swaps_taken)) > 4


def test_a_success_that_later_swaps_undo_is_not_missed():
    """Only after the third of eight swaps is the class another."""
    images = np.linspace(0, 1, 16, dtype=np.float32)[None].repeat(3, axis=0)
    third, fourth = after(images[:1], 3), after(images[:1], 4)
    changing = np.flatnonzero(third != fourth)

    def model(x):
        # Pixel 2 is bright from the third swap on, pixel 3 from the fourth.
        at_three = tf.cast((x[:, 2] > 0.5) & (x[:, changing.min()] < 0.5), tf.float32)
        return tf.stack([0.5 + 0 * at_three, at_three], axis=1)

    for batch_size in (1, 2, 128):
        result = PixelSwap(batch_size=batch_size)(model, images, [0, 0, 0])
        np.testing.assert_array_equal(result.images, third.repeat(3, axis=0))
        np.testing.assert_array_equal(result.forward_evaluations, 3 + 1 + 1)
    assert not PixelSwap(2)(model, images, [0, 0, 0]).success.any()


def test_pixels_change_places_only(network, images, labels):
    result = PixelSwap()(network, images, labels)
    assert result.success.mean() > 0.5
    for image, original in zip(result.images, images):
        np.testing.assert_array_equal(np.sort(image, axis=None), np.sort(original, axis=None))


def test_no_channel_is_torn_from_its_pixel():
    images = colourful(5, 6, 6, 3)
    result = PixelSwap()(lambda x: x[:, 0, 0, :2], images, [0] * 5)
    for image, original in zip(result.images, images):
        pixels, originals = image.reshape(36, 3), original.reshape(36, 3)
        assert sorted(map(tuple, pixels)) == sorted(map(tuple, originals))


@pytest.mark.parametrize("max_swaps", [1, 3, 8])
def test_max_swaps(cnn, images, labels, max_swaps):
    result = PixelSwap(max_swaps)(cnn, images, labels)
    assert result.distances["l0"].max() == 2 * max_swaps
    assert result.forward_evaluations.max() == max_swaps + 2
    free = PixelSwap()(cnn, images, labels)
    in_time = free.distances["l0"] <= 2 * max_swaps
    np.testing.assert_array_equal(result.success, free.success & in_time)
    np.testing.assert_array_equal(result.images[in_time], free.images[in_time])
    unbroken = ~result.success
    np.testing.assert_array_equal(result.images[unbroken], images[unbroken])
    assert unbroken.any()


def test_more_swaps_are_never_worse(network, images, labels):
    results = [PixelSwap(count)(network, images, labels) for count in (1, 2, 5, 12, 32, 100)]
    for fewer, more in zip(results, results[1:]):
        assert (more.success >= fewer.success).all()
        kept = fewer.success
        np.testing.assert_array_equal(more.images[kept], fewer.images[kept])
    assert results[-1].success.mean() > results[0].success.mean() + 0.2


def test_swaps_of_equal_pixels_are_not_tried():
    images = np.zeros((4, 8, 8), np.float32)
    images[1:, 3, 0] = 1
    images[2:, 0, 0] = 0.5
    images[3, 7, 7] = 0.2

    def model(x):
        return tf.stack([2 + 0 * x[:, 0, 0], 0 * x[:, 0, 0]], axis=1)

    result = PixelSwap()(model, images, [0] * 4)
    np.testing.assert_array_equal(result.images, images)
    np.testing.assert_array_equal(result.forward_evaluations - 2, [0, 1, 2, 3])


def test_forward_passes(counting):
    images = colourful(40, 8, 8)
    goal = Targeted(counting(images).numpy().argmin(axis=1))
    counting.runs()
    results = [PixelSwap(batch_size=size)(counting, images, goal) for size in (40, 128)]
    assert not any(result.success.all() for result in results)
    first = counting.runs()
    # A probe and the result each; 33 counts, of which three at a time fit into a batch of 128.
    assert first <= 2 * 2 + 33 + 13
    np.testing.assert_array_equal(results[0].forward_evaluations, results[1].forward_evaluations)


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_an_accuracy_curve(cnn, images, labels, norm):
    attack = PixelSwap(norm=norm)
    whole = attack(cnn, images, labels)
    epsilons = [0, *np.quantile(whole.distances[norm], [0.3, 0.7]), np.inf]
    results = attack.sweep(cnn, images, labels, epsilons=epsilons)
    for epsilon, result in zip(epsilons, results):
        within = whole.distances[norm] <= epsilon * (1 + 1e-6)
        np.testing.assert_array_equal(result.success, whole.success & within)
        np.testing.assert_array_equal(result.images[~within], images[~within])
        np.testing.assert_array_equal(result.images[within], whole.images[within])


def test_split_permuted_and_batched_otherwise(network, images, labels):
    attack = PixelSwap(6)
    whole = attack(network, images, labels)
    assert 0 < whole.success.mean() < 1
    order = np.random.default_rng(0).permutation(len(images))
    for part, size in ((order, 128), (order[:5], 128), (order, 11), (order[:7], 1)):
        some = replace(attack, batch_size=size)(network, images[part], labels[part])
        np.testing.assert_array_equal(some.images, whole.images[part])
        np.testing.assert_array_equal(some.success, whole.success[part])
        np.testing.assert_array_equal(some.forward_evaluations, whole.forward_evaluations[part])


def test_images_at_the_goal_come_back_unchanged(cnn, images, labels):
    predictions = cnn(images, training=False).numpy().argmax(axis=1)
    result = PixelSwap()(cnn, images, Targeted(predictions))
    np.testing.assert_array_equal(result.images, images)
    assert result.success.all()
    np.testing.assert_array_equal(result.forward_evaluations, 2)


def test_one_trace_for_all_settings(counting, images, labels):
    for attack in (PixelSwap(), PixelSwap(3), PixelSwap(norm="linf"), PixelSwap(batch_size=7)):
        attack(counting, images, labels)
        attack.sweep(counting, images[:3], Targeted(labels[:3]), epsilons=[0.1, 1])
    assert counting.traces == 2  # logits, and the candidates


def test_no_image_gives_an_empty_result(cnn, images):
    result = PixelSwap()(cnn, images[:0], [])
    assert result.images.shape == (0, 8, 8, 1) and result.logits.shape == (0, 10)


PARAMETERS = {
    "max_swaps": ({"max_swaps": 0}, "max_swaps is 0; accepted: a whole number, 1 or more"),
    "half": ({"max_swaps": 1.5}, "max_swaps is 1.5; accepted: a whole number"),
    "norm": ({"norm": "l0"}, "norm is 'l0'; accepted: 'linf', 'l2', 'l1'"),
    "batch": ({"batch_size": 0}, "batch_size is 0; accepted: a whole number, 1 or more"),
}


@pytest.mark.parametrize("arguments, message", PARAMETERS.values(), ids=PARAMETERS)
def test_refused_hyper_parameters(arguments, message):
    with pytest.raises(ValueError, match=message):
        PixelSwap(**arguments)

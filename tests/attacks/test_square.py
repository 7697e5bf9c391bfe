"""Square Attack: what is drawn, what a query does, what queries cost and what more of them gain."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from attacks import PGD, Targeted
from attacks.engine.task import Task
from attacks.engine.windows import Bumps, Grid, Repainting, Shift, Squares, bumps, window
from attacks.square import Square, coverage

EPSILON = {"linf": 0.12, "l2": 0.7}
NORMS = pytest.mark.parametrize("norm", EPSILON)
STOPS = pytest.mark.parametrize("stop", [True, False])


def losses(result):
    """What is lowered: the goal's logit against the best other one, negative at success."""
    own = np.eye(10, dtype=bool)[result.goal.classes]
    others = np.where(own, -np.inf, result.logits).max(axis=1)
    return result.goal.sign * (result.logits[own] - others)


@pytest.mark.parametrize(
    "query, queries, halvings",
    [
        (0, 10_000, 0),
        (10, 10_000, 0),
        (11, 10_000, 1),
        (50, 10_000, 1),
        (51, 10_000, 2),
        (201, 10_000, 3),
        (501, 10_000, 4),
        (1001, 10_000, 5),
        (2001, 10_000, 6),
        (4001, 10_000, 7),
        (6001, 10_000, 8),
        (8000, 10_000, 8),
        (8001, 10_000, 9),
        (12_000, 10_000, 9),
        (5, 5000, 0),
        (6, 5000, 1),
        (1, 100, 2),
        (99, 100, 9),
    ],
)
def test_schedule_of_the_paper(query, queries, halvings):
    assert coverage(query, queries) == 0.5**halvings


@pytest.mark.parametrize(
    "share, edges, linf, l2",
    [
        (0.8, (32, 32), (29, 29), (29, 29)),  # the root of 819.2 is 28.6
        (0.4, (32, 32), (20, 20), (21, 21)),
        (0.8 / 512, (32, 32), (1, 1), (3, 3)),
        (1.0, (8, 8), (8, 8), (8, 8)),
        (0.8, (2, 2), (2, 2), (2, 2)),
        (0.5, (4, 32), (4, 16), (4, 16)),  # a square of 64 pixels does not fit
        (0.5, (32, 4), (16, 4), (16, 4)),
        (0.8, (1, 10), (1, 8), (1, 8)),
        (0.01, (1, 10), (1, 1), (1, 3)),
    ],
)
def test_windows_cover_their_share_and_fit(share, edges, linf, l2):
    assert window(share, *edges) == linf
    assert window(share, *edges, least=3, odd=True) == l2


def test_bumps_by_hand():
    # Squares of height 1 and 1/4, cut to 1 x 3 and to 2 x 3 pixels.
    above = np.array([[0.25, 1.25, 0.25]])
    below = np.array([[0.25, 0.25, 0.25], [0.25, 1.25, 0.25]])
    expected = [above / np.linalg.norm(above), -below / np.linalg.norm(below)]
    pair = bumps(3, 3)
    np.testing.assert_allclose(pair[0], np.concatenate(expected) / np.sqrt(2), rtol=1e-12)
    np.testing.assert_array_equal(pair[1], pair[0].T)
    np.testing.assert_array_equal(bumps(1, 1), [[[-1]], [[-1]]])
    for size in [(1, 4), (4, 1), (2, 2), (6, 7)]:
        np.testing.assert_allclose(np.linalg.norm(bumps(*size), axis=(1, 2)), 1)


def test_a_square_is_repainted_by_hand():
    images = np.full((2, 2, 3, 2), 0.5, np.float32)
    images[0, 0, 0] = 0.95
    best = images + np.float32(0.1)
    best[0, 0, 0] = 1.0
    move = Repainting(
        offsets=np.int32([0, 3]),  # two rows, one column
        corners=np.int32([0, 2]),
        colours=np.float32([[1, -1], [1, 1]]),
        others=np.float32([[-1, -1], [1, -1]]),
    )
    epsilons = np.float32([0.1, 0.1])
    moved = Squares(Grid(2, 3, 2)).moved(tf.constant(best), tf.constant(images), epsilons, move)
    expected = best.copy()
    expected[0, :, 0, 0] = [1.0, 0.6]  # as it was
    expected[0, :, 0, 1] = [0.85, 0.4]
    expected[1, :, 2, 1] = 0.4  # there already, so other colours
    np.testing.assert_allclose(moved, expected, atol=1e-6)


def moved_bumps(perturbation, epsilon, to, source, sign=1.0, value=0.5):
    """One image of 1 x 6 pixels and a channel, windows of one pixel, a bump of 1."""
    images = np.full((1, 1, 6, 1), value, np.float32)
    best = images + np.float32(perturbation).reshape(images.shape)
    move = Shift(
        offsets=np.int32([0]),
        to=np.int32([to]),
        source=np.int32([source]),
        signs=np.float32([[sign]]),
        directions=np.int32([0]),
        shapes=np.ones((2, 1), np.float32),
    )
    moved = Bumps(Grid(1, 6, 1)).moved(
        tf.constant(best), tf.constant(images), np.float32([epsilon]), move
    )
    return (moved.numpy() - images).ravel()


def test_a_bump_is_moved_by_hand():
    before = [0.3, 0, 0, 0, 0.4, 0]  # of length 0.5, up to a rounding of its square
    cases = [
        ((0.5, 1, 4, 1.0), [0.3, 0.4, 0, 0, 0, 0]),
        ((0.5, 1, 4, -1.0), [0.3, -0.4, 0, 0, 0, 0]),
        ((0.5, 0, 4, 1.0), [0.5, 0, 0, 0, 0, 0]),  # what both windows had
        ((0.5, 0, 4, -1.0), [-0.5, 0, 0, 0, 0, 0]),  # the bump meets its negative
        ((0.5, 4, 4, 1.0), before),
        ((0.5, 1, 2, 1.0), before),  # nothing to move
        ((np.sqrt(0.25 + 0.09), 1, 2, 1.0), [0.3, 0.3, 0, 0, 0.4, 0]),  # what was left unused
        ((np.sqrt(0.25 + 0.09), 1, 4, 1.0), [0.3, 0.5, 0, 0, 0, 0]),
    ]
    for arguments, expected in cases:
        np.testing.assert_allclose(moved_bumps(before, *arguments), expected, atol=3e-4)
    clipped = moved_bumps(before, 0.5, 1, 4, value=0.6)
    np.testing.assert_allclose(clipped, [0.3, 0.4, 0, 0, 0, 0], atol=1e-6)
    clipped = moved_bumps(np.zeros(6), 0.5, 1, 4, value=0.9)
    np.testing.assert_allclose(clipped, [0, 0.1, 0, 0, 0, 0], atol=1e-6)


def test_channels_share_what_is_unused():
    images = np.full((1, 1, 3, 2), 0.5, np.float32)
    move = Shift(
        offsets=np.int32([0, 1]),
        to=np.int32([1]),
        source=np.int32([0]),
        signs=np.float32([[1, -1]]),
        directions=np.int32([1]),
        shapes=np.float32([[1, 0], [0.6, 0.8]]),
    )
    still = tf.constant(images)
    moved = Bumps(Grid(1, 3, 2)).moved(still, still, np.float32([0.2]), move)
    half = 0.2 / np.sqrt(2)
    expected = [[0, 0], [0.6 * half, -0.6 * half], [0.8 * half, -0.8 * half]]
    np.testing.assert_allclose((moved - images)[0, 0], expected, atol=1e-6)


LAYOUTS = [(8, 8, 1), (4, 16), (2, 8, 4), (2, 2, 4, 4)]


@NORMS
@pytest.mark.parametrize("shape", LAYOUTS, ids=str)
def test_bounds_are_kept_and_used(counting, images, labels, norm, shape):
    attack = Square(25, norm, stop_at_success=False)
    few = images[:6].reshape(6, *shape)
    epsilons = [0.05, 1.0] if norm == "linf" else [0.7, 4.0]
    results = attack.sweep(counting, few, labels[:6], epsilons=epsilons)
    for result in results:
        reached = result.distances[norm]
        assert reached.max() <= result.epsilon + 1e-6
        assert reached.max() > 0.4 * result.epsilon  # digits are black and white
        assert result.images.min() >= 0 and result.images.max() <= 1
        assert result.images.shape == few.shape
    assert (losses(results[1]) < losses(results[0])).all()


@NORMS
def test_a_line_of_values(norm):
    weights = tf.constant(np.random.default_rng(0).normal(size=(50, 2)), tf.float32)
    images = np.random.default_rng(1).uniform(0.3, 0.7, (5, 50)).astype(np.float32)
    epsilon = {"linf": 0.2, "l2": 1.2}[norm]
    result = Square(100, norm)(lambda x: x @ weights, images, epsilon=epsilon)
    assert result.success.all()
    assert result.distances[norm].max() <= epsilon + 1e-6


def test_linf_perturbations_are_corners_of_the_ball(cnn, images, labels):
    result = Square(30, stop_at_success=False)(cnn, images, labels, epsilon=0.1)
    corners = np.clip(images + np.float32([[-0.1], [0.1]])[:, :, None, None, None], 0, 1)
    at_a_corner = (result.images == corners).any(axis=0).all(axis=(1, 2, 3))
    clean = (result.images == images).all(axis=(1, 2, 3))
    assert (at_a_corner | clean).all() and at_a_corner.mean() > 0.5


@NORMS
def test_long_searches_do_not_drift_out_of_the_ball(norm):
    weights = tf.constant(np.random.default_rng(0).normal(size=(3072, 2)), tf.float32)
    images = np.random.default_rng(1).uniform(0, 1, (2, 32, 32, 3)).astype(np.float32)
    attack = Square(300, norm, p_init=0.05, stop_at_success=False)
    result = attack(lambda x: tf.reshape(x, [-1, 3072]) @ weights, images, epsilon=1.0)
    assert 0.99 < result.distances[norm].min() and result.distances[norm].max() <= 1 + 1e-6


@NORMS
@STOPS
def test_epsilon_zero_returns_the_images_bit_for_bit(cnn, images, labels, norm, stop):
    result = Square(20, norm, stop_at_success=stop)(cnn, images, labels, epsilon=0)
    np.testing.assert_array_equal(result.images, images)
    np.testing.assert_array_equal(result.forward_evaluations, 2)


@NORMS
def test_every_image_has_its_own_epsilon(cnn, images, labels, norm):
    attack = Square(30, norm)
    epsilons = np.resize([0, EPSILON[norm], 2 * EPSILON[norm]], len(images))
    task = Task(cnn, images, labels)
    crafted = attack.run_within(task)(next(task.batches()), epsilons)
    for epsilon in set(epsilons):
        rows = epsilons == epsilon
        alone = attack(cnn, images[rows], labels[rows], epsilon=epsilon, ids=np.flatnonzero(rows))
        np.testing.assert_allclose(crafted.images[rows], alone.images, rtol=0, atol=1e-6)
        used = alone.forward_evaluations - 1
        np.testing.assert_array_equal(crafted.forward_evaluations[rows], used)


@NORMS
def test_queries_are_counted_and_not_exceeded(counting, images, labels, norm):
    counting(images[:1])
    for queries in (1, 2, 70):
        attack = Square(queries, norm, stop_at_success=False)
        counting.runs()
        attack.craft(counting, images, labels, epsilons=[0.1])
        assert counting.runs() == 1 + queries  # a probe
        result = attack(counting, images, labels, epsilon=0.1)
        np.testing.assert_array_equal(result.forward_evaluations, queries + 1)
        assert not result.gradient_evaluations.any()


@NORMS
def test_images_leave_at_their_first_success(cnn, images, labels, norm):
    queries = 40
    attack = Square(queries, norm, schedule_queries=queries)
    result = attack(cnn, images, labels, epsilon=EPSILON[norm])
    used = result.forward_evaluations - 1
    assert (used[~result.success] == queries).all()
    clean = cnn(images, training=False).numpy().argmax(axis=1) != labels
    np.testing.assert_array_equal(used == 1, clean)
    np.testing.assert_array_equal(result.images[clean], images[clean])
    assert len(set(used)) > 5
    for count in sorted(set(used))[:6:2]:
        fewer = replace(attack, queries=int(count))(cnn, images, labels, epsilon=EPSILON[norm])
        np.testing.assert_array_equal(fewer.success, result.success & (used <= count))
        there = fewer.success
        np.testing.assert_allclose(fewer.images[there], result.images[there], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "norm, stop, targeted",
    [("linf", True, False), ("linf", False, True), ("l2", True, True), ("l2", False, False)],
)
def test_more_queries_are_never_worse(cnn, images, labels, norm, stop, targeted):
    goal = Targeted((labels + 1) % 10) if targeted else labels
    results = [
        Square(queries, norm, schedule_queries=100, stop_at_success=stop)(
            cnn, images, goal, epsilon=EPSILON[norm]
        )
        for queries in (1, 2, 20, 65, 67, 110)
    ]
    for fewer, more in zip(results, results[1:]):
        assert (more.success >= fewer.success).all()
        assert (losses(more) <= losses(fewer) + 1e-5).all()
    assert losses(results[-1]).mean() < losses(results[0]).mean() - 0.5
    assert results[-1].success.mean() > results[0].success.mean() + 0.1


@NORMS
def test_going_on_lowers_the_margin_and_loses_no_success(cnn, images, labels, norm):
    stopping, going = (
        Square(60, norm, stop_at_success=stop)(cnn, images, labels, epsilon=EPSILON[norm])
        for stop in (True, False)
    )
    np.testing.assert_array_equal(stopping.success, going.success)
    success = stopping.success
    np.testing.assert_array_equal(stopping.images[~success], going.images[~success])
    assert losses(going)[success].mean() < losses(stopping)[success].mean()


@NORMS
def test_a_success_from_an_image_without_a_prediction_is_kept(images, norm):
    """The margin of such an image is no number, and nothing is below it."""

    def model(batch):
        untouched = tf.reduce_all(batch == images[:1], axis=[1, 2, 3])
        logits = tf.tile([[0.0, 2.0]], [tf.shape(batch)[0], 1])
        return tf.where(untouched[:, None], np.float32(np.nan), logits)

    for stop in (True, False):
        attack = Square(20, norm, stop_at_success=stop)
        assert attack(model, images[:3], np.zeros(3, int), epsilon=EPSILON[norm]).success.all()


@pytest.mark.parametrize("norm, less", [("linf", 0.1), ("l2", 0.3)])
def test_nearly_as_strong_as_gradients(cnn, images, labels, norm, less):
    gradients = PGD(10, norm=norm, random_start=True, restarts=2)
    for epsilon in (EPSILON[norm], 1.7 * EPSILON[norm]):
        result = Square(200, norm)(cnn, images, labels, epsilon=epsilon)
        reference = gradients(cnn, images, labels, epsilon=epsilon)
        assert result.success.mean() > reference.success.mean() - less
    assert result.success.mean() > 0.85


WEIGHTS = np.random.default_rng(0).uniform(0.2, 1.0, 64) * np.resize([1, -1, -1], 64)
OPTIMUM = {"linf": 0.4 / np.abs(WEIGHTS).sum(), "l2": 0.4 / np.linalg.norm(WEIGHTS)}


# In L2 windows of 3 x 3 pixels make a poor copy of weights that differ from pixel to pixel.
@pytest.mark.parametrize(
    "norm, enough, shape",
    [("linf", 1.6, (8, 8)), ("linf", 1.6, (64,)), ("l2", 3.5, (8, 8)), ("l2", 3.5, (4, 4, 4))],
)
def test_success_above_the_optimum_and_none_below(norm, enough, shape):
    """Two classes, a linear boundary at a known distance from every image, on either side."""
    points = np.random.default_rng(1).uniform(0.4, 0.6, (12, 64))
    classes = np.arange(12) % 2
    off = (points - 0.5) @ WEIGHTS - np.where(classes == 1, 0.4, -0.4)
    points -= off[:, None] * WEIGHTS / (WEIGHTS @ WEIGHTS)
    points = points.reshape(12, *shape).astype(np.float32)

    def model(images):
        score = tf.reshape(images - 0.5, [-1, 64]) @ tf.constant(WEIGHTS[:, None], tf.float32)
        return tf.concat([tf.zeros_like(score), score], axis=1)

    for goal in (classes, Targeted(1 - classes)):
        below, above = Square(100, norm).sweep(
            model, points, goal, epsilons=[0.99 * OPTIMUM[norm], enough * OPTIMUM[norm]]
        )
        assert not below.success.any()
        assert above.success.all()


@NORMS
@STOPS
def test_split_permuted_and_batched_otherwise(cnn, images, labels, norm, stop):
    attack = Square(40, norm, stop_at_success=stop)
    whole = attack(cnn, images, labels, epsilon=EPSILON[norm])
    assert 0 < whole.success.mean() < 1
    order = np.random.default_rng(0).permutation(len(images))
    for part, size in ((order[:5], 128), (order, 11)):
        attack = replace(attack, batch_size=size)
        some = attack(cnn, images[part], labels[part], epsilon=EPSILON[norm], ids=part)
        np.testing.assert_allclose(some.images, whole.images[part], rtol=0, atol=1e-6)
        np.testing.assert_array_equal(some.success, whole.success[part])
        np.testing.assert_array_equal(some.forward_evaluations, whole.forward_evaluations[part])


def test_rounding_is_no_progress(images):
    """Most windows change what the model does not see, while batches of two sizes round apart."""
    weights = np.zeros((8, 8, 10))
    weights[2:4, 2:4] = np.random.default_rng(0).normal(size=(2, 2, 10))
    weights = tf.constant(weights.reshape(64, 10), tf.float32)

    def model(x):
        rounding = 1e-7 * tf.cast(tf.shape(x)[0] % 4, tf.float32)
        return (tf.reshape(x, [-1, 64]) @ weights) * (1 + rounding)

    attack = Square(60, p_init=0.1)
    whole = attack(model, images, epsilon=0.2)
    assert 0.3 < whole.success.mean() < 0.9  # batches shrink
    for size in (1, 5, 6):
        again = replace(attack, batch_size=size)(model, images[:6], epsilon=0.2)
        np.testing.assert_array_equal(again.images, whole.images[:6])


@NORMS
def test_same_seed_same_bits_and_other_seeds_differ(cnn, images, labels, norm):
    attack, epsilon = Square(20, norm, stop_at_success=False), EPSILON[norm]
    first, second = (attack(cnn, images, labels, epsilon=epsilon) for _ in range(2))
    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.logits, second.logits)
    for other in (
        replace(attack, seed=1)(cnn, images, labels, epsilon=epsilon),
        attack(cnn, images, labels, epsilon=epsilon, ids=np.arange(len(images)) + 100),
    ):
        assert (first.images != other.images).any(axis=(1, 2, 3)).all()


@NORMS
def test_equal_images_are_searched_apart(cnn, images, labels, norm):
    twice = np.repeat(images[:1], 2, axis=0)
    result = Square(20, norm, stop_at_success=False)(cnn, twice, labels[[0, 0]], epsilon=0.5)
    assert not np.array_equal(*result.images)


@NORMS
def test_one_trace_for_all_settings(counting, images, labels, norm):
    for settings in ({}, {"stop_at_success": False}, {"p_init": 0.1}, {"batch_size": 7}):
        attack = Square(20, norm, **settings)
        attack.sweep(counting, images, labels, epsilons=[0, 0.03, 1])
        attack(counting, images[:1], Targeted([3]), epsilon=0.05)
    assert counting.traces == 2  # logits, and the step


@NORMS
def test_no_image_gives_an_empty_result(cnn, images, norm):
    result = Square(5, norm)(cnn, images[:0], [], epsilon=0.1)
    assert result.images.shape == (0, 8, 8, 1) and result.logits.shape == (0, 10)


PARAMETERS = {
    "queries": ({"queries": 0}, "queries is 0; accepted: a whole number, 1 or more"),
    "schedule": ({"schedule_queries": 0}, "schedule_queries is 0; accepted: a whole number"),
    "norm": ({"norm": "l1"}, "norm is 'l1'; accepted: 'linf', 'l2'$"),
    "no share": ({"p_init": 0.0}, "p_init is 0.0; accepted: a finite number above 0, at most 1"),
    "above one": ({"p_init": 1.5}, "p_init is 1.5; accepted: a finite number above 0, at most 1"),
    "not a number": (
        {"p_init": np.nan},
        "p_init is nan; accepted: a finite number above 0, at most 1",
    ),
    "seed": ({"seed": -1}, "seed is -1; accepted: a whole number, 0 or more"),
    "batch": ({"batch_size": 0}, "batch_size is 0; accepted: a whole number, 1 or more"),
}


@pytest.mark.parametrize("arguments, message", PARAMETERS.values(), ids=PARAMETERS)
def test_refused_hyper_parameters(arguments, message):
    with pytest.raises(ValueError, match=message):
        Square(**arguments)

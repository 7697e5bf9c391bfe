"""DDN, FMN and sigma-zero: the nearest image of a linear model, projections, and settings."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from test_known_optimum import CLASSES, WEIGHTS, linear, logits, points

from attacks import DDN, FMN, SigmaZero, Targeted
from attacks.engine.norms import NORMS, distances
from attacks.engine.projections import within

FORM = "N,8,8,1"
ATTACKS = [DDN(loss="margin"), *(FMN(norm=norm) for norm in NORMS), SigmaZero()]


def nearest(images, classes, others, norm):
    """The shortest change, within the box, from each image to its boundary with another class."""
    values, scores, rows = images.reshape(len(images), -1), logits(images), np.arange(len(images))
    missing = scores[rows, classes] - scores[rows, others]
    slopes = (WEIGHTS[:, others] - WEIGHTS[:, classes]).T
    room = np.where(slopes > 0, 1 - values, values)
    gains = np.abs(slopes) * room
    if norm == "l0":  # the values that gain most
        return (np.sort(gains)[:, ::-1].cumsum(axis=1) <= missing[:, None]).sum(axis=1) + 1
    if norm == "l1":  # the steepest values, each as far as there is room
        order = np.argsort(-np.abs(slopes))
        gains, room, steepness = (
            np.take_along_axis(each, order, axis=1) for each in (gains, room, np.abs(slopes))
        )
        before = gains.cumsum(axis=1) - gains
        return np.clip((missing[:, None] - before) / steepness, 0, room).sum(axis=1)
    dual = np.linalg.norm(slopes, 1 if norm == "linf" else 2, axis=1)
    assert (missing / dual).min() < 0.3  # so that the box is no obstacle
    return missing / dual


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_nothing_nearer_reaches_the_same_class(attack):
    images, classes = points(FORM)
    result = attack(linear(FORM), images, classes)
    assert result.success.all()
    found = result.distances[attack.norm]
    to_reached = nearest(images, classes, result.logits.argmax(axis=1), attack.norm)
    to_any = [nearest(images, classes, (classes + k) % CLASSES, attack.norm) for k in (1, 2, 3)]
    assert (found >= np.min(to_any, axis=0) * (1 - 1e-3)).all()
    whole = 1 if attack.norm == "l0" else 0  # one value more of a few is more than 2 per cent
    assert (found <= 1.02 * to_reached + whole).all()
    assert (found / np.min(to_any, axis=0)).mean() <= 1.04


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_a_target_is_reached(attack):
    images, classes = points(FORM)
    targets = (classes + 1) % CLASSES
    result = attack(linear(FORM), images, Targeted(targets))
    assert result.success.all() and (result.logits.argmax(axis=1) == targets).all()
    assert (result.images >= 0).all() and (result.images <= 1).all()


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_black_and_white_are_no_obstacle(cnn, digits, attack):
    """Without regard to them, FMN leaves a tenth of these digits as they are."""
    images, labels = digits[2][:100], digits[3][:100]
    assert replace(attack, steps=60)(cnn, images, labels).success.all()


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_images_that_are_wrong_are_left_alone(attack):
    images, classes = points(FORM)
    result = attack(linear(FORM), images, (classes + 1) % CLASSES)
    np.testing.assert_array_equal(result.images, images)
    assert result.success.all() and not result.gradient_evaluations.any()


def test_cross_entropy_may_vanish_where_the_margin_does_not():
    """Logits of hundreds: the probability of another class is 0 in float32."""
    images, classes = points(FORM)

    def sure(batch):
        return 1e4 * linear(FORM)(batch)

    assert DDN(loss="margin")(sure, images, classes).success.all()
    assert FMN()(sure, images, classes).success.all()
    assert not DDN()(sure, images, classes).success.all()


@pytest.mark.parametrize("norm", NORMS)
def test_projections(norm):
    generator = np.random.default_rng(3)
    inside = generator.normal(size=(20, 3, 2)).astype(np.float32)
    radii = {"l0": 3.0, "l1": 1.5, "l2": 0.8, "linf": 0.4}[norm] * np.ones(20, np.float32)
    radii[:2] = 0.0, 100.0
    inside[2] = 0.0
    projected = within(tf.constant(inside), tf.constant(radii), norm).numpy()
    assert (distances(projected)[norm] <= radii * (1 + 1e-5)).all()
    np.testing.assert_array_equal(projected[0], 0)
    np.testing.assert_array_equal(projected[1:3], inside[1:3])
    # No other point of the ball is nearer.
    apart = distances(projected - inside)["l2"]
    if norm == "l0":
        flat = np.sort(np.abs(inside.reshape(20, -1)))[:, :3]
        np.testing.assert_allclose(apart[2:], np.linalg.norm(flat, axis=1)[2:], rtol=1e-6)
        return
    for _ in range(200):
        others = projected + generator.normal(scale=0.05, size=inside.shape)
        length = np.maximum(distances(others)[norm], 1e-9)
        others *= np.minimum(1, radii / length)[:, None, None]
        assert (distances(others - inside)["l2"] >= apart - 1e-5).all()


def test_of_equal_values_as_many_as_may_stay():
    equal = tf.ones([1, 6])
    for count in range(7):
        kept = within(equal, tf.constant([float(count)]), "l0").numpy()
        np.testing.assert_array_equal(kept, [[1.0] * count + [0.0] * (6 - count)])


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: DDN(steps=0), "steps is 0"),
        (lambda: DDN(gamma=1.0), "gamma is 1.0"),
        (lambda: DDN(initial_epsilon=0), "initial_epsilon is 0"),
        (lambda: DDN(loss="dlr"), "loss is 'dlr'; accepted: 'cross-entropy', 'margin'"),
        (lambda: FMN(norm="l3"), "norm is 'l3'; accepted: 'linf', 'l2', 'l1', 'l0'"),
        (lambda: FMN(step_size=-1.0), "step_size is -1.0"),
        (lambda: SigmaZero(threshold=2.0), "threshold is 2.0"),
        (lambda: SigmaZero(sigma=0.0), "sigma is 0.0"),
    ],
)
def test_refused_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()

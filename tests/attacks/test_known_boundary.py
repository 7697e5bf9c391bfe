"""A linear model of two classes, whose nearest boundary point is known in every norm."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from attacks import APGD, BIM, FGSM, PGD, AutoAttack, MomentumIterative, Targeted

VALUES, MARGIN = 64, 0.4
DUAL = {"linf": 1, "l2": 2, "l1": np.inf}
WEIGHTS = np.random.default_rng(0).uniform(0.2, 1.0, VALUES) * np.resize([1, -1, -1], VALUES)
OPTIMUM = {norm: MARGIN / np.linalg.norm(WEIGHTS, order) for norm, order in DUAL.items()}

ATTACKS = [
    FGSM(),
    FGSM("l2"),
    FGSM("l1"),
    FGSM(temperature=5),
    PGD(10, random_start=False),
    PGD(10, norm="l2", random_start=False),
    PGD(40, 0.001, random_start=False),
    PGD(10, clip=False, random_start=False),
    PGD(20, random_start=True),
    PGD(20, 0.05, "l2", random_start=True, restarts=2),
    PGD(20, stop_at_success=True, random_start=False),
    BIM(10),
    BIM(10, norm="l2"),
    MomentumIterative(10),
    MomentumIterative(10, norm="l2"),
    MomentumIterative(10, sign_inside=True),
    APGD(20),
    APGD(20, norm="l2", random_start=False),
    APGD(20, loss="margin", stop_at_success=True),
]


def linear(shape, scale=1.0):
    """Logits 0 and w (x - 1/2): `scale` says how many of the model's units a pixel has."""
    model = keras.Sequential(
        [keras.Input(shape), layers.Rescaling(scale), layers.Flatten(), layers.Dense(2)]
    )
    kernel = np.stack([np.zeros(VALUES), WEIGHTS / scale], axis=1)
    model.layers[-1].set_weights([kernel, np.array([0.0, -WEIGHTS.sum() / 2])])
    return model


#: Models of images of other shapes, or with another unit.
FORMS = {
    "N,64": lambda: linear((64,)),
    "N,8,8": lambda: linear((8, 8)),
    "0-255": lambda: linear((8, 8, 1), 255.0),
}
#: The norms and the kinds of step; what else an attack is told does not know of shapes.
PAIRS = [
    ("N,64", FGSM("l1")),
    ("N,64", PGD(20, 0.05, "l2", random_start=True, restarts=2)),
    ("N,64", MomentumIterative(10, norm="l2")),
    ("N,64", APGD(20, norm="l2", random_start=False)),
    ("N,8,8", FGSM("l1")),
    ("N,8,8", APGD(20, norm="l2", random_start=False)),
    ("0-255", FGSM(temperature=5)),
    ("0-255", PGD(10, norm="l2", random_start=False)),
    ("0-255", APGD(20)),
]


@pytest.fixture(scope="module")
def model():
    return linear((8, 8, 1))


@pytest.fixture(scope="module")
def points(model):
    return points_for(model)


def points_for(model):
    """Images at the same distance from the boundary, on either side, and their classes."""
    points = np.random.default_rng(1).uniform(0.4, 0.6, (12, VALUES))
    classes = np.arange(12) % 2
    wanted = np.where(classes == 1, MARGIN, -MARGIN)
    off = (points - 0.5) @ WEIGHTS - wanted
    points -= off[:, None] * WEIGHTS / (WEIGHTS @ WEIGHTS)
    return points.reshape(-1, *model.inputs[0].shape[1:]).astype(np.float32), classes


@pytest.mark.parametrize("attack", [*ATTACKS, AutoAttack(steps=20, queries=5)], ids=str)
def test_success_begins_at_the_boundary(model, points, attack):
    assert_success_begins_at_the_boundary(model, points, attack)


@pytest.mark.parametrize("form, attack", PAIRS, ids=str)
def test_success_begins_there_in_other_shapes_and_units(form, attack):
    another = FORMS[form]()
    assert_success_begins_at_the_boundary(another, points_for(another), attack)


def assert_success_begins_at_the_boundary(model, points, attack):
    images, classes = points
    optimum = OPTIMUM[attack.norm]
    below, above = attack.sweep(model, images, classes, epsilons=[0.99 * optimum, 1.01 * optimum])
    assert not below.success.any()
    assert above.success.all()
    np.testing.assert_array_equal(above.logits.argmax(axis=1), 1 - classes)
    for result in (below, above):
        assert result.distances[attack.norm].max() <= result.epsilon + 1e-6


@pytest.mark.parametrize(
    "attack", [FGSM(), PGD(10, random_start=False), PGD(10, norm="l2", random_start=False)], ids=str
)
def test_a_target_is_reached_at_the_boundary(model, points, attack):
    images, classes = points
    goal = Targeted(1 - classes)
    optimum = OPTIMUM[attack.norm]
    below, above = attack.sweep(model, images, goal, epsilons=[0.99 * optimum, 1.01 * optimum])
    assert not below.success.any()
    assert above.success.all()


def test_distances_by_hand(points, model):
    images, classes = points
    result = FGSM()(model, images, classes, epsilon=0.01)
    np.testing.assert_array_equal(result.distances["l0"], VALUES)
    np.testing.assert_allclose(result.distances["l1"], 0.01 * VALUES, rtol=1e-4)
    np.testing.assert_allclose(result.distances["l2"], 0.01 * 8, rtol=1e-4)
    np.testing.assert_allclose(result.distances["linf"], 0.01, rtol=1e-4)


WIDE = [
    *ATTACKS,
    PGD(5, 0.1, clip=False, random_start=False),
    PGD(5, 0.5, "l2", random_start=True, clip=False),
]


@pytest.mark.parametrize("attack", WIDE, ids=str)
def test_bounds_are_kept_and_used(cnn, images, labels, attack):
    for result in attack.sweep(cnn, images, labels, epsilons=[0.1, 0.5, 1.0]):
        reached = result.distances[attack.norm].max()
        assert 0.5 * min(result.epsilon, 0.04) < reached <= result.epsilon + 1e-6
        inside = result.images.min() >= 0 and result.images.max() <= 1
        assert inside == getattr(
            attack, "clip", True
        )  # digits are black and white, so unclipped steps leave


@pytest.mark.parametrize("attack", WIDE, ids=str)
def test_epsilon_zero_returns_the_images_bit_for_bit(cnn, images, labels, attack):
    zero, more = attack.sweep(cnn, images, labels, epsilons=[0, 0.1])
    np.testing.assert_array_equal(zero.images, images)
    assert not np.array_equal(more.images, images)
    np.testing.assert_array_equal(zero.logits, cnn(images, training=False).numpy())
    assert not any(distance.any() for distance in zero.distances.values())


def test_temperature_divides_the_logits(cnn, images, labels):
    divided = keras.Sequential([*cnn.layers, layers.Rescaling(1 / 20)])
    for make in (FGSM, PGD):
        attack = make(norm="l2", temperature=20)
        result = attack(cnn, images, labels, epsilon=1.0)
        twin = make(norm="l2")(divided, images, labels, epsilon=1.0)
        np.testing.assert_allclose(result.images, twin.images, atol=1e-5)
        np.testing.assert_allclose(result.logits, 20 * twin.logits, rtol=1e-3, atol=1e-2)


def test_temperature_revives_a_saturated_gradient(points):
    images, classes = points
    pixels = tf.reshape(images, [-1, VALUES])

    def saturated(x):
        return 1e4 * linear_logits(tf.reshape(x, [-1, VALUES]))

    np.testing.assert_array_equal(linear_logits(pixels).numpy().argmax(axis=1), classes)
    epsilon = 1.5 * OPTIMUM["linf"]
    assert not FGSM()(saturated, images, classes, epsilon=epsilon).success.any()
    assert FGSM(temperature=1e4)(saturated, images, classes, epsilon=epsilon).success.all()


def linear_logits(pixels):
    score = tf.linalg.matvec(pixels - 0.5, tf.constant(WEIGHTS, tf.float32))
    return tf.stack([tf.zeros_like(score), score], axis=1)

"""Models that are random, that TensorFlow cannot look into, or that take one batch size only."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from attacks import (
    FGSM,
    PGD,
    AutoAttack,
    BudgetAttack,
    DeepFool,
    ModelError,
    NoGradientError,
    PixelSwap,
    Square,
    as_probabilities,
    averaged,
    black_box,
    robust_curve,
)
from evaluation import evaluate


class Noise(layers.Layer):
    def __init__(self, stddev):
        super().__init__()
        self.stddev = stddev

    def call(self, values):
        return values + keras.random.normal(keras.ops.shape(values), stddev=self.stddev)


def noisy(model, stddev=3.0):
    return keras.Sequential([keras.Input((8, 8, 1)), model, Noise(stddev)])


RANDOM = {
    "layer": noisy,
    "callable": lambda model: (
        lambda images: (
            model(images, training=False) + tf.random.normal([tf.shape(images)[0], 10], stddev=3.0)
        )
    ),
    "dropout that stays on": lambda model: (
        lambda images: tf.nn.dropout(model(images, training=False), 0.5)
    ),
}


@pytest.mark.parametrize("name", RANDOM)
def test_a_random_model_is_said_to_be(cnn, images, labels, name):
    model = RANDOM[name](cnn)
    for _ in range(2):  # the second finds it compiled: random, not changed
        with pytest.warns(RuntimeWarning, match=r"random at inference: two passes differ by up"):
            result = FGSM()(model, images, labels, epsilon=0.05)
        assert result.spread > 0.5
    with pytest.warns(RuntimeWarning, match="averaged"):
        curve = robust_curve(model, images, labels, FGSM(), [0.05])
    assert curve.spread > 0.5
    with pytest.warns(RuntimeWarning):
        table = evaluate(model, images, labels, FGSM(), [0.05]).table()
    assert (table["spread"] > 0.5).all() and (table["random"] > 0.02).all()


class Alternating:
    """Another output at every call, by a variable."""

    def __init__(self, model):
        self.model = model
        self.calls = tf.Variable(0.0)

    def __call__(self, images):
        return self.model(images, training=False) + self.calls.assign_add(1.0) % 2


DRAWN_IN_PYTHON = {
    "array": lambda model: (
        lambda images: model(images, training=False) + np.random.default_rng().normal(size=10)
    ),
    "state": Alternating,
}


@pytest.mark.parametrize("name", DRAWN_IN_PYTHON)
def test_what_the_graph_does_not_show_is_said_too(cnn, images, labels, name):
    model = DRAWN_IN_PYTHON[name](cnn)
    with pytest.warns(RuntimeWarning, match="random at inference"):
        result = FGSM()(model, images, labels, epsilon=0.05)
    assert result.spread > 0.5
    with pytest.warns(RuntimeWarning, match="random at inference"):
        table = evaluate(model, images, labels, FGSM(), [0.05]).table()
    assert (table["spread"] > 0.5).all()


def test_a_random_model_that_was_changed(cnn, images, labels):
    factor = {"value": 1.0}

    def model(batch):
        noise = tf.random.normal([tf.shape(batch)[0], 10], stddev=0.05)
        return factor["value"] * cnn(batch, training=False) + noise

    with pytest.warns(RuntimeWarning):
        before = FGSM()(model, images, labels, epsilon=0)
    factor["value"] = 20.0
    with pytest.warns(RuntimeWarning):
        after = FGSM()(model, images, labels, epsilon=0)
    np.testing.assert_allclose(after.logits, 20 * before.logits, atol=10)
    assert np.abs(after.logits).max() > 5 * np.abs(before.logits).max()


def test_others_are_not(cnn, images, labels):
    assert FGSM()(cnn, images, labels, epsilon=0.05).spread == 0
    table = evaluate(cnn, images, labels, FGSM(), [0.05]).table()
    assert (table["spread"] < 1e-4).all() and (table["random"] == 0).all()


def test_the_mean_of_several_passes_is_attacked_instead(cnn, images, labels):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        mean = averaged(noisy(cnn, stddev=1.5), draws=50)
        result = PGD(5)(mean, images, labels, epsilon=0.1)
    expected = PGD(5)(cnn, images, labels, epsilon=0.1)
    assert np.abs(result.logits - np.asarray(cnn(result.images))).max() < 1.5 * 5 / np.sqrt(50)
    assert np.mean(result.success == expected.success) > 0.85
    assert averaged(cnn, draws=2)(tf.constant(images)).shape == (48, 10)
    for draws in (0, 1.5):
        with pytest.raises(ValueError, match=f"draws is {draws}; accepted: a whole number"):
            averaged(cnn, draws)


BLACK_BOX = [Square(12), PixelSwap(2)]


@pytest.mark.parametrize("attack", BLACK_BOX, ids=str)
def test_a_function_of_arrays_is_attacked_by_queries(cnn, images, labels, attack):
    def function(batch):
        assert isinstance(batch, np.ndarray) and batch.dtype == np.float32
        return cnn.predict_on_batch(batch)

    options = {"epsilon": 0.2} if isinstance(attack, BudgetAttack) else {}
    expected = attack(cnn, images, labels, **options)
    result = attack(black_box(function, 10), images, labels, **options)
    np.testing.assert_array_equal(result.success, expected.success)
    np.testing.assert_allclose(result.images, expected.images, atol=1e-6)
    table = evaluate(black_box(function, 10), images, labels, attack, [0.2]).table()
    assert np.isnan(table["zero_gradient"]).all()


def test_a_black_box_of_probabilities(cnn, images, labels):
    model = black_box(lambda batch: tf.nn.softmax(cnn(batch)).numpy(), 10)
    with pytest.raises(ModelError, match=r"probabilities; accepted: logits \(attacks.as_prob"):
        Square(20)(model, images, labels, epsilon=0.2)
    result = Square(20)(as_probabilities(model), images, labels, epsilon=0.2)
    expected = Square(20)(cnn, images, labels, epsilon=0.2)
    assert np.mean(result.success == expected.success) > 0.95


def test_a_black_box_is_called_as_it_is_now(cnn, images, labels):
    state = {"factor": 1.0}
    model = black_box(lambda batch: state["factor"] * np.asarray(cnn(batch)), 10)
    first = Square(3)(model, images, labels, epsilon=0)
    state["factor"] = -1.0
    second = Square(3)(model, images, labels, epsilon=0)
    np.testing.assert_array_equal(second.logits, -first.logits)


REFUSED = {
    "array function": (
        lambda images: np.asarray(images).reshape(-1, 64)[:, :10],
        r"cannot be traced by TensorFlow .*attacks.black_box\(function, classes\)",
    ),
    "method of an array": (
        lambda images: images.numpy().mean(),
        r"cannot be traced by TensorFlow .*attacks.black_box\(function, classes\)",
    ),
    "no function": (lambda: black_box("predict", 10), "function is 'predict'; accepted: a func"),
    "no class": (lambda: black_box(len, 0), "classes is 0; accepted: a whole number, 1 or more"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_functions(images, labels, name):
    model, message = REFUSED[name]
    with pytest.raises(ValueError, match=message) as refusal:
        model() if "black_box" in model.__code__.co_names else Square(3)(
            model, images, labels, epsilon=0.1
        )
    assert "in user code" not in str(refusal.value)


def test_what_a_black_box_gives_is_checked(images, labels):
    message = r"^function gives outputs of shape \(8, 3\) for 8 images; accepted: \(8, 10\)$"
    with pytest.raises(ModelError, match=message):
        Square(3)(
            black_box(lambda batch: np.zeros([len(batch), 3]), 10), images, labels, epsilon=0.1
        )

    def unreachable(batch):
        raise ConnectionError("service is down")

    message = "^function fails with ConnectionError: service is down; accepted: one that gives"
    with pytest.raises(ModelError, match=message):
        Square(3)(black_box(unreachable, 10), images, labels, epsilon=0.1)
    one = Square(3)(black_box(lambda batch: batch[:, 0, 0] - 2, 1), images, labels % 2, epsilon=0.1)
    assert one.logits.shape == (48, 2) and (one.logits[:, 0] == 0).all()
    box = black_box(lambda batch: batch.reshape(-1, 64)[:, :10] - 1, 10)
    with pytest.raises(ModelError, match="jit_compile is True with a black box; accepted: False"):
        Square(3)(box, images, labels, epsilon=0.1, jit_compile=True)
    with pytest.raises(NoGradientError, match="such as Square"):
        FGSM()(box, images, labels, epsilon=0.1)


STOPPED = {
    "stopped gradient": lambda model: lambda images: model(tf.stop_gradient(images)),
    "rounding": lambda model: lambda images: model(tf.round(images * 16) / 16),
    "Keras model": lambda model: keras.Sequential([keras.Input((8, 8, 1)), Rounded(), model]),
}


class Rounded(layers.Layer):
    def call(self, images):
        return tf.round(images * 16) / 16


@pytest.mark.parametrize("name", STOPPED)
def test_without_a_gradient_autoattack_goes_on_with_queries(cnn, images, labels, name):
    model = STOPPED[name](cnn)
    for attack in (PGD(2), DeepFool(2)):
        options = {"epsilon": 0.2} if isinstance(attack, BudgetAttack) else {}
        with pytest.raises(NoGradientError, match="model has no gradient") as refusal:
            attack(model, images, labels, **options)
        assert "user code" not in str(refusal.value)
    auto_attack = AutoAttack(queries=50, steps=3)
    with pytest.warns(RuntimeWarning, match="AutoAttack is Square alone"):
        result = auto_attack(model, images, labels, epsilon=0.2)
    *_, square = auto_attack.attacks(10)
    expected = square(model, images, labels, epsilon=0.2)
    np.testing.assert_array_equal(result.success, expected.success)
    assert result.success.mean() > 0.3


def with_batches_of(size, model):
    """Takes batches of one size only."""

    def reshaped(images):
        return model(tf.reshape(images, [size, 8, 8, 1]), training=False)

    return reshaped


@pytest.mark.parametrize("attack", [PGD(3), Square(10), DeepFool(4, candidates=3)], ids=str)
def test_one_batch_size(cnn, images, labels, attack):
    """48 images in batches of 20, of which some leave early."""
    options = {"epsilon": 0.1} if isinstance(attack, BudgetAttack) else {}
    expected = attack(cnn, images, labels, **options)
    spec = [tf.TensorSpec([20, 8, 8, 1])]
    declared = tf.function(lambda batch: cnn(batch, training=False), input_signature=spec)
    fixed = keras.Sequential([keras.Input((8, 8, 1), batch_size=20), *cnn.layers])
    probed = type(attack)(**vars(attack) | {"batch_size": 20})
    models = [(with_batches_of(20, cnn), probed)]
    if isinstance(attack, PGD):  # how the size is known is no matter to the attack
        models += [(declared, attack), (fixed, attack)]
    for model, run in models:
        result = run(model, images, labels, **options)
        np.testing.assert_array_equal(result.success, expected.success)
        np.testing.assert_allclose(result.logits, expected.logits, rtol=1e-3, atol=1e-3)
    with pytest.raises(ModelError, match="fails on 8 images, and on batches of 128 .*batch_size"):
        attack(with_batches_of(20, cnn), images, labels, **options)


@pytest.mark.parametrize("attack", [Square(20), PixelSwap(5)], ids=str)
def test_channels_that_come_first_are_noted(attack):
    """Windows of pixels would be cut across channels."""
    weights = np.random.default_rng(0).normal(size=(3 * 8 * 8, 10)).astype(np.float32)
    images = np.random.default_rng(1).random((4, 3, 8, 8)).astype(np.float32)
    options = {"epsilon": 0.1} if isinstance(attack, BudgetAttack) else {}

    def channels_first(batch):
        return tf.reshape(batch, [-1, 3 * 8 * 8]) @ weights

    with pytest.warns(
        RuntimeWarning, match=r"\(3, 8, 8\).* for 3 rows and 8 columns of 8 channels"
    ):
        attack(channels_first, images, **options)
    permuted = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Permute((3, 1, 2)), layers.Flatten()]
    )
    result = attack(
        lambda batch: channels_first(permuted(batch)), images.transpose(0, 2, 3, 1), **options
    )
    assert result.logits.shape == (4, 10)


def test_a_refusal_is_of_the_model_at_hand(cnn, images, labels):
    """Not of one that failed before."""
    try:
        FGSM()(lambda batch: [batch, batch], images, labels, epsilon=0.1)
    except ModelError:
        with pytest.raises(ModelError, match="cannot be traced .*NameError.*undefined_name"):
            FGSM()(lambda batch: undefined_name(batch), images, labels, epsilon=0.1)  # noqa: F821


def test_warnings_point_at_the_caller(cnn, images, labels):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        FGSM()(noisy(cnn), images, labels, epsilon=0.1)
        evaluate(noisy(cnn), images, labels, FGSM(), [0.1])
    assert caught and {warning.filename for warning in caught} == {__file__}

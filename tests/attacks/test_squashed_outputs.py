"""Outputs that are no logits are recognised, and every refusal names a way out that works."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from scipy.special import expit

import models
from attacks import (
    APGD,
    FGSM,
    JSMA,
    PGD,
    BudgetAttack,
    CarliniWagner,
    DeepFool,
    ModelError,
    PixelSwap,
    Square,
    as_logits,
    as_probabilities,
    robust_curve,
)
from evaluation import evaluate


class Subclassed(keras.Model):
    def __init__(self, inner, end):
        super().__init__()
        self.inner = inner
        self.end = end

    def call(self, images):
        return self.end(self.inner(images))


def averaged_softmaxes(model):
    """An ensemble, whose last layer squashes nothing."""
    images = keras.Input((8, 8, 1))
    branches = [layers.Softmax()(model(images)) for _ in range(2)]
    return keras.Model(images, layers.Average()(branches))


def ending_in(activation):
    return lambda model: keras.Sequential([*model.layers, layers.Activation(activation)])


# What is attacked, and the words of the way out.
SQUASHED = {
    "sigmoid layer": (ending_in("sigmoid"), "models.without_softmax(model)"),
    "tf.nn.softmax": (ending_in(tf.nn.softmax), "models.without_softmax(model)"),
    "ensemble": (averaged_softmaxes, "attacks.as_probabilities(model)"),
    "subclassed softmax": (
        lambda model: Subclassed(model, tf.nn.softmax),
        "attacks.as_probabilities(model)",
    ),
    "subclassed sigmoid": (
        lambda model: Subclassed(model, tf.sigmoid),
        "attacks.as_probabilities(model, independent=True)",
    ),
    "callable sigmoid": (
        lambda model: lambda images: tf.sigmoid(model(images, training=False)),
        "attacks.as_probabilities(model, independent=True)",
    ),
}
SQUASHED |= {
    "heads": (
        lambda model: keras.Model(
            model.inputs[0],
            layers.Concatenate()(
                [
                    layers.Activation("sigmoid")(model.outputs[0][:, column : column + 1])
                    for column in range(10)
                ]
            ),
        ),
        "attacks.as_probabilities(model, independent=True)",
    ),
    "written out": (
        lambda model: keras.Model(
            model.inputs[0], 1.0 / (1.0 + keras.ops.exp(-1.0 * model.outputs[0]))
        ),
        "attacks.as_probabilities(model, independent=True)",
    ),
}
WAYS_OUT = {
    "models.without_softmax(model)": models.without_softmax,
    "attacks.as_probabilities(model)": as_probabilities,
    "attacks.as_probabilities(model, independent=True)": lambda model: as_probabilities(
        model, independent=True
    ),
}


@pytest.mark.parametrize("name", SQUASHED)
def test_the_way_out_gives_the_answer_of_the_logits(cnn, images, labels, name):
    make, way_out = SQUASHED[name]
    model, attack = make(cnn), PGD(5)
    with pytest.raises(ModelError) as refusal:
        attack(model, images, labels, epsilon=0.1)
    assert way_out in str(refusal.value) and "attacks.as_logits(model)" in str(refusal.value)
    expected = attack(cnn, images, labels, epsilon=0.1)
    result = attack(WAYS_OUT[way_out](model), images, labels, epsilon=0.1)
    assert expected.success.any() and not expected.success.all()
    assert np.mean(result.success == expected.success) > 0.97
    as_they_are = attack(as_logits(model), images, labels, epsilon=0.1)
    assert (as_they_are.logits >= 0).all() and (as_they_are.logits <= 1).all()


def test_log_softmax_is_harmless(cnn, images, labels):
    expected = PGD(5)(cnn, images, labels, epsilon=0.1)
    for end in ("log_softmax", tf.nn.log_softmax):
        result = PGD(5)(ending_in(end)(cnn), images, labels, epsilon=0.1)
        assert np.mean(result.success == expected.success) > 0.97


def test_logits_that_happen_to_lie_between_0_and_1_are_logits(images, labels):
    def model(batch):
        return tf.reshape(batch, [-1, 64])[:, :10]

    assert Square(5)(model, images, labels, epsilon=0.1).logits.min() >= 0
    assert FGSM()(model, images, labels, epsilon=0.1).logits.max() <= 1


def test_probabilities_are_kept_for_tables(cnn, images, labels):
    probabilities = np.asarray(models.with_softmax(cnn)(images))
    softmax = Subclassed(cnn, tf.nn.softmax)
    outcomes = evaluate(as_probabilities(softmax), images, labels, FGSM(), [0.1], examples=4)
    np.testing.assert_allclose(outcomes.example_probabilities[0], probabilities[:4], atol=1e-5)
    sigmoid = as_probabilities(Subclassed(cnn, tf.sigmoid), independent=True)
    outcomes = evaluate(sigmoid, images, labels, FGSM(), [0.1], examples=4)
    expected = tf.sigmoid(cnn(images[:4])).numpy()
    np.testing.assert_allclose(outcomes.example_probabilities[0], expected, atol=1e-5)


@pytest.fixture(scope="module")
def binary(digits):
    """A network with one logit, which says whether a digit is odd."""
    x_train, y_train, x_test, y_test = digits
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(32, "relu"), layers.Dense(1)]
    )
    model.compile(keras.optimizers.Adam(0.01), keras.losses.BinaryCrossentropy(from_logits=True))
    model.fit(x_train, y_train % 2, epochs=5, verbose=0)
    assert np.mean((model(x_test).numpy()[:, 0] > 0) == y_test % 2) > 0.9
    return model


EVERY = [PGD(5), APGD(5, loss="margin"), Square(20), DeepFool()]
EVERY += [CarliniWagner(2, 30, 0.05), PixelSwap(), JSMA()]


@pytest.mark.parametrize("attack", EVERY, ids=str)
def test_one_output_is_two_classes(binary, images, labels, attack):
    labels = labels % 2
    options = {"epsilon": 0.1} if isinstance(attack, BudgetAttack) else {}
    result = attack(binary, images, labels, **options)
    expected = attack(models.two_classes(binary), images, labels, **options)
    np.testing.assert_allclose(result.images, expected.images, atol=1e-6)
    assert result.logits.shape == (48, 2) and (result.logits[:, 0] == 0).all()
    z = np.asarray(binary(result.images))[:, 0]
    np.testing.assert_allclose(result.logits[:, 1], z, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(result.success, (z > 0) != labels)
    assert (result.success & ((np.asarray(binary(images))[:, 0] > 0) == labels)).any()


def test_one_sigmoid(binary, images, labels):
    labels = labels % 2
    expected = PGD(5)(binary, images, labels, epsilon=0.1)
    squashed = keras.Sequential([*binary.layers, layers.Activation("sigmoid")])
    for model, ways_out in {
        squashed: [models.without_softmax, models.two_classes],
        Subclassed(binary, tf.sigmoid): [as_probabilities],
    }.items():
        with pytest.raises(ModelError, match="sigmoid"):
            PGD(5)(model, images, labels, epsilon=0.1)
        for way_out in ways_out:
            result = PGD(5)(way_out(model), images, labels, epsilon=0.1)
            assert np.mean(result.success == expected.success) > 0.97


def test_one_sigmoid_is_not_taken_for_a_logit(binary, images, labels):
    """It is above 0 for every image."""
    squashed = keras.Sequential([*binary.layers, layers.Activation("sigmoid")])
    with pytest.raises(ModelError, match="one output, of a sigmoid.*as_probabilities"):
        PGD(5)(as_logits(squashed), images, labels % 2, epsilon=0.1)
    assert FGSM()(as_logits(binary), images, labels % 2, epsilon=0.1).success.any()


def test_two_sigmoids_keep_their_probabilities():
    logits = np.float32([[-2.5, 3.0], [1.0, 0.5]])
    reading = as_probabilities(lambda images: images, independent=True).outputs
    np.testing.assert_allclose(reading.probabilities(logits), expit(logits), rtol=1e-5)
    of_one = np.float32([[0, 3.0], [0, -0.5]])
    second = reading.probabilities(of_one)[:, 1]
    np.testing.assert_allclose(second, expit(of_one[:, 1]), rtol=1e-5)


def test_one_output_is_evaluated(binary, digits):
    images, labels = digits[2][:200], digits[3][:200] % 2
    outcomes = evaluate(binary, images, labels, PGD(5), [0.0, 0.1, 0.2])
    table = outcomes.table()
    z = np.asarray(binary(images))[:, 0]
    assert table["accuracy"][0] == pytest.approx(np.mean((z > 0) == labels))
    assert table["accuracy"][3] < table["accuracy"][0] - 0.3
    curve = robust_curve(binary, images, labels, PGD(5), [0.1, 0.2])
    assert curve.accuracy[1] == pytest.approx(table["accuracy"][3], abs=0.03)
    with pytest.raises(ValueError, match="labels has the value 2; accepted: 0 to 1"):
        evaluate(binary, images, labels + 1, PGD(5), [0.1])


def test_tanh_in_code_of_ones_own(cnn, images, labels):
    with pytest.raises(ModelError, match=r"those of tanh; accepted: logits \(attacks.as_logits"):
        FGSM()(Subclassed(cnn, tf.tanh), images, labels, epsilon=0.1)
    inner = keras.Sequential([layers.Flatten(), layers.Dense(8, "tanh"), layers.Dense(10)])
    assert FGSM()(Subclassed(inner, tf.identity), images, labels, epsilon=0.1).success.any()


def test_probabilities_that_are_none(cnn, images, labels):
    with pytest.raises(ModelError, match="of model are from -.* accepted as probabilities"):
        FGSM()(as_probabilities(cnn), images, labels, epsilon=0.1)
    sigmoids = ending_in("sigmoid")(cnn)
    with pytest.raises(ModelError, match=r"sum to .*independent=True\)"):
        FGSM()(as_probabilities(sigmoids), images, labels, epsilon=0.1)


def test_softmax_in_bfloat16(cnn, images, labels):
    model = Subclassed(cnn, lambda logits: tf.nn.softmax(tf.cast(logits, tf.bfloat16)))
    with pytest.raises(ModelError, match=r"are probabilities; .*as_probabilities\(model\)"):
        FGSM()(model, images, labels, epsilon=0.1)
    assert FGSM()(as_probabilities(model), images, labels, epsilon=0.1).success.any()


def test_a_sigmoid_inside_a_network_is_none_at_its_end(images, labels):
    """Logits of a network without training may lie in [0, 1]."""
    inner = keras.Sequential([layers.Flatten(), layers.Dense(8, "sigmoid"), layers.Dense(10)])
    inner(images[:1])
    inner.layers[-1].set_weights([np.zeros((8, 10)), np.linspace(0.1, 0.9, 10)])
    inner.layers[-1].kernel.assign_add(np.full((8, 10), 1e-3))
    for model in (inner, Subclassed(inner, tf.identity), lambda batch: inner(batch)):
        result = FGSM()(model, images, labels, epsilon=0.1)
        assert result.logits.min() > 0 and result.logits.max() < 1


def test_what_was_read_otherwise_before_is_refused_all_the_same(cnn, images, labels):
    """What was seen of a model is of one way of reading its outputs."""
    for end, first in (
        (tf.sigmoid, lambda model: as_probabilities(model, independent=True)),
        (tf.nn.softmax, as_probabilities),
        (tf.tanh, as_logits),
    ):
        model = Subclassed(cnn, end)
        FGSM()(first(model), images, labels, epsilon=0.1)
        with pytest.raises(ModelError, match="accepted: logits"):
            FGSM()(model, images, labels, epsilon=0.1)

"""Temperature and softmax at the end of a model, with values by hand."""

import keras
import numpy as np
import pytest
from keras import layers

import models

LOGITS = np.log([[1.0, 2.0, 5.0]]).astype(np.float32)
PROBABILITIES = [[0.125, 0.25, 0.625]]


def identity(*last):
    return keras.Sequential([keras.Input((3,)), layers.Activation("linear"), *last])


def dense(activation):
    model = identity(layers.Dense(3, activation=activation, kernel_initializer="identity"))
    model.layers[-1].bias.assign([0.0, 0.0, np.log(2.0)])
    return model


def functional(model):
    return keras.Model(model.inputs[0], model.outputs[0])


def nested(model):
    return identity(model)


def operation():
    pixels = keras.Input((3,))
    return keras.Model(pixels, keras.ops.softmax(pixels))


ENDS_IN_SOFTMAX = {
    "layer": lambda: identity(layers.Softmax()),
    "activation": lambda: identity(layers.Activation("softmax")),
    "functional": lambda: functional(identity(layers.Softmax())),
    "nested": lambda: nested(identity(layers.Softmax())),
    "nested twice": lambda: functional(nested(nested(identity(layers.Activation("softmax"))))),
    "operation": operation,
}
DOES_NOT = {
    "linear": lambda: identity(),
    "relu": lambda: identity(layers.Activation("relu")),
    "dense": lambda: dense("linear"),
    "softmax in the middle": lambda: identity(layers.Softmax(), layers.Rescaling(2.0)),
    "unbuilt": lambda: keras.Sequential([layers.Softmax()]),
}


@pytest.mark.parametrize("make", ENDS_IN_SOFTMAX.values(), ids=ENDS_IN_SOFTMAX)
def test_softmax_is_seen_and_taken_off(make):
    model = make()
    assert models.ends_in_softmax(model)
    np.testing.assert_allclose(model(LOGITS), PROBABILITIES, rtol=1e-6)
    bare = models.without_softmax(model)
    assert not models.ends_in_softmax(bare)
    np.testing.assert_array_equal(bare(LOGITS), LOGITS)
    assert models.ends_in_softmax(model)


@pytest.mark.parametrize("make", DOES_NOT.values(), ids=DOES_NOT)
def test_no_softmax_to_take_off(make):
    model = make()
    assert not models.ends_in_softmax(model)
    with pytest.raises(ValueError, match="does not end in softmax"):
        models.without_softmax(model)


@pytest.mark.parametrize("wrap", [lambda model: model, functional, nested])
def test_dense_with_softmax_becomes_linear(wrap):
    model = wrap(dense("softmax"))
    assert models.ends_in_softmax(model)
    expected = LOGITS + np.array([0.0, 0.0, np.log(2.0)], np.float32)
    np.testing.assert_allclose(models.without_softmax(model)(LOGITS), expected, rtol=1e-6)
    np.testing.assert_allclose(np.sum(model(LOGITS)), 1, rtol=1e-6)


def test_layer_used_in_two_models():
    first = identity(layers.Softmax())
    second = keras.Sequential([keras.Input((3,)), layers.Rescaling(2.0), *first.layers])
    np.testing.assert_array_equal(models.without_softmax(second)(LOGITS), 2 * LOGITS)


def test_subclassed_model_cannot_be_looked_into():
    class Subclassed(keras.Model):
        def call(self, inputs):
            return keras.ops.softmax(inputs)

    assert not models.ends_in_softmax(Subclassed())
    with pytest.raises(ValueError, match="accepted: a functional or a built sequential model"):
        models.with_softmax(Subclassed())


def test_softmax_and_back(small, images, shaken):
    classifier = models.with_softmax(shaken(small))
    logits = small(images, training=False)
    np.testing.assert_allclose(classifier(images, training=False).numpy().sum(axis=1), 1, rtol=1e-6)
    again = models.without_softmax(classifier)
    np.testing.assert_array_equal(again(images, training=False), logits)
    assert again.layers[-1] is small.layers[-1]
    assert not models.ends_in_softmax(small)


def test_temperature_by_hand():
    softened = models.with_softmax(models.with_temperature(identity(), 2))
    root = np.sqrt([1.0, 2.0, 5.0])
    np.testing.assert_allclose(softened(LOGITS), [root / root.sum()], rtol=1e-6)


def test_temperature_of_one_changes_nothing(small):
    assert models.with_temperature(small, 1.0) is small


def test_names_in_the_model_are_not_taken_twice():
    model = models.with_temperature(models.with_temperature(identity(), 2), 4)
    assert [layer.name for layer in model.layers][-2:] == ["temperature", "temperature_1"]
    np.testing.assert_allclose(model(LOGITS), LOGITS / 8, rtol=1e-6)


@pytest.mark.parametrize("temperature", [0, -1.0, float("inf"), float("nan")])
def test_refused_temperatures(temperature):
    with pytest.raises(ValueError, match=f"temperature={temperature}; accepted: a finite number"):
        models.with_temperature(identity(), temperature)


@pytest.mark.parametrize(
    "put_on", [models.with_softmax, lambda model: models.with_temperature(model, 2)]
)
def test_nothing_is_put_on_probabilities(put_on):
    with pytest.raises(ValueError, match="ends in softmax; accepted: one that ends in logits"):
        put_on(identity(layers.Softmax()))

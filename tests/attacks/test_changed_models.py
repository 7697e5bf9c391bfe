"""A model is attacked as it is now, whatever was compiled of it before."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from attacks import FGSM, PGD, DeepFool, Square, forget
from attacks.engine import cache

ATTACKS = [PGD(3), DeepFool(3, candidates=2), Square(5)]


def copy_of(model):
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


class Divided(keras.Model):
    """Its outputs depend on plain attributes and on what they hold."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        self.divisor = 1.0
        self.shift = np.zeros(10, np.float32)
        self.settings = Settings()

    def call(self, images):
        return self.settings.factor * self.inner(images) / self.divisor + self.shift


class Settings:
    factor = 1.0


class Scaled(layers.Layer):
    factor = 1.0

    def call(self, values):
        return self.factor * values


class Plain:
    """No Keras model; what it reads may be anywhere."""

    def __init__(self, inner):
        self.inner = inner
        self.held = {"factor": 1.0}

    def __call__(self, images):
        return self.held["factor"] * self.inner(images, training=False)


def popped(model):
    model.pop()
    model.add(layers.Dense(2))


def changed_layer(**attributes):
    def change(model):
        for name, value in attributes.items():
            setattr(model.layers[-1], name, value)

    return change


def doubled(logits):
    return 2 * logits


class Slope:
    """An activation that is an object, or a method of one."""

    def __init__(self, slope):
        self.slope = slope

    def __call__(self, logits):
        return tf.maximum(logits, self.slope * logits)

    method = __call__


def ending_in(function):
    def make(model):
        return keras.Sequential(
            [keras.Input((8, 8, 1)), copy_of(model), layers.Activation(function)]
        )

    return make


def steeper(model):
    model.layers[-1].activation.slope = 0.9


def steeper_method(model):
    model.layers[-1].activation.__self__.slope = 0.9


def steeper_partial(model):
    model.layers[-1].activation = functools.partial(tf.nn.leaky_relu, alpha=0.9)


def other_compiled(model):
    model.layers[-1].activation = tf.function(lambda logits: -logits)


def other_lambda(model):
    model.layers[-1].function = functools.partial(tf.multiply, 5.0)


def set_shift(model):
    model.shift[3] = 7


CHANGES = {
    "other layers": (copy_of, popped),
    "activation": (copy_of, changed_layer(activation=keras.activations.relu)),
    "activation of one's own": (copy_of, changed_layer(activation=doubled)),
    "partial": (ending_in(functools.partial(tf.nn.leaky_relu, alpha=0.1)), steeper_partial),
    "compiled function": (ending_in(tf.function(lambda logits: 2 * logits)), other_compiled),
    "object": (ending_in(Slope(0.1)), steeper),
    "method": (ending_in(Slope(0.1).method), steeper_method),
    "lambda layer": (
        lambda model: keras.Sequential(
            [keras.Input((8, 8, 1)), model, layers.Lambda(functools.partial(tf.multiply, 2.0))]
        ),
        other_lambda,
    ),
    "setting of a layer": (
        lambda model: keras.Sequential([keras.Input((8, 8, 1)), model, layers.Rescaling(1.0)]),
        changed_layer(scale=3.0),
    ),
    "layer of one's own": (
        lambda model: keras.Sequential([keras.Input((8, 8, 1)), model, Scaled()]),
        changed_layer(factor=3.0),
    ),
    "in a nested model": (
        lambda model: keras.Sequential([keras.Input((8, 8, 1)), copy_of(model)]),
        lambda model: popped(model.layers[0]),
    ),
    "attribute": (Divided, lambda model: setattr(model, "divisor", 10.0)),
    "array": (Divided, set_shift),
    "held by an object": (Divided, lambda model: setattr(model.settings, "factor", 10.0)),
    "callable": (Plain, lambda model: model.held.update(factor=5.0)),
}


PAIRS = [("other layers", attack) for attack in ATTACKS] + [(name, FGSM()) for name in CHANGES]


@pytest.mark.parametrize("name, attack", PAIRS)
def test_a_changed_model_is_attacked_as_it_is(cnn, images, labels, name, attack):
    make, change = CHANGES[name]
    model = make(cnn)
    few, options = images[:16], {} if isinstance(attack, DeepFool) else {"epsilon": 0.1}
    attack(model, few, labels[:16] % 2, **options)
    before = cache.BY_MODEL[model].functions[few.shape[1:]].copy()
    change(model)
    result = attack(model, few, labels[:16] % 2, **options)
    now = np.asarray(model(tf.constant(result.images)))
    assert result.logits.shape == now.shape
    np.testing.assert_allclose(result.logits, now, rtol=1e-4, atol=1e-4)
    # Logits and steps are traced anew, and give what they give of a model nothing is known of.
    after = cache.BY_MODEL[model].functions[few.shape[1:]]
    assert before.keys() == after.keys() and len(after) == 2
    assert not any(after[key] is before[key] for key in after)
    if name == "other layers":
        forget(model)
        again = attack(model, few, labels[:16] % 2, **options)
        np.testing.assert_array_equal(result.images, again.images)


def test_the_accuracy_after_a_new_head_is_that_of_keras(digits, cnn):
    x_train, y_train, images, labels = digits
    model = copy_of(cnn)
    FGSM()(model, images[:20], labels[:20], epsilon=0.1)
    model.pop()
    model.add(layers.Dense(2))
    keras.utils.set_random_seed(0)
    model.compile(
        keras.optimizers.Adam(0.01),
        keras.losses.SparseCategoricalCrossentropy(True),
        metrics=["accuracy"],
    )
    model.fit(x_train, y_train % 2, epochs=1, verbose=0)
    accuracy = model.evaluate(images, labels % 2, verbose=0, return_dict=True)["accuracy"]
    assert accuracy > 0.8
    result = FGSM()(model, images, labels % 2, epsilon=0)
    assert 1 - result.success.mean() == pytest.approx(accuracy, abs=1e-6)


def test_use_without_a_change_traces_nothing_anew(cnn, images, labels):
    model = copy_of(cnn)
    first = FGSM()(model, images, labels, epsilon=0.1)
    functions = dict(cache.BY_MODEL[model].functions[images.shape[1:]])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0), loss)
    model.fit(images, labels, verbose=0)
    model.predict(images, verbose=0)
    keras.Sequential([*model.layers, layers.Softmax()])(images)  # shares its layers
    model.trainable = False
    second = FGSM()(model, images, labels, epsilon=0.1)
    assert cache.BY_MODEL[model].functions[images.shape[1:]] == functions
    np.testing.assert_array_equal(first.images, second.images)


def test_images_of_many_shapes_do_not_pile_up():
    model = keras.Sequential(
        [keras.Input((None, None, 1)), layers.GlobalAveragePooling2D(), layers.Dense(3)]
    )
    for side in range(4, 4 + cache.MOST_SHAPES + 2):
        FGSM()(model, np.full((2, side, side, 1), 0.5, np.float32), [0, 1], epsilon=0.1)
    assert len(cache.BY_MODEL[model].functions) == cache.MOST_SHAPES
    assert (side, side, 1) in cache.BY_MODEL[model].functions


def test_what_cannot_be_seen_is_forgotten_when_asked(cnn, images, labels):
    threshold = {"value": 2.0}  # far from the first images, which are compared

    def model(batch):
        bright = tf.reduce_max(batch, axis=[1, 2, 3])[:, None] > threshold["value"]
        return tf.where(bright, 0.0, cnn(batch, training=False))

    dark = np.concatenate([0.4 * images[:10], images[10:]])
    FGSM()(model, dark, labels, epsilon=0)
    threshold["value"] = 0.7
    forget(model)
    result = FGSM()(model, dark, labels, epsilon=0)
    assert (result.logits[10:] == 0).all()
    forget(functools.partial(model))  # nothing is known of it, which is no error


class CountingCalls(keras.Model):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        self.calls = 0

    def call(self, images):
        self.calls += 1
        return self.inner(images)


def test_a_model_that_counts_its_calls_is_not_taken_for_changed(cnn, images, labels):
    model = CountingCalls(cnn)
    PGD(2)(model, images, labels, epsilon=0.1)
    functions = dict(cache.BY_MODEL[model].functions[images.shape[1:]])
    PGD(2)(model, images, labels, epsilon=0.1)
    assert cache.BY_MODEL[model].functions[images.shape[1:]] == functions


def test_a_callable_with_other_classes(cnn, images, labels):
    held = {"model": cnn}

    def model(batch):
        return held["model"](batch, training=False)

    FGSM()(model, images, labels % 2, epsilon=0.1)
    held["model"] = copy_of(cnn)
    popped(held["model"])
    assert FGSM()(model, images, labels % 2, epsilon=0.1).logits.shape == (48, 2)


def test_a_model_that_was_repaired(cnn, images, labels):
    factor = {"value": np.nan}

    def model(batch):
        is_bright = tf.reduce_mean(batch, axis=[1, 2, 3])[:, None] > 0.3
        return cnn(batch, training=False) * tf.where(is_bright, factor["value"], 1.0)

    assert FGSM()(model, images, labels, epsilon=0).not_finite.any()
    factor["value"] = 1.0
    assert not FGSM()(model, images, labels, epsilon=0).not_finite.any()


def test_a_function_without_a_module(cnn, images, labels):
    model = ending_in(eval("lambda logits: 2 * logits", {}))(cnn)
    result = FGSM()(model, images, labels, epsilon=0)
    np.testing.assert_allclose(result.logits, 2 * np.asarray(cnn(images)), rtol=1e-4, atol=1e-4)

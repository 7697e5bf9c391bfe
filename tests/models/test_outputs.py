"""Temperature and softmax at the end of a model, with values by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

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


def graph(function):
    inputs = keras.Input((3,))
    return keras.Model(inputs, function(inputs))


ENDS_IN_SOFTMAX = {
    "layer": lambda: identity(layers.Softmax()),
    "activation": lambda: identity(layers.Activation("softmax")),
    "functional": lambda: functional(identity(layers.Softmax())),
    "nested": lambda: nested(identity(layers.Softmax())),
    "nested twice": lambda: functional(nested(nested(identity(layers.Activation("softmax"))))),
    "operation": lambda: graph(ops.softmax),
    "called activation": lambda: graph(keras.activations.softmax),
    "nested operation": lambda: nested(graph(ops.nn.softmax)),
    "TensorFlow": lambda: identity(layers.Activation(tf.nn.softmax)),
    "keras.ops": lambda: identity(layers.Activation(ops.softmax)),
    "Lambda": lambda: identity(layers.Lambda(lambda x: tf.nn.softmax(x))),
    "dropout": lambda: identity(layers.Softmax(), layers.Dropout(0.5), layers.GaussianNoise(1.0)),
    "linear": lambda: identity(layers.Softmax(), layers.Activation("linear"), layers.Identity()),
    "nested and dropout": lambda: nested(identity(layers.Softmax(), layers.AlphaDropout(0.1))),
    "cast": lambda: graph(lambda x: ops.cast(ops.softmax(x), "float64")),
    "clipped": lambda: graph(lambda x: ops.clip(ops.softmax(x), 1e-7, 1 - 1e-7)),
    "one pixel": lambda: identity(
        layers.Reshape((1, 1, 3)), layers.Activation("softmax"), layers.Flatten()
    ),
    "first axis": lambda: graph(
        lambda x: ops.squeeze(ops.softmax(ops.expand_dims(x, -1), axis=1), -1)
    ),
}
DOES_NOT = {
    "linear": lambda: identity(),
    "relu": lambda: identity(layers.Activation("relu")),
    "dense": lambda: dense("linear"),
    "softmax in the middle": lambda: identity(layers.Softmax(), layers.Rescaling(2.0)),
    "unbuilt": lambda: keras.Sequential([layers.Softmax()]),
    "log-softmax": lambda: identity(layers.Activation("log_softmax")),
    "log-softmax of TensorFlow": lambda: identity(layers.Activation(tf.nn.log_softmax)),
    "log-sigmoid": lambda: identity(layers.Activation("log_sigmoid")),
    "log of softmax": lambda: graph(lambda x: ops.log(ops.softmax(x))),
    "another axis": lambda: keras.Sequential([keras.Input((2, 3)), layers.Softmax(axis=1)]),
    "one logit added": lambda: graph(lambda x: ops.softmax(x) + x),
    "recurrent": lambda: keras.Sequential([keras.Input((2, 3)), layers.LSTM(3)]),
    "a block of one's own": lambda: identity(Gated()),
}


class Gated(layers.Layer):
    """A layer that uses its activation within."""

    activation = staticmethod(keras.activations.sigmoid)

    def call(self, inputs):
        return inputs * self.activation(inputs)


@pytest.mark.parametrize("make", ENDS_IN_SOFTMAX.values(), ids=ENDS_IN_SOFTMAX)
def test_softmax_is_seen_and_taken_off(make):
    model = make()
    assert models.squashing(model) == "softmax"
    np.testing.assert_allclose(np.reshape(model(LOGITS), [1, 3]), PROBABILITIES, rtol=1e-6)
    bare = models.without_softmax(model)
    assert models.squashing(bare) is None
    assert bare.output.dtype == "float32"
    np.testing.assert_array_equal(bare(LOGITS), LOGITS)
    assert models.squashing(model) == "softmax"


@pytest.mark.parametrize("make", DOES_NOT.values(), ids=DOES_NOT)
def test_no_softmax_to_take_off(make):
    model = make()
    assert models.squashing(model) is None
    with pytest.raises(ValueError, match="does not end in softmax"):
        models.without_softmax(model)


SQUASHED = {
    "sigmoid": [
        "sigmoid",
        keras.activations.sigmoid,
        ops.sigmoid,
        tf.nn.sigmoid,
        tf.math.sigmoid,
        tf.sigmoid,
        lambda x: 0.5 * (tf.tanh(x / 2) + 1),
    ],
    "hard_sigmoid": ["hard_sigmoid"],
    "tanh": ["tanh", tf.tanh],
    "sparsemax": ["sparsemax", ops.sparsemax],
    "softsign": ["softsign", tf.nn.softsign],
}


@pytest.mark.parametrize(
    "kind, activation", [(kind, each) for kind, spelt in SQUASHED.items() for each in spelt]
)
def test_whatever_bounds_the_outputs_is_named_and_taken_off(kind, activation):
    model = dense(activation)
    assert models.squashing(model) == kind
    logits = LOGITS + np.array([0.0, 0.0, np.log(2.0)], np.float32)
    np.testing.assert_allclose(models.without_softmax(model)(LOGITS), logits, rtol=1e-6)


@pytest.mark.parametrize(
    "join",
    [
        layers.Average(),
        layers.Maximum(),
        lambda both: (both[0] + both[1]) / 2,
        lambda both: 0.3 * both[0] + 0.7 * both[1],
        lambda both: ops.mean(ops.stack(both), axis=0),
    ],
)
@pytest.mark.parametrize(
    "kind, way_out",
    [("softmax", r"as_probabilities\(model\)"), ("sigmoid", r"model, independent=True\)")],
)
def test_an_ensemble_has_no_logits_and_says_how_to_attack_it(join, kind, way_out):
    model = graph(lambda x: join([dense(kind)(x), layers.Dropout(0.5)(dense(kind)(x))]))
    assert models.squashing(model) == kind
    with pytest.raises(ValueError, match=rf"no logits come before them; .*attacks.*{way_out}"):
        models.without_softmax(model)


def test_half_an_ensemble_of_logits_is_none_of_probabilities():
    assert models.squashing(graph(lambda x: layers.Average()([x, ops.softmax(x)]))) is None


def test_a_head_with_settings_of_its_own_keeps_them():
    class Halved(keras.constraints.Constraint):  # not registered: Keras could not make it again
        def __call__(self, w):
            return w / 2

    head = layers.Dense(3, activation="softmax", kernel_constraint=Halved(), name="head")
    head.trainable = False
    last = models.without_softmax(identity(head)).layers[-1]
    assert last.name == "head" and last.kernel_constraint is head.kernel_constraint
    assert not last.trainable
    np.testing.assert_array_equal(last.kernel, head.kernel)


def test_a_layer_used_twice_stays_in_its_first_place():
    shared = layers.Dense(3, activation="softmax", name="head")
    logits = models.without_softmax(graph(lambda x: shared(shared(x))))
    expected = shared(LOGITS) @ shared.kernel + shared.bias
    np.testing.assert_allclose(logits(LOGITS), expected, rtol=1e-6)


def test_a_wrapped_head():
    model = identity(layers.SpectralNormalization(layers.Dense(3, activation="softmax")))
    assert models.squashing(model) == "softmax"
    logits = models.without_softmax(model)(LOGITS)
    np.testing.assert_allclose(tf.nn.softmax(logits), model(LOGITS), rtol=1e-5)


def test_logits_of_half_precision_networks_are_float32():
    # A float32 activation, as Keras' guide on mixed precision asks for, leaves float16 behind it.
    head = layers.Dense(3, dtype="mixed_float16")
    classifier = identity(head, layers.Activation("softmax", dtype="float32"))
    logits = models.without_softmax(classifier)
    assert logits.output.dtype == "float32"
    assert logits(LOGITS).dtype == tf.float32


@pytest.mark.parametrize("wrap", [lambda model: model, functional, nested])
def test_dense_with_softmax_becomes_linear(wrap):
    model = wrap(dense("softmax"))
    assert models.squashing(model) == "softmax"
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

    assert models.squashing(Subclassed()) is None
    with pytest.raises(ValueError, match="accepted: a functional or a built sequential model"):
        models.with_softmax(Subclassed())


def test_softmax_and_back(small, images):
    classifier = models.with_softmax(small)
    logits = small(images, training=False)
    np.testing.assert_allclose(classifier(images, training=False).numpy().sum(axis=1), 1, rtol=1e-6)
    again = models.without_softmax(classifier)
    np.testing.assert_array_equal(again(images, training=False), logits)
    assert again.layers[-1] is small.layers[-1]
    assert models.squashing(small) is None


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
    with pytest.raises(
        ValueError, match=f"temperature is {temperature}; accepted: a finite number"
    ):
        models.with_temperature(identity(), temperature)


@pytest.mark.parametrize(
    "put_on", [models.with_softmax, lambda model: models.with_temperature(model, 2)]
)
@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_nothing_is_put_on_probabilities(put_on, kind):
    with pytest.raises(ValueError, match=f"ends in {kind}; accepted: one that ends in logits"):
        put_on(identity(layers.Activation(kind)))


ONE_OUTPUT = {
    "logit": lambda: [layers.Dense(1)],
    "sigmoid": lambda: [layers.Dense(1, activation="sigmoid")],
    "sigmoid of its own": lambda: [layers.Dense(1), layers.Activation(tf.nn.sigmoid)],
    "half precision": lambda: [
        layers.Dense(1, dtype="mixed_float16"),
        layers.Activation("sigmoid", dtype="float32"),
    ],
}


@pytest.mark.parametrize("make", ONE_OUTPUT.values(), ids=ONE_OUTPUT)
def test_one_output_as_two_classes(make, tmp_path):
    model = identity(*make())
    network = models.two_classes(model)
    logits = network(LOGITS)
    assert network.output_shape == (None, 2) and logits.dtype == tf.float32
    probability = np.asarray(model(LOGITS), np.float32)
    if models.squashing(model) is None:
        probability = tf.sigmoid(probability)
    np.testing.assert_allclose(tf.nn.softmax(logits)[:, 1:], probability, rtol=2e-3)
    np.testing.assert_array_equal(logits[:, 0], [0.0])

    path = models.save(network, tmp_path / "two.h5")
    np.testing.assert_array_equal(models.load_checkpoint(path)(LOGITS), logits)


def test_two_classes_are_trained_where_the_one_output_is():
    model = identity(layers.Dense(1))
    network = models.two_classes(model)
    assert network.trainable_weights == model.trainable_weights
    before = model.layers[-1].kernel.numpy()
    network.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    network.fit(LOGITS, np.array([1]), verbose=0)
    assert (model.layers[-1].kernel.numpy() != before).any()
    assert (network(LOGITS).numpy()[:, 0] == 0).all()


@pytest.mark.parametrize(
    "last, said",
    [
        (lambda: layers.Dense(2), r"shape \(None, 2\); accepted: one output, \(None, 1\)"),
        (lambda: layers.Reshape((3, 1)), r"shape \(None, 3, 1\); accepted: one output"),
        (
            lambda: layers.Dense(1, activation="softmax"),
            "softmax of one output, which is 1 for every image; accepted: .* with a sigmoid",
        ),
    ],
)
def test_what_two_classes_refuses(last, said):
    with pytest.raises(ValueError, match=said):
        models.two_classes(identity(last()))


def test_a_subclassed_model_of_one_output_is_told_its_way():
    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.head = layers.Dense(1)

        def call(self, inputs):
            return self.head(inputs)

    model = Subclassed()
    with pytest.raises(ValueError, match=r"keras.Model\(x, model\(x\)\)"):
        models.two_classes(model)
    x = keras.Input((3,))
    assert models.two_classes(keras.Model(x, model(x))).output_shape == (None, 2)

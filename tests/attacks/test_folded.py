"""Folded networks: they compute what the network computes, and decide nothing."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from attacks import (
    DDN,
    FAB,
    FMN,
    AutoAttack,
    CarliniWagner,
    DeepFool,
    ModelError,
    SigmaZero,
    Square,
    as_logits,
    as_probabilities,
    folded,
    forget,
    robust_curve,
)
from attacks.engine.folding import Foldable
from attacks.engine.task import Task
from attacks.folded import Folded

IMAGES = np.random.default_rng(0).random((5, 8, 8, 4), np.float32)


def norm(**options):
    return layers.BatchNormalization(**options)


def sequential(*middle, shape=(8, 8, 4)):
    return keras.Sequential(
        [keras.Input(shape), *middle, layers.ReLU(), layers.Flatten(), layers.Dense(3)]
    )


def ended(images, values):
    return keras.Model(images, layers.Dense(3)(layers.Flatten()(values)))


def nested():
    inner = keras.Sequential([keras.Input((8, 8, 4)), layers.Conv2D(4, 3, padding="same"), norm()])
    images = keras.Input((8, 8, 4))
    values = layers.ReLU()(inner(layers.ReLU()(inner(images))))  # used twice, as one function
    return ended(images, norm()(layers.SeparableConv2D(5, 3)(values)))


def residual():
    images = keras.Input((8, 8, 4))
    values = norm()(layers.Conv2D(4, 3, padding="same", use_bias=False)(images))
    return ended(images, layers.ReLU()(values) + norm()(layers.Conv2D(4, 1)(images)))


def behind_softmax():
    return sequential(layers.Conv2D(4, 3), norm(), layers.Softmax())


#: Networks, with how many of their batch normalisations are folded.
FOLDED = {
    "convolution": (lambda: sequential(layers.Conv2D(5, 3), norm()), 1),
    "no bias": (lambda: sequential(layers.Conv2D(5, 3, use_bias=False), norm()), 1),
    "zeros around": (lambda: sequential(layers.Conv2D(5, 5, 2, padding="same"), norm()), 1),
    "dilated": (lambda: sequential(layers.Conv2D(6, 3, dilation_rate=2), norm()), 1),
    "bare": (lambda: sequential(layers.Conv2D(5, 3), norm(scale=False, center=False)), 1),
    "bare, no bias": (
        lambda: sequential(
            layers.Conv2D(5, 3, use_bias=False), norm(scale=False, center=False, epsilon=1e-5)
        ),
        1,
    ),
    "depthwise": (lambda: sequential(layers.DepthwiseConv2D(3, depth_multiplier=2), norm()), 1),
    "depthwise, no bias": (
        lambda: sequential(layers.DepthwiseConv2D(3, use_bias=False), norm()),
        1,
    ),
    "separable": (lambda: sequential(layers.SeparableConv2D(5, 3), norm()), 1),
    "transposed": (lambda: sequential(layers.Conv2DTranspose(5, 3, strides=2), norm()), 1),
    "dense": (lambda: sequential(layers.Flatten(), layers.Dense(7), norm()), 1),
    "dense on pixels": (lambda: sequential(layers.Dense(7), norm()), 1),
    "lines": (lambda: sequential(layers.Reshape([32, 8]), layers.Conv1D(5, 3), norm()), 1),
    "nested": (nested, 2),
    "residual": (residual, 2),
}


def strange(model):
    """`model` with normalisations that change much."""
    random = np.random.default_rng(1)
    for layer in model._flatten_layers():
        if type(layer) is layers.BatchNormalization:
            values = [random.uniform(0.3, 3, value.shape) for value in layer.get_weights()]
            layer.set_weights(values)
    return model


def operations(network, images=IMAGES) -> list[str]:
    """What is left of a compiled network after TensorFlow has simplified it."""
    spec = tf.TensorSpec([None, *images.shape[1:]], tf.float32)
    graph = tf.function(network, input_signature=[spec], autograph=False).get_concrete_function()
    frozen = tf.Graph()
    with frozen.as_default():
        tf.graph_util.import_graph_def(graph.graph.as_graph_def(), name="")
        placeholder, output = graph.inputs[0].name, graph.outputs[0].name
        options = tf.compat.v1.RunOptions(output_partition_graphs=True)
        metadata = tf.compat.v1.RunMetadata()
        with tf.compat.v1.Session(graph=frozen) as session:
            session.run(output, {placeholder: images}, options, metadata)
    return [node.op for part in metadata.partition_graphs for node in part.node]


def same(network, model, images=IMAGES):
    expected = np.asarray(model(images, training=False))
    outputs = tf.function(network, autograph=False)(tf.constant(images)).numpy()
    np.testing.assert_allclose(outputs, expected, atol=1e-5 * abs(expected).max(), rtol=0)


def changed(frozen: Folded) -> int:
    """How many variables have other values than the model's."""
    pairs = zip(frozen._snapshot, frozen._values, strict=True)
    return sum(not np.array_equal(before[1], after[1]) for before, after in pairs)


@pytest.mark.parametrize("name", FOLDED)
def test_a_folded_network_computes_what_the_network_computes(name):
    make, count = FOLDED[name]
    model = strange(make())
    frozen = folded(model)
    same(frozen, model)
    assert changed(frozen) >= 3 * count
    # What a normalisation multiplies by has gone into the weights. Keras 3.13 applies a Dense layer
    # to pixels as a batch of matrices, behind which TensorFlow leaves the multiplication by one.
    if name != "dense on pixels":
        assert "Mul" not in operations(frozen)


def tied():
    convolution = layers.Conv2D(4, 3, padding="same")
    images = keras.Input((8, 8, 4))
    return ended(images, norm()(convolution(layers.ReLU()(norm()(convolution(images))))))


def used_elsewhere():
    images = keras.Input((8, 8, 4))
    values = layers.Conv2D(4, 3)(images)
    return ended(images, values + norm()(values))


def also_an_output():
    images = keras.Input((8, 8, 4))
    values = layers.Conv2D(3, 8)(images)
    inner = keras.Model(images, [values, norm()(values)])
    first, second = inner(images)
    return ended(images, first + second)


def one_norm_for_two():
    images, shared = keras.Input((8, 8, 4)), norm()
    return ended(images, shared(layers.Conv2D(4, 3)(images)) + shared(layers.Conv2D(4, 3)(images)))


class Holding(layers.Layer):
    """A layer of the user's own that works with a layer of the network."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def call(self, values):
        return self.layer(values)


def held_by_another():
    convolution = layers.Conv2D(4, 3, padding="same")
    images = keras.Input((8, 8, 4))
    return ended(images, Holding(convolution)(layers.ReLU()(norm()(convolution(images)))))


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.inner = sequential(layers.Conv2D(4, 3), norm())

    def call(self, images):
        return self.inner(images)


def subclassed():
    model = Subclassed()
    model(IMAGES)
    return model


NOT_FOLDED = {
    "activation between": lambda: sequential(layers.Conv2D(4, 3, activation="relu"), norm()),
    "normalised before": lambda: sequential(norm(), layers.Conv2D(4, 3)),
    "another axis": lambda: sequential(layers.Conv2D(4, 3), norm(axis=1)),
    "a layer used twice": tied,
    "outputs used elsewhere": used_elsewhere,
    "outputs of the model": also_an_output,
    "one normalisation for two": one_norm_for_two,
    "held by another layer": held_by_another,
    "subclassed": subclassed,
}


@pytest.mark.parametrize("name", NOT_FOLDED)
def test_what_is_used_elsewhere_is_frozen_as_it_is(name):
    model = strange(NOT_FOLDED[name]())
    frozen = folded(model)
    same(frozen, model)
    assert changed(frozen) == 0
    assert "ReadVariableOp" not in operations(frozen)


def test_channels_first_is_folded_along_the_channels():
    images = np.random.default_rng(0).random((5, 8, 8, 4), np.float32)
    convolution = layers.Conv2D(5, 3, data_format="channels_first")
    model = strange(sequential(convolution, norm(axis=1)))
    frozen = folded(model)
    assert changed(frozen) >= 3
    kernel = next(value for variable, value in frozen._values if variable is convolution.kernel)
    scale = kernel / convolution.kernel.numpy()
    np.testing.assert_allclose(scale, np.broadcast_to(scale[0, 0, 0], scale.shape), rtol=1e-5)
    try:
        model(images)
    except (tf.errors.UnimplementedError, tf.errors.InvalidArgumentError):
        return  # no such convolution on this machine
    same(frozen, model, images)


def test_half_precision_is_frozen_alone():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = strange(sequential(layers.Conv2D(4, 3), norm()))
    finally:
        keras.config.set_dtype_policy("float32")
    frozen = folded(model)
    assert changed(frozen) == 0
    np.testing.assert_allclose(frozen(IMAGES), model(IMAGES, training=False), rtol=1e-2, atol=1e-2)


def test_a_reading_is_kept():
    model = behind_softmax()
    for declared in (as_probabilities(model), as_logits(model)):
        assert folded(declared).outputs is declared.outputs
        same(folded(declared).model, model)


def test_a_folded_network_is_a_snapshot():
    model = strange(sequential(layers.Conv2D(4, 3), norm()))
    before, frozen = model(IMAGES, training=False).numpy(), folded(model)
    for variable in model.weights:
        variable.assign(variable * 0.5)
    np.testing.assert_allclose(frozen(IMAGES), before, rtol=1e-4, atol=1e-5)
    assert not frozen.is_up_to_date()


def test_random_layers_go_on_drawing():
    class Noise(layers.Layer):
        def __init__(self):
            super().__init__()
            self.generator = keras.random.SeedGenerator(0)

        def call(self, values):
            return values + keras.random.normal(tf.shape(values), seed=self.generator)

    model = sequential(layers.Conv2D(4, 3), norm(), Noise())
    compiled = tf.function(folded(model), autograph=False)
    assert np.abs(compiled(IMAGES) - compiled(IMAGES)).max() > 1e-3
    model(IMAGES)  # keeps no tensor of a trace


def test_what_cannot_be_folded_is_refused():
    class Compiled(layers.Layer):
        @tf.function
        def call(self, values):
            return 2.0 * values

    with pytest.raises(ModelError, match="cannot be found"):
        folded(lambda images: images)
    with pytest.raises(ModelError, match="is not built"):
        folded(keras.Sequential([layers.Dense(2)]))
    with pytest.raises(ModelError, match="has a tf.function"):
        folded(sequential(Compiled()))


def test_a_trained_network_can_be_folded(normalised, images):
    same(folded(normalised), normalised, images)  # fit has left compiled functions in it


SEARCHES = [
    DeepFool(20),
    CarliniWagner(2, 20, 0.05, 1.0),
    FAB(5, "l2"),
    DDN(20),
    FMN(20),
    SigmaZero(20),
]


@pytest.mark.parametrize("attack", SEARCHES, ids=lambda each: type(each).__name__)
def test_a_folded_search_finds_the_same_distances(attack, normalised, images, labels):
    found = attack(normalised, images, labels)
    faster = folding(attack)(normalised, images, labels)
    assert abs(found.success.mean() - faster.success.mean()) <= 1 / len(images)
    np.testing.assert_allclose(
        np.median(faster.distances[attack.norm]), np.median(found.distances[attack.norm]), rtol=0.02
    )


@pytest.mark.parametrize(
    "attack",
    [Square(60), AutoAttack(steps=5, targets=2, queries=30)],
    ids=lambda each: type(each).__name__,
)
def test_a_folded_search_within_a_budget_breaks_the_same_images(attack, normalised, images, labels):
    epsilons = [0.02, 0.05, 0.1]
    curves = [
        robust_curve(normalised, images, labels, each, epsilons).accuracy
        for each in (attack, folding(attack))
    ]
    np.testing.assert_allclose(*curves, atol=1 / len(images))


def folding(attack: Foldable):
    return replace(attack, fold=True)


def test_a_change_of_weights_is_respected(normalised, images, labels):
    model = keras.models.clone_model(normalised)
    model.set_weights(normalised.get_weights())
    attack = DeepFool(20, fold=True)
    before = attack(model, images, labels)
    again = attack(model, images, labels)
    np.testing.assert_array_equal(again.images, before.images)
    model.layers[-1].kernel.assign(-model.layers[-1].kernel)
    assert attack(model, images, labels).success.all()
    alone = DeepFool(20)(model, images, labels)
    found = attack(model, images, labels)
    np.testing.assert_allclose(found.distances["l2"], alone.distances["l2"], rtol=1e-3, atol=1e-5)


def test_what_is_compiled_folded_is_kept_for_the_next_call(normalised, images, labels):
    task = Task(normalised, images, labels)
    first = task.folded().classifier
    assert task.folded().classifier.model is first.model
    assert Task(normalised, images, labels).folded().classifier.model is first.model


@pytest.mark.parametrize(
    "attack",
    [*SEARCHES, Square(10), AutoAttack(steps=2, targets=1, queries=4)],
    ids=lambda each: type(each).__name__,
)
def test_the_model_itself_has_the_last_word(attack, normalised, images, labels, monkeypatch):
    right = normalised(images, training=False).numpy().argmax(axis=1) == labels
    images, labels = images[right], labels[right]

    def lying(_, pixels):
        """Logits of the next class: every image seems to reach its goal as it is."""
        return tf.roll(normalised(pixels, training=False), 1, axis=1)

    monkeypatch.setattr(Folded, "__call__", lying)
    forget(normalised)  # or what is compiled already tells the truth
    epsilon = {"epsilon": 1e-4} if isinstance(attack, Square | AutoAttack) else {}
    result = folding(attack)(normalised, images, labels, **epsilon)
    forget(normalised)
    assert not result.success.any()
    if not epsilon:
        np.testing.assert_array_equal(result.images, images)
    np.testing.assert_array_equal(result.logits.argmax(axis=1), labels)


def test_a_callable_cannot_be_attacked_folded(normalised, images, labels):
    with pytest.raises(ModelError, match="Keras model"):
        Square(5, fold=True)(lambda pixels: normalised(pixels), images, labels, epsilon=0.1)

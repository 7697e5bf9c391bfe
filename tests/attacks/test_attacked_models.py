"""What can be attacked, and that an attack leaves it as it was."""

import functools
import gc
import weakref
from dataclasses import dataclass

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import models
from attacks import FGSM, PGD, Square, as_logits, as_probabilities

ATTACKS = [
    FGSM(),
    FGSM("l2"),
    PGD(3, random_start=False),
    PGD(3, random_start=True, stop_at_success=True),
]


class Subclassed(keras.Model):
    """Without a `training` argument, and with variables from its first call on."""

    def __init__(self, model):
        super().__init__()
        self.inner = model

    def call(self, inputs):
        return self.inner(inputs)


class Slots:
    """Cannot be weakly referenced."""

    __slots__ = ("model",)

    def __init__(self, model):
        self.model = model

    def __call__(self, images):
        return self.model(images, training=False)


@dataclass
class Unhashable:
    model: keras.Model

    def __call__(self, images):
        return self.model(images, training=False)

    def logits(self, images):
        return self(images)


class Layer(layers.Layer):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def call(self, inputs):
        return self.model(inputs)


def reloaded(model, folder):
    path = folder / "model.h5"
    models.save(model, path)
    return models.load_checkpoint(path)


SAME = {
    "functional": lambda model, _: keras.Model(model.inputs[0], model.outputs[0]),
    "sequential, not built": lambda model, _: keras.Sequential(model.layers),
    "subclassed": lambda model, _: Subclassed(model),
    "layer": lambda model, _: Layer(model),
    "h5": reloaded,
    "function": lambda model, _: lambda images: model(images, training=False),
    "partial": lambda model, _: functools.partial(model, training=False),
    "bound method": lambda model, _: Unhashable(model).logits,
    "slots": lambda model, _: Slots(model),
    "unhashable": lambda model, _: Unhashable(model),
    "as logits": lambda model, _: as_logits(model),
    "float64": lambda model, _: lambda images: tf.cast(model(images, training=False), tf.float64),
}


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")
@pytest.mark.parametrize("make", SAME.values(), ids=SAME)
def test_the_same_network_in_another_form(normalised, images, labels, make, tmp_path):
    model = make(normalised, tmp_path)
    again, once = FGSM("l2"), PGD(3, random_start=True, stop_at_success=True)
    for attack in (again, again, once):  # the second from the cache, or without one
        result = attack(model, images, labels, epsilon=0.1)
        expected = attack(normalised, images, labels, epsilon=0.1)
        np.testing.assert_allclose(result.images, expected.images, rtol=0, atol=1e-6)
        np.testing.assert_allclose(result.logits, expected.logits, rtol=1e-4, atol=1e-4)
        assert result.success.any()


def branching(model):
    def of_mean(values):
        if tf.reduce_mean(values) > 1e6:  # a tensor, whose truth a graph does not know
            return tf.zeros_like(values)
        return values

    def logits(images):
        values = model(images, training=False)
        for _ in tf.range(2):
            values = of_mean(values)
        return values

    return logits


@pytest.mark.parametrize("attack", [PGD(3, random_start=False), Square(5)], ids=str)
def test_code_of_ones_own_may_branch_on_tensors(cnn, images, labels, attack):
    result = attack(branching(cnn), images, labels, epsilon=0.1)
    expected = attack(cnn, images, labels, epsilon=0.1)
    np.testing.assert_allclose(result.images, expected.images, rtol=0, atol=1e-6)


def test_mixed_precision(cnn, images, labels):
    half = keras.models.clone_model(
        cnn,
        clone_function=lambda layer: type(layer).from_config(
            layer.get_config() | {"dtype": "mixed_float16"}
        ),
    )
    half.set_weights(cnn.get_weights())
    for attack in (FGSM(), PGD(3, random_start=False)):
        result = attack(half, images, labels, epsilon=0.1)
        assert result.logits.dtype == np.float32
        expected = attack(cnn, images, labels, epsilon=0.1)
        assert np.mean(np.abs(result.images - expected.images) < 1e-3) > 0.8
        assert np.mean(result.success == expected.success) > 0.9


def ends_in(activation):
    return lambda model: keras.Sequential([*model.layers, layers.Activation(activation)])


PROBABILITIES = {
    "functional": models.with_softmax,
    "sequential": ends_in("softmax"),
    "callable": lambda model: lambda images: tf.nn.softmax(model(images)),
    "half precision": lambda model: lambda images: tf.cast(tf.nn.softmax(model(images)), tf.half),
    "subclassed": lambda model: Subclassed(ends_in("softmax")(model)),
}
OPENED = ("functional", "sequential")


@pytest.mark.parametrize("name", PROBABILITIES)
def test_probabilities_are_refused_with_ways_out_that_work(cnn, images, labels, name):
    model, attack = PROBABILITIES[name](cnn), PGD(2, random_start=False)
    with pytest.raises(ValueError, match="softmax|probabilities") as refusal:
        attack(model, images, labels, epsilon=0.1)
    if name in OPENED:
        assert "models.without_softmax(model)" in str(refusal.value)
        honest = attack(models.without_softmax(model), images, labels, epsilon=0.1)
    else:
        assert "attacks.as_probabilities(model)" in str(refusal.value)
        honest = attack(as_probabilities(model), images, labels, epsilon=0.1)
    expected = attack(cnn, images, labels, epsilon=0.1)
    assert np.mean(honest.success == expected.success) > (0.9 if "half" in name else 0.99)
    assert "as_logits(model)" in str(refusal.value)
    result = attack(as_logits(model), images, labels, epsilon=0.1)
    np.testing.assert_allclose(result.logits.sum(axis=1), 1, atol=1e-3)
    assert result.distances["linf"].max() > 0.09


def test_weights_and_statistics_stay_and_new_weights_are_seen(normalised, images, labels):
    model = keras.models.clone_model(normalised)
    model.set_weights(normalised.get_weights())
    for attack in ATTACKS:
        before = attack(model, images, labels, epsilon=0.1)
        for old, new in zip(normalised.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)
        kernel, *others = normalised.get_weights()
        model.set_weights([-kernel, *others])
        after = attack(model, images, labels, epsilon=0.1)
        np.testing.assert_allclose(
            after.logits, model(after.images, training=False), rtol=1e-4, atol=1e-4
        )
        assert not np.array_equal(before.images, after.images)
        model.set_weights(normalised.get_weights())


def test_images_and_labels_of_the_caller_stay(cnn, images, labels):
    own_images, own_labels = images.copy(), labels.copy()
    for attack in ATTACKS:
        result = attack(cnn, own_images, own_labels, epsilon=0.1)
        assert not np.shares_memory(result.images, own_images)
        np.testing.assert_array_equal(result.originals, images)
    np.testing.assert_array_equal(own_images, images)
    np.testing.assert_array_equal(own_labels, labels)


FRESH = {
    "sequential": keras.models.clone_model,
    "functional": lambda model: SAME["functional"](keras.models.clone_model(model), None),
    "subclassed": lambda model: Subclassed(keras.models.clone_model(model)),
    "function": lambda model: SAME["function"](keras.models.clone_model(model), None),
}


@pytest.mark.parametrize("make", FRESH.values(), ids=FRESH)
def test_compiled_functions_die_with_their_model(
    compiled_functions, normalised, images, labels, make
):
    held = len(compiled_functions)
    model = make(normalised)
    for attack in (FGSM(), PGD(3)):
        attack(model, images, labels, epsilon=0.1)
    assert len(compiled_functions) == held + 1
    functions = compiled_functions[model].functions[images.shape[1:]]
    graphs = [weakref.ref(function.graph) for function in functions.values()]
    del functions
    assert len(graphs) == 3  # logits, FGSM, PGD
    died = weakref.ref(model)
    del model
    for _ in range(2):  # graphs become unreachable once the model is gone
        gc.collect()
    assert died() is None
    assert len(compiled_functions) == held
    assert not any(graph() for graph in graphs)


def test_what_cannot_be_weakly_referenced_is_not_kept(compiled_functions, cnn, images, labels):
    held = len(compiled_functions)
    for model in (Slots(cnn), Unhashable(cnn), Unhashable(cnn).logits):
        FGSM()(model, images, labels, epsilon=0.1)
    del model
    gc.collect()
    assert len(compiled_functions) == held

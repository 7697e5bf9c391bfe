"""Networks trained in half precision: written in float32, with digests of their own."""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

import data
import models
from command_line import run, said
from harness import digests
from harness.arms import Network
from harness.plan import Plan
from harness.precision import PRECISIONS, _FusedBatchNormalization, fitted_in
from harness.reductions import other_precision
from harness.runner import Runner
from harness.store import Store
from harness.training import train
from made import SMALL, small_arm
from recording import Recorder

HALF, BRAIN = "mixed_float16", "mixed_bfloat16"
TEACHER = replace(SMALL, role="teacher")
STUDENT = replace(
    SMALL, role="student", procedure="soft_labels", temperature=2.0, alpha=0.1, teacher=TEACHER
)


class Seen(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.optimizer = self.model.optimizer
        fitted = self.model.student if hasattr(self.model, "student") else self.model
        self.computed_in = {layer.compute_dtype for layer in fitted.layers if layer.weights}


@pytest.mark.parametrize("precision", [HALF, BRAIN])
@pytest.mark.parametrize(
    "training", [SMALL, pytest.param(STUDENT, marks=pytest.mark.slow)], ids=["plain", "distilled"]
)
def test_what_is_trained_in_half(training, precision, tmp_path):
    seen, sources = Seen(), {}
    dataset = data.load(training.dataset)
    for name, source in training.sources.items():
        (tmp_path / name).mkdir()
        train(source, dataset, tmp_path / name, {}, lambda *_: None, precision=precision)
        sources[name] = tmp_path / name / "model.h5"
    how = {"callbacks": [seen], "precision": precision}
    train(training, dataset, tmp_path, sources, lambda *_: None, **how)
    assert precision.removeprefix("mixed_") in seen.computed_in
    is_scaled = isinstance(seen.optimizer, keras.optimizers.LossScaleOptimizer)
    assert is_scaled == (precision == HALF)
    assert keras.config.dtype_policy().name == "float32"  # as before
    network = models.load_checkpoint(tmp_path / "model.h5")
    assert {layer.compute_dtype for layer in network.layers} == {"float32"}
    measured = json.loads((tmp_path / "training.json").read_text())
    predicted = network.predict(dataset.x_test, verbose=0).argmax(1)
    assert measured["test_accuracy"] == (predicted == dataset.y_test).mean()


def normalised(seed: int) -> keras.Model:
    """A network of convolutions and of Dense layers with batch normalisation."""
    keras.utils.set_random_seed(seed)
    return Network("vgg16", upsampling=1, width=1 / 16).build(3, (16, 16, 1), 5e-4)


def test_what_is_fitted_starts_as_the_network():
    network = normalised(0)
    assert fitted_in("float32", network, lambda: pytest.fail("built")) is network
    twin = fitted_in(BRAIN, network, lambda: normalised(1))
    assert twin is not network
    for ours, theirs in zip(twin.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("precision", "error"), [("float32", 1e-4), (HALF, 0.02), (BRAIN, 0.1)], ids=PRECISIONS
)
def test_fused_normalisation_is_that_of_keras(precision, error):
    """Outputs, averages and gradients in training, and outputs with the averages."""
    images = np.random.default_rng(0).normal(3, 2, (5, 4, 6, 7)).astype("float32")
    scales = np.linspace(0.5, 2, 7, dtype="float32"), np.linspace(-1, 1, 7, dtype="float32")

    def computed(kind):
        layer = kind(momentum=0.9, dtype=precision)
        layer.build(images.shape)
        layer.gamma.assign(scales[0])
        layer.beta.assign(scales[1])
        x = tf.constant(images)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = tf.reduce_mean(tf.cast(y, tf.float32) ** 3)
        gradients = tape.gradient(loss, [x, layer.gamma.value, layer.beta.value])
        return [y, *gradients, *layer.variables, layer(x, training=False)]

    of_keras = computed(keras.layers.BatchNormalization)
    for ours, theirs in zip(computed(_FusedBatchNormalization), of_keras, strict=True):
        assert ours.dtype == theirs.dtype
        ours, theirs = (np.asarray(tf.cast(each, tf.float32)) for each in (ours, theirs))
        np.testing.assert_allclose(ours, theirs, atol=error * np.abs(theirs).max())


@pytest.mark.parametrize(
    ("settings", "shape"),
    [({}, (8, 5)), ({"axis": 1}, (4, 3, 2, 2)), ({"scale": False}, (4, 3, 2, 2))],
    ids=["of vectors", "other axis", "no scale"],
)
def test_normalisation_that_no_kernel_is_for_is_that_of_keras(settings, shape):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    ours, theirs = (
        kind(**settings)(x, training=True)
        for kind in (_FusedBatchNormalization, keras.layers.BatchNormalization)
    )
    np.testing.assert_array_equal(ours, theirs)


def test_frozen_normalisation_stays_as_it_is():
    x = np.random.default_rng(0).normal(size=(4, 3, 3, 2)).astype("float32")
    layer = _FusedBatchNormalization(trainable=False)
    np.testing.assert_allclose(layer(x, training=True), x / np.sqrt(1 + layer.epsilon), rtol=1e-6)
    np.testing.assert_array_equal(layer.moving_mean, [0, 0])


@pytest.mark.parametrize("precision", ["float32", BRAIN])
def test_the_averages_of_normalisation_have_the_momentum_of_the_recipe(precision, tmp_path):
    network = Network("wpi_cnn", upsampling=1, width=0.1, preprocessing="unit")
    usual = replace(SMALL, network=network, images=320)
    found = []
    for momentum in (None, 0.5):
        recipe = replace(usual.recipe, batch_norm_momentum=momentum)
        folder = tmp_path / str(momentum)
        folder.mkdir()
        training = replace(usual, recipe=recipe)
        train(training, data.load("digits"), folder, {}, lambda *_: None, precision=precision)
        trained = models.load_checkpoint(folder / "model.h5")
        found.append([each for each in trained.layers if hasattr(each, "moving_mean")])
    for own, other in zip(*found, strict=True):
        assert (own.momentum, other.momentum) == (0.99, 0.5)
        # Which are not used in training.
        np.testing.assert_array_equal(own.gamma, other.gamma)
        assert (np.abs(own.moving_mean) < np.abs(other.moving_mean)).mean() > 0.9


@pytest.mark.slow
def test_an_arm_of_such_a_network(tmp_path):
    arm = small_arm()
    todo = Plan([arm.training], [arm], "*")
    usual, half = Runner(Store(tmp_path)), Runner(Store(tmp_path), precision=HALF)
    for runner in (usual, half):
        runner.run(todo, Recorder())
    stages = {runner.training_path(arm.training).name for runner in (usual, half)}
    assert len(stages) == 2
    assert half.arm_path(arm) != usual.arm_path(arm)
    assert np.isfinite(half.outcomes(arm).linf).all() and half.outcomes(arm).linf.any()


def test_it_is_part_of_the_digest_and_of_what_is_reduced():
    usual = digests.of_training(SMALL, "data", None)
    assert digests.of_training(SMALL, "data", None, precision="float32") == usual
    assert digests.of_training(SMALL, "data", None, 1, HALF) == usual | {"precision": HALF}
    assert other_precision("float32") == []
    assert other_precision(HALF) == ["precision mixed_float16 instead of float32"]


def test_unknown_precisions_are_refused(tmp_path):
    with pytest.raises(ValueError, match="precision is 'half'; accepted: float32, mixed_float16"):
        Runner(Store(tmp_path), precision="half")
    done = run("run", "ntu", "--precision", "half", "--runs", tmp_path)
    assert done.exit_code == 2
    assert "'half'" in said(done) and "float32, mixed_float16" in said(done)

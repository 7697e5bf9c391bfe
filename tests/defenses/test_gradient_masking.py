"""The noise of gradient masking: where it is, how large, and what decides it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import data
import models
from attacks import PGD, DeepFool
from defenses import (
    NoisyUpdateAdam,
    fine_tune_with_noisy_updates,
    with_noisy_gradient,
    with_noisy_logits,
)


def loss_gradient(model, images, labels):
    images = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels, model(images, training=False)
        )
    return tape.gradient(losses, images).numpy()


def gradient_noise(model, images, labels, scale, **arguments):
    masked = with_noisy_gradient(model, scale, **arguments)
    return loss_gradient(masked, images, labels) - loss_gradient(model, images, labels)


def logit_noise(model, images, scale, **arguments):
    masked = with_noisy_logits(model, scale, **arguments)
    return (masked(images, training=False) - model(images, training=False)).numpy()


def assert_same(weights, others):
    for left, right in zip(weights, others, strict=True):
        np.testing.assert_array_equal(left, right)


def assert_gaussian(noise, scale):
    """Mean, standard deviation and the share within one of them, to five standard errors."""
    count = noise.size
    assert abs(noise.mean()) < 5 * scale / count**0.5
    assert noise.std() == pytest.approx(scale, rel=5 / (2 * count) ** 0.5)
    assert np.mean(np.abs(noise) < scale) == pytest.approx(0.6827, abs=5 * 0.4654 / count**0.5)


@pytest.mark.parametrize("draws", [1, 16])
def test_noise_on_the_gradient(cnn, images, labels, draws):
    noise = gradient_noise(cnn, images, labels, 0.5, draws=draws)
    assert_gaussian(noise, 0.5 / draws**0.5)
    between = np.corrcoef(noise.reshape(len(noise), -1))
    assert np.abs(between - np.eye(len(noise))).max() < 0.75  # another draw for every image


def test_noise_on_the_gradient_leaves_the_outputs_alone(cnn, images):
    masked = with_noisy_gradient(cnn, 10.0)
    np.testing.assert_array_equal(masked(images, training=False), cnn(images, training=False))


@pytest.mark.parametrize("draws", [1, 16])
def test_noise_on_the_logits(cnn, digits, draws):
    distinct = np.unique(digits[0][:400], axis=0)
    assert_gaussian(logit_noise(cnn, distinct, 2.0, draws=draws), 2.0 / draws**0.5)


def test_noise_on_the_logits_is_there_in_training_too(images):
    masked = with_noisy_logits(keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten()]), 2.0)
    trained, asked = masked(images, training=True), masked(images, training=False)
    np.testing.assert_array_equal(trained, asked)
    assert_gaussian(asked.numpy() - images.reshape(len(images), -1), 2.0)


def test_noise_on_the_logits_has_no_gradient(cnn, images):
    masked = with_noisy_logits(cnn, 2.0)
    images = tf.constant(images)
    gradients = []
    for model in (cnn, masked):
        with tf.GradientTape() as tape:
            tape.watch(images)
            first = tf.reduce_sum(model(images, training=False)[:, 0])
        gradients.append(tape.gradient(first, images))
    np.testing.assert_allclose(*gradients, atol=1e-6)


@pytest.mark.parametrize("of", [gradient_noise, logit_noise])
def test_the_seed_and_the_image_decide_the_noise(cnn, images, labels, of):
    def noise(rows, seed=0):
        more = (labels[rows],) if of is gradient_noise else ()
        return of(cnn, images[rows], *more, 1.0, seed=seed)

    everyone = np.arange(len(images))
    whole = noise(everyone)
    np.testing.assert_array_equal(noise(everyone), whole)
    rows = np.array([5, 3, 40])  # in other company
    np.testing.assert_allclose(noise(rows), whole[rows], atol=1e-5)
    assert abs(np.corrcoef(noise(everyone, seed=1).ravel(), whole.ravel())[0, 1]) < 0.2
    moved = images + np.float32(1 / 255)
    more = (labels,) if of is gradient_noise else ()
    other = of(cnn, moved, *more, 1.0)
    assert abs(np.corrcoef(other.ravel(), whole.ravel())[0, 1]) < 0.2


def test_gradients_of_two_classes_have_their_own_noise(cnn, images, labels):
    noise = gradient_noise(cnn, images, labels, 1.0)
    other = gradient_noise(cnn, images, (labels + 1) % 10, 1.0)
    assert abs(np.corrcoef(noise.ravel(), other.ravel())[0, 1]) < 0.2


@pytest.mark.parametrize("mask", [with_noisy_gradient, with_noisy_logits])
def test_attacks_do_not_depend_on_the_batch(cnn, images, labels, mask):
    model = mask(cnn, 0.05)
    first, again, in_parts = (
        PGD(steps=3, step_size=0.05, batch_size=size)(model, images[:24], labels[:24], epsilon=0.1)
        for size in (24, 24, 7)
    )
    np.testing.assert_array_equal(again.success, first.success)
    np.testing.assert_array_equal(in_parts.success, first.success)


@pytest.mark.parametrize("mask", [with_noisy_gradient, with_noisy_logits])
def test_gradients_of_all_logits_are_found_through_the_noise(images, mask):
    keras.utils.set_random_seed(0)
    inputs = [keras.Input((8, 8, 1)), layers.Flatten()]
    model = keras.Sequential([*inputs, layers.Dense(3)])
    labels = model(images[:4]).numpy().argmax(axis=1)
    result = DeepFool(steps=10)(mask(model, 1e-4), images[:4], labels)
    assert result.success.all()


def test_averaging_gives_the_attack_its_strength_back(cnn, images, labels):
    attack = PGD(steps=3, step_size=0.05)
    success = {
        draws: attack(
            with_noisy_gradient(cnn, 0.5, draws=draws), images, labels, epsilon=0.1
        ).images
        for draws in (1, 64)
    }
    fooled = {
        draws: np.mean(cnn(x, training=False).numpy().argmax(axis=1) != labels)
        for draws, x in success.items()
    }
    assert fooled[64] > fooled[1]


@pytest.mark.parametrize("mask", [with_noisy_gradient, with_noisy_logits])
def test_a_saved_model_gives_the_same(cnn, images, labels, mask, tmp_path):
    model = mask(cnn, 0.3, seed=4, draws=2)
    model.save(tmp_path / "masked.keras")
    again = keras.models.load_model(tmp_path / "masked.keras")
    np.testing.assert_array_equal(again(images, training=False), model(images, training=False))
    np.testing.assert_array_equal(
        loss_gradient(again, images, labels), loss_gradient(model, images, labels)
    )


def noisy_updates(scale, **arguments):
    """One that moves a weight by gradient / 1e6: Adam without memory, -rate * g / (|g| + eps)."""
    memory = {"beta_1": 0.0, "beta_2": 0.0}
    return NoisyUpdateAdam(scale, learning_rate=1.0, epsilon=1e6, **memory, **arguments)


def test_an_update_by_hand():
    weights = keras.Variable(np.zeros(20_000, np.float32))
    noisy_updates(3.0, seed=1).apply([tf.fill([20_000], 7.0)], [weights])
    assert_gaussian(-weights.numpy() * 1e6 - 7, 3.0)


def test_every_weight_and_update_has_its_own_noise():
    def weights_after(steps, seed=0):
        weights = [keras.Variable(np.zeros(2000, np.float32)) for _ in range(2)]
        optimizer = noisy_updates(1.0, seed=seed)
        for _ in range(steps):
            optimizer.apply([tf.zeros(2000)] * 2, weights)
        return np.array([w.numpy() for w in weights])

    first = weights_after(1)
    drawn = np.concatenate([first, weights_after(2) - first, weights_after(1, seed=1)])
    assert np.abs(np.corrcoef(drawn) - np.eye(6)).max() < 0.1
    np.testing.assert_array_equal(weights_after(1), first)


def test_fine_tuning_without_noise_is_plain_fine_tuning_and_noise_costs_accuracy(cnn, digits):
    x_train, y_train, x_test, y_test = digits
    before = [weight.copy() for weight in cnn.get_weights()]
    quiet, noisy = (
        fine_tune_with_noisy_updates(cnn, x_train, y_train, scale, epochs=2, learning_rate=0.01)
        for scale in (0.0, 1.0)
    )
    assert_same(cnn.get_weights(), before)

    plain = keras.models.clone_model(cnn)
    plain.set_weights(before)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    plain.compile(keras.optimizers.Adam(0.01), loss)
    steps = data.steps_per_epoch(len(x_train), 128)
    batches = data.training_batches(x_train, y_train, 128, seed=0)
    plain.fit(batches, epochs=2, steps_per_epoch=steps, shuffle=False, verbose=0)
    assert_same(quiet.get_weights(), plain.get_weights())

    accuracies = [
        np.mean(tuned(x_test, training=False).numpy().argmax(axis=1) == y_test)
        for tuned in (quiet, noisy)
    ]
    assert accuracies[0] > 0.9 and accuracies[1] < accuracies[0]


@pytest.mark.parametrize("mask", [with_noisy_gradient, with_noisy_logits])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale": -1}, "scale is -1; accepted: a finite number, 0 or more"),
        ({"scale": float("inf")}, "scale is inf"),
        ({"scale": 1, "seed": -1}, "seed is -1; accepted: a whole number, 0 or more"),
        ({"scale": 1, "draws": 0}, "draws is 0; accepted: a whole number, 1 or more"),
    ],
)
def test_refused_arguments(cnn, mask, arguments, message):
    with pytest.raises(ValueError, match=message):
        mask(cnn, **arguments)


def test_frozen_layers_stay_frozen(cnn, images, labels):
    model = keras.models.clone_model(cnn)
    model.layers[0].trainable = False
    tuned = fine_tune_with_noisy_updates(model, images, labels, 1.0)
    np.testing.assert_array_equal(tuned.get_weights()[0], model.get_weights()[0])
    assert not np.array_equal(tuned.get_weights()[-1], model.get_weights()[-1])


def test_refused_fine_tuning(cnn, images, labels):
    with pytest.raises(ValueError, match="scale is nan"):
        fine_tune_with_noisy_updates(cnn, images, labels, float("nan"))
    with pytest.raises(ValueError, match="epochs is 0"):
        fine_tune_with_noisy_updates(cnn, images, labels, 1.0, epochs=0)
    with pytest.raises(ValueError, match="images have values from 0 to 255"):
        fine_tune_with_noisy_updates(cnn, 255 * images, labels, 1.0)
    with pytest.raises(ValueError, match="ends in softmax; accepted: logits"):
        fine_tune_with_noisy_updates(models.with_softmax(cnn), images, labels, 1.0)


def test_noise_on_a_gradient_that_attacks_scale_is_refused(images):
    half = keras.Sequential(
        [
            keras.Input(images.shape[1:]),
            keras.layers.Flatten(),
            keras.layers.Dense(10, dtype="mixed_float16"),
        ]
    )
    with pytest.raises(ValueError, match="computes in float16; accepted: one in float32"):
        with_noisy_gradient(half, 1.0)
    assert with_noisy_logits(half, 1.0)(images[:2]).shape == (2, 10)


@pytest.mark.parametrize("mask", [with_noisy_gradient, with_noisy_logits])
def test_refused_networks(cnn, mask):
    with pytest.raises(ValueError, match="ends in softmax; accepted: logits"):
        mask(models.with_softmax(cnn), 1.0)


@pytest.mark.parametrize("mask", [with_noisy_gradient, with_noisy_logits])
def test_keras_does_not_compile_the_noise_with_xla(cnn, mask):
    """It would draw other numbers: attack and evaluation would meet two networks."""
    plain, masked = keras.Model(cnn.inputs, cnn.outputs), mask(cnn, 1.0)
    plain.compile(jit_compile=True)
    with pytest.warns(UserWarning, match="doesn't support `jit_compile=True`"):
        masked.compile(jit_compile=True)
    assert plain.jit_compile and not masked.jit_compile

"""Defenses by name, and several of them around one network."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from attacks import PGD
from defenses import (
    FeatureSmoothing,
    FeatureSqueezing,
    GradientMasking,
    defended,
    with_noisy_gradient,
    with_noisy_logits,
)

BLUR, ROUND = FeatureSmoothing(3, 1.0), FeatureSqueezing(bits=1)
MASK = GradientMasking("logits", 0.5, seed=3)


def predicted(model, images):
    return model.predict(images, verbose=0)


def gradient(model, images):
    images = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        first = tf.reduce_sum(model(images, training=False)[:, 0])
    return tape.gradient(first, images).numpy()


def test_the_last_defense_is_met_first(colour, identity):
    """Known from the filters outside of the network."""
    blurred_last = BLUR.filter(ROUND.filter(colour))
    rounded_last = ROUND.filter(BLUR.filter(colour))
    assert (blurred_last != rounded_last).any()
    flat = (len(colour), -1)
    for defenses, expected in (((BLUR, ROUND), blurred_last), ((ROUND, BLUR), rounded_last)):
        found = predicted(defended(identity, defenses), colour)
        np.testing.assert_allclose(found, expected.reshape(flat), atol=1e-6)
    assert defended(identity, []) is identity


def test_noise_within_the_blur_is_blurred_on_its_way_back(cnn, images):
    noise = GradientMasking("gradient seen by the attacker", 1.0)
    inside, outside = (
        gradient(defended(cnn, order), images) for order in ((noise, BLUR), (BLUR, noise))
    )
    clean = gradient(defended(cnn, [BLUR]), images)
    # The sum of the squared weights is what is left of the variance; borders have more.
    left = np.square(BLUR.kernel).sum() ** 0.5
    assert (outside - clean).std() == pytest.approx(1, rel=0.1)
    assert (inside - clean)[:, 2:-2, 2:-2].std() == pytest.approx(left, rel=0.15)


@pytest.mark.parametrize(
    "reading, mask",
    [("gradient seen by the attacker", with_noisy_gradient), ("logits", with_noisy_logits)],
)
def test_gradient_masking_is_what_its_reading_says(cnn, images, reading, mask):
    ours, theirs = GradientMasking(reading, 0.5, seed=4).in_front(cnn), mask(cnn, 0.5, seed=4)
    np.testing.assert_array_equal(predicted(ours, images), predicted(theirs, images))
    np.testing.assert_array_equal(gradient(ours, images), gradient(theirs, images))
    assert (gradient(ours, images) != gradient(cnn, images)).any() == (reading != "logits")


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("noise", 0.1), "reading is 'noise'; accepted: 'gradient seen by the attacker', 'logits'"),
        (("logits", -1), "scale is -1"),
        (("logits", float("nan")), "scale is nan"),
        (("logits", 0.1, 1.5), "seed is 1.5"),
    ],
)
def test_refused_masks(arguments, said):
    with pytest.raises(ValueError, match=said):
        GradientMasking(*arguments)


@pytest.mark.parametrize("wrong", ["blur", FeatureSmoothing])
def test_refused_defenses(identity, wrong):
    with pytest.raises(ValueError, match=r"defenses\[1\] is .* accepted: FeatureSmoothing"):
        defended(identity, [BLUR, wrong])


def test_names_tell_numbers_apart():
    assert BLUR.name == "feature smoothing (3x3, sigma 1)"
    assert ROUND.name == "feature squeezing (1 bit)"
    assert FeatureSqueezing(4, 2).name == "feature squeezing (4 bit, median 2x2)"
    assert FeatureSqueezing(median=2).name == "feature squeezing (median 2x2)"
    assert MASK.name == "gradient masking (logits, scale 0.5)"


@pytest.mark.parametrize("defenses", [(ROUND, MASK), (BLUR, FeatureSqueezing(median=2), MASK)])
def test_saved_and_loaded_it_is_attacked_alike(cnn, images, labels, defenses, tmp_path):
    model = defended(cnn, defenses)
    model.save(tmp_path / "combined.keras")
    again = keras.models.load_model(tmp_path / "combined.keras")
    first, second = (
        PGD(steps=3)(each, images[:32], labels[:32], epsilon=0.1) for each in (model, again)
    )
    np.testing.assert_array_equal(first.success, second.success)


def test_blurs_are_of_ordinary_layers_and_reload_from_h5(cnn, images, tmp_path):
    model = defended(cnn, [BLUR, FeatureSmoothing(5, 2.0)])
    assert {type(layer).__module__.split(".")[0] for layer in model._flatten_layers()} == {"keras"}
    again = keras.models.load_model(models.save(model, tmp_path / "blurred.h5"), compile=False)
    np.testing.assert_allclose(predicted(again, images), predicted(model, images), atol=1e-6)

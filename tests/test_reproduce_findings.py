"""What `reproduce.py attack` says below its table, and where it says nothing."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import data
import models
from command_line import run, said
from evaluation import Outcomes

SHAPE = (32, 32, 3)


def printed(model, folder, *words, images=8):
    """What an attack on the digits prints, without line breaks."""
    path = models.save(model, folder / "model.keras", overwrite=True)
    result = run("attack", path, "--data", "digits", "--images", images, *words)
    assert result.exit_code == 0, result.output
    return said(result)


def network(before=lambda images: images, side=8, scale=1.0):
    """Linear in the means of squares of `side` pixels."""
    keras.utils.set_random_seed(0)
    images = keras.Input(SHAPE)
    means = layers.Flatten()(layers.AveragePooling2D(side)(before(images)))
    logits = layers.Dense(10, kernel_initializer=keras.initializers.RandomNormal(stddev=scale))
    return keras.Model(images, logits(means))


QUIET = ("finite", "random", "zero", "smallest distance")


def test_nothing_is_said_of_a_plain_network(tmp_path):
    said = printed(network(), tmp_path, "--attack", "fgsm")
    assert not any(word in said for word in QUIET)


def test_distances_are_of_the_images_that_were_fooled(tmp_path):
    saved = tmp_path / "outcomes.npz"
    words = ["--attack", "deepfool", "--epsilon", 0.2, "--save", saved]
    said = printed(network(), tmp_path, *words, images=60)
    outcomes = Outcomes.load(saved)
    fooled = outcomes.clean_correct & (outcomes.predictions[0] != outcomes.labels)
    assert 0 < fooled.sum() < outcomes.clean_correct.sum() < 60
    means = 255 * outcomes.linf[0, fooled].mean(), outcomes.l2[0, fooled].mean()
    assert f" {fooled.sum()} {means[0]:.4g}/255 {means[1]:.4g} " in said


def test_logits_that_are_not_finite(tmp_path):
    images = data.load("digits").x_test[:8]
    ink = np.sort(images.mean(axis=(1, 2, 3)))
    model = network()
    mean = ops.mean(layers.GlobalAveragePooling2D()(model.input), axis=1, keepdims=True)
    level = ops.sqrt(mean - float(ink[3] + ink[4]) / 2)  # not a number where there is little ink
    broken = keras.Model(model.input, model.output + level)
    said = printed(broken, tmp_path, "--attack", "fgsm", "--epsilon", 1e-4)
    assert (
        "The logits are not finite on 50.0% of the clean images and 50.0% of the adversarial ones"
    ) in said


def test_a_gradient_that_is_not_finite(tmp_path):
    steep = network(before=ops.sqrt)  # its slope is infinite where a pixel is black
    said = printed(steep, tmp_path, "--attack", "fgsm")
    assert "The gradient is not finite on 100.0% of the images." in said
    assert "gradient" not in printed(steep, tmp_path, "--attack", "square", "--option", "queries=3")


class Shaken(layers.Layer):
    """Adds another noise at every pass."""

    def call(self, inputs):
        return inputs + keras.random.normal(ops.shape(inputs), stddev=0.1)


def test_a_network_that_is_random(tmp_path, monkeypatch):
    plain = network()
    shaken = keras.Model(plain.input, Shaken()(plain.output))
    monkeypatch.setattr(models, "load_checkpoint", lambda path: shaken)
    said = printed(plain, tmp_path, "--attack", "fgsm")
    assert "random at inference: two passes differ by up to 0." in said


@pytest.mark.parametrize(
    "words, way",
    [
        (["fgsm"], "Try --temperature 100."),
        (["fgsm", "--temperature", 2], "Try --attack apgd --option loss=dlr, or --attack square."),
        (["apgd", "--steps", 2, "--option", "loss=dlr"], "Try --attack square."),
        (["square", "--option", "queries=3"], None),
        (["deepfool", "--steps", 2], None),
        (["autoattack", "--steps", 2, "--option", "queries=3"], None),
    ],
    ids=lambda value: "" if value is None or isinstance(value, str) else value[0],
)
def test_zero_gradients_of_attacks_that_climb(words, way, tmp_path):
    flat = network(side=32, scale=1e6)  # of one number, so that ratios of logits do not change
    said = printed(flat, tmp_path, "--attack", *words)
    assert ("The gradient is exactly zero" in said) == (way is not None)
    assert way is None or way in said


@pytest.mark.parametrize("epsilon, concerns", [("inf", False), (0.5, True)])
def test_a_search_for_the_smallest_distance_says_so(epsilon, concerns, tmp_path):
    words = ["--attack", "deepfool", "--steps", 2, "--epsilon", epsilon]
    said = printed(network(), tmp_path, *words)
    assert ("DeepFool searches once for the smallest distance" in said) == concerns


def test_pgd_starts_at_random(tmp_path):
    words = ["--attack", "pgd", "--steps", 2]
    assert "random_start=True" in printed(network(), tmp_path, *words)
    fixed = printed(network(), tmp_path, *words, "--option", "random_start=false")
    assert "random_start=False" in fixed

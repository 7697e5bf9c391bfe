"""The slider over epsilons shows one image, chosen by its rule, at every epsilon."""

import re

import keras
import numpy as np
import pytest
from keras import layers

from attacks import FGSM
from reports.slider import epsilon_frames, epsilon_slider

EPSILONS = [0.1, 0.2, 0.3, 0.4]
NAMES = ["dark", "bright"]


@pytest.fixture(scope="module")
def brightness():
    """Bright where the mean of the pixels is above a half."""
    model = keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(2)])
    model.layers[-1].set_weights([np.tile([-1.0, 1.0], (16, 1)) / 16, np.array([0.5, -0.5])])
    return model


def grey(*levels):
    return np.stack([np.full((4, 4, 1), level, np.float32) for level in levels])


def test_the_image_is_the_one_that_is_turned_at_the_median_epsilon(brightness):
    # Wrong without attack; turned at 0.1, 0.3 and 0.4; never turned.
    images, labels = grey(0.9, 0.55, 0.75, 0.85, 1.0), np.array([0, 1, 1, 1, 1])
    frames = epsilon_frames(brightness, images, labels, FGSM(), EPSILONS, NAMES)
    np.testing.assert_allclose(frames[0].image, images[2])
    np.testing.assert_allclose(frames[2].image, images[2] - 0.2, atol=1e-6)
    assert [frame.caption for frame in frames] == [
        "epsilon 0: bright (true class: bright)",
        "epsilon 0.1: bright (true class: bright)",
        "epsilon 0.2: bright (true class: bright)",
        "epsilon 0.3: dark (true class: bright)",
        "epsilon 0.4: dark (true class: bright)",
    ]


def test_changes_are_amplified_alike(brightness):
    frames = epsilon_frames(brightness, grey(0.75), np.ones(1, int), FGSM(), EPSILONS, NAMES)
    values = [frame.change.mean() for frame in frames]
    np.testing.assert_allclose(values, [0.5, 0.375, 0.25, 0.125, 0.0], atol=1e-6)


def test_where_none_is_turned_the_first_right_one_is_shown(brightness):
    images, labels = grey(0.2, 0.95, 1.0), np.array([1, 1, 1])
    frames = epsilon_frames(brightness, images, labels, FGSM(), [0.1], NAMES)
    np.testing.assert_allclose(frames[0].image, images[1])


def test_without_an_image_that_is_right_there_is_nothing_to_show(brightness):
    with pytest.raises(ValueError, match="images holds none .* accepted: at least one"):
        epsilon_frames(brightness, grey(0.2), np.ones(1, int), FGSM(), [0.1], NAMES)


def test_the_slider_holds_every_picture_and_shows_the_first(brightness):
    html = epsilon_slider(brightness, grey(0.75), [1], FGSM(), EPSILONS, ["a < b", "c"]).data
    figures = re.findall(r"<figure( hidden)?>(.*?)</figure>", html)
    assert [bool(hidden) for hidden, _ in figures] == [False, True, True, True, True]
    assert all(figure.count("data:image/png;base64,") == 2 for _, figure in figures)
    assert 'type="range" min="0" max="4"' in html and "a &lt; b" in html and "a < b" not in html

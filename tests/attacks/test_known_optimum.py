"""A linear model of four classes: the nearest adversarial image is known in closed form."""

import functools

import keras
import numpy as np
import pytest
from keras import layers

from attacks import FAB, CarliniWagner, DeepFool, Targeted

VALUES, CLASSES = 64, 4
DUAL = {"linf": 1, "l2": 2}
WEIGHTS = np.random.default_rng(4).normal(size=(VALUES, CLASSES))

MINIMUM_NORM = [
    DeepFool(),
    DeepFool(norm="linf"),
    DeepFool(overshoot=0),
    FAB(steps=10),
    FAB(steps=10, norm="l2"),
    FAB(steps=10, targets=3),
    FAB(steps=10, restarts=2, final_search=0),
    CarliniWagner(search_steps=6, steps=100, initial_c=0.1),
]
TARGETED = [attack for attack in MINIMUM_NORM if not getattr(attack, "targets", None)]


#: Shapes of an image, and what the model's units are.
FORMS = {"N,64": ((64,), 1), "N,8,8": ((8, 8), 1), "N,8,8,1": ((8, 8, 1), 1)}
FORMS["0-255"] = ((8, 8, 1), 255)

#: Settings of an attack do not know of the form, so each form sees every kind of step once.
PAIRS = [("N,8,8,1", attack) for attack in MINIMUM_NORM]
PAIRS += [("N,64", attack) for attack in (DeepFool(), FAB(steps=10, targets=3), MINIMUM_NORM[-1])]
PAIRS += [("N,8,8", DeepFool(norm="linf")), ("N,8,8", FAB(steps=10, norm="l2", targets=3))]
PAIRS += [("0-255", DeepFool()), ("0-255", FAB(steps=10, targets=3)), ("0-255", MINIMUM_NORM[-1])]


@functools.cache  # one trace of each attack serves all tests
def linear(form):
    """Logits W (x - 1/2)."""
    shape, scale = FORMS[form]
    model = keras.Sequential(
        [keras.Input(shape), layers.Rescaling(scale), layers.Flatten(), layers.Dense(CLASSES)]
    )
    model.layers[-1].set_weights([WEIGHTS / scale, -WEIGHTS.sum(axis=0) / 2])
    return model


def points(form, count=64):
    """Images of middle grey levels, and their classes."""
    images = np.random.default_rng(5).uniform(0.3, 0.7, (64, VALUES))[-count:].astype(np.float32)
    classes = logits(images).argmax(axis=1)
    images = images.reshape(-1, *FORMS[form][0])
    np.testing.assert_array_equal(linear(form)(images).numpy().argmax(axis=1), classes)
    return images, classes


def logits(images):
    return (images.reshape(-1, VALUES).astype(np.float64) - 0.5) @ WEIGHTS


def boundaries(images, classes, norm):
    """The distance from each image to its boundary with each class; infinite for its own."""
    values = logits(images)
    margins = values[np.arange(len(values)), classes][:, None] - values
    differences = WEIGHTS[:, classes][:, :, None] - WEIGHTS[:, None]
    slopes = np.linalg.norm(differences, DUAL[norm], axis=0)
    distances = np.divide(margins, slopes, out=np.full_like(margins, np.inf), where=slopes > 0)
    # No value of the nearest image moves further than this, so that the box is no obstacle.
    assert distances.min(axis=1).max() < 0.3
    return distances


def assert_near(attack, distances, optimum):
    """What each attack owes a linear model."""
    assert (distances >= optimum * (1 - 1e-4)).all()
    if isinstance(attack, DeepFool):
        bound = (1 + attack.overshoot) * optimum
        assert (distances <= 1.005 * bound + 2e-4).all()
    elif isinstance(attack, FAB):
        assert distances.mean() <= 1.01 * optimum.mean()
    else:
        counted = optimum >= 0.02
        ratios = distances[counted] / optimum[counted]
        assert ratios.mean() <= 1.02 and np.median(ratios) <= 1.01


@pytest.mark.parametrize("form, attack", PAIRS, ids=str)
def test_the_nearest_adversarial_image_is_found(attack, form):
    images, classes = points(form)
    result = attack(linear(form), images, classes)
    assert result.success.all()
    nearest = boundaries(images, classes, attack.norm).min(axis=1)
    assert_near(attack, result.distances[attack.norm], nearest)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("attack", MINIMUM_NORM, ids=str)
def test_it_is_found_in_a_batch_of_any_size(attack, count):
    images, classes = points("N,8,8,1", count)
    result = attack(linear("N,8,8,1"), images, classes)
    assert result.success.all()
    nearest = boundaries(images, classes, attack.norm).min(axis=1)
    assert_near(attack, result.distances[attack.norm], nearest)


@pytest.mark.parametrize("attack", TARGETED, ids=str)
def test_a_target_is_found_at_its_boundary(attack):
    images, classes = points("N,8,8,1")
    targets = (classes + 1) % CLASSES
    result = attack(linear("N,8,8,1"), images, Targeted(targets))
    assert result.success.all()
    distances = result.distances[attack.norm]
    to_target = boundaries(images, classes, attack.norm)[np.arange(len(images)), targets]
    assert (distances >= to_target * (1 - 1e-4)).all()
    # Where the target is the likeliest other class, no third one is in the way as a rule.
    likeliest = np.argsort(logits(images), axis=1)[:, -2] == targets
    assert np.median(distances[likeliest] / (1.03 * to_target[likeliest] + 2e-4)) <= 1

"""The fit of an adversarial patch: its steps by hand, and that the patch works elsewhere."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from attacks import AdversarialPatch, Patch, as_logits

SIZE, CLASSES = 3, 4
WEIGHTS = np.random.default_rng(4).normal(size=(SIZE, SIZE, 1, CLASSES))


def linear(images):
    return tf.tensordot(images, tf.constant(WEIGHTS, tf.float32), 3)


def some(count):
    return np.random.default_rng(5).random((count, SIZE, SIZE, 1)).astype(np.float32)


def slope(variable, images, positions, target, temperature=1.0):
    """The mean gradient of the target's log-probability in the variable of the tanh."""
    height, width, _ = variable.shape
    gradients = []
    for image, (row, column) in zip(images.astype(np.float64), positions):
        window = np.s_[row : row + height, column : column + width]
        image = image.copy()
        image[window] = (np.tanh(variable) + 1) / 2
        logits = np.tensordot(image, WEIGHTS, 3) / temperature
        probabilities = np.exp(logits) / np.exp(logits).sum()
        weights = WEIGHTS[window] / temperature
        gradients.append(weights[..., target] - weights @ probabilities)
    return np.mean(gradients, axis=0) * (1 - np.tanh(variable) ** 2) / 2


def squashed(variable):
    return (np.tanh(variable) + 1) / 2


def test_one_step_by_hand():
    """The mean over the batch, each image with the patch at one of four places."""
    images, target, rate, temperature = some(2), 1, 0.7, 2.5
    places = list(itertools.product(range(2), repeat=2))
    seen = set()
    for seed in range(24):
        fit = AdversarialPatch(2, rate, epochs=1, temperature=temperature, seed=seed)
        patch = fit.fit(linear, images, target)
        matching = [
            both
            for both in itertools.product(places, repeat=2)
            if np.allclose(
                patch.pixels,
                squashed(rate * slope(np.zeros((2, 2, 1)), images, both, target, temperature)),
                rtol=0,
                atol=1e-6,
            )
        ]
        assert len(matching) == 1
        seen |= {(image, place) for image, place in enumerate(matching[0])}
    assert len(seen) == 8  # each image at each place


def test_momentum_by_hand():
    """Three steps of a patch that has no choice of its place."""
    images, target, rate, momentum = some(1), 2, 0.3, 0.6
    variable = velocity = np.zeros((SIZE, SIZE, 1))
    losses = []
    for _ in range(3):
        logits = np.tensordot(squashed(variable), WEIGHTS, 3)
        losses.append(np.log(np.exp(logits).sum()) - logits[target])
        velocity = momentum * velocity + slope(variable, images, [(0, 0)], target)
        variable = variable + rate * velocity
    fit = AdversarialPatch(SIZE, rate, momentum, epochs=3)
    patch = fit.fit(linear, images, target, name="two")
    np.testing.assert_allclose(patch.pixels, squashed(variable), rtol=0, atol=1e-6)
    np.testing.assert_allclose(patch.history["loss"], losses, rtol=1e-5)
    assert (patch.target, patch.name, patch.size) == (2, "two", (SIZE, SIZE))


def test_an_epoch_takes_every_image_once():
    """Steps of one image, so short that they add up."""
    images, rate, start = some(5), 1e-3, np.zeros((2, SIZE, 1))
    fit = AdversarialPatch((2, SIZE), rate, momentum=0, epochs=1, batch_size=1)
    variable = np.arctanh(2 * fit.fit(linear, images, 0).pixels.astype(np.float64) - 1)
    slopes = [
        [slope(start, images[[index]], [(row, 0)], 0) for row in range(2)] for index in range(5)
    ]
    sums = [rate * np.sum(chosen, axis=0) for chosen in itertools.product(*slopes)]
    assert sum(np.allclose(variable, total, rtol=0, atol=1e-5) for total in sums) == 1


def test_the_last_batch_counts_like_the_others():
    """Batches of 2, 2 and 1 image, all of them covered."""
    patch = AdversarialPatch(SIZE, 1e-3, 0, 1, batch_size=2).fit(linear, some(5), 0)
    step = slope(np.zeros((SIZE, SIZE, 1)), some(1), [(0, 0)], 0)
    np.testing.assert_allclose(np.arctanh(2 * patch.pixels - 1), 3e-3 * step, rtol=0, atol=1e-5)


FIT = AdversarialPatch(6, learning_rate=1.0)


@pytest.fixture(scope="module", params=[0, 3])
def fitted(place_blind, roaming_digits, request):
    x_train, y_train, x_test, y_test = roaming_digits
    return FIT.fit(
        place_blind, x_train[:400], request.param, y_train[:400], validation=(x_test, y_test)
    )


def predicted(model, images):
    return model(images, training=False).numpy().argmax(axis=1)


def target_rate(model, patch, images, labels):
    """On images of other classes, over four placements."""
    others = patch.other_classes(labels)
    results = patch.attack(model, images[others], patch.goal(labels[others]))
    return np.mean([result.success for result in results])


def test_a_fitted_patch_works_on_held_out_images(place_blind, roaming_digits, fitted):
    _, _, images, labels = roaming_digits
    others = fitted.other_classes(labels)
    clean = np.mean(predicted(place_blind, images[others]) == fitted.target)
    grey = np.full((6, 6, 1), 0.5)  # what a fit that does nothing gives
    noise = [np.random.default_rng(seed).random((6, 6, 1)) for seed in range(3)]
    unfitted = [
        target_rate(place_blind, Patch(pixels, fitted.target), images, labels)
        for pixels in (grey, *noise)
    ]
    assert target_rate(place_blind, fitted, images, labels) > max(clean, *unfitted) + 0.3


def test_the_history_tells_how_the_fit_went(place_blind, roaming_digits, fitted):
    _, _, images, labels = roaming_digits
    losses, rates = fitted.history["loss"], fitted.history["validation_rate"]
    assert len(losses) == len(rates) == FIT.epochs
    assert losses[-1] < losses[0] / 1.4
    assert rates[-1] > rates[0]
    pasted = fitted.apply(images[fitted.other_classes(labels)], FIT.seed)
    assert rates[-1] == np.mean(predicted(place_blind, pasted) == fitted.target)


def test_images_of_the_target_class_are_left_out(place_blind, roaming_digits, fitted):
    images, labels = (array[:400] for array in roaming_digits[:2])
    others = fitted.other_classes(labels)[:, None, None, None]
    ruined = np.where(others, images, 1)
    again = FIT.fit(place_blind, ruined, fitted.target, labels)
    np.testing.assert_array_equal(again.pixels, fitted.pixels)
    assert not np.array_equal(FIT.fit(place_blind, ruined, fitted.target).pixels, fitted.pixels)


def test_same_seed_same_bits_and_another_seed_another_patch(cnn, images, labels):
    fit = replace(FIT, epochs=1, batch_size=20)
    first, second = (fit.fit(cnn, images, 8, labels) for _ in range(2))
    np.testing.assert_array_equal(first.pixels, second.pixels)
    other = replace(fit, seed=1).fit(cnn, images, 8, labels)
    assert (first.pixels != other.pixels).mean() > 0.5


def test_the_model_is_run_in_inference_mode(normalised, images, labels):
    before = [value.numpy() for value in normalised.weights]
    replace(FIT, epochs=1).fit(normalised, images, 8, labels)
    for value, old in zip(normalised.weights, before, strict=True):
        np.testing.assert_array_equal(value.numpy(), old)


def test_one_trace_for_all_sizes_batches_and_settings(counting, images, labels):
    for settings in ({}, {"size": (3, 5)}, {"size": 8}, {"batch_size": 7}, {"learning_rate": 1.0}):
        fit = replace(AdversarialPatch(2, epochs=2, batch_size=20), **settings)
        fit.fit(counting, images, 3)
        fit.fit(counting, images[:5], 4, labels[:5], validation=(images, None))
    assert counting.traces == 2  # logits, and the step


def test_a_step_costs_one_gradient(counting, images):
    AdversarialPatch(2, epochs=3, batch_size=20).fit(counting, images, 3)
    assert counting.runs() == 1 + 3 * 3  # a probe; three batches in each epoch


def test_xla_gives_the_same_patch():
    fit = AdversarialPatch(2, batch_size=2)
    plain, compiled = (fit.fit(linear, some(3), 1, jit_compile=xla) for xla in (False, True))
    np.testing.assert_allclose(compiled.pixels, plain.pixels, rtol=0, atol=1e-6)


def test_progress_counts_the_images_of_every_epoch(cnn, images, labels):
    reports = []
    AdversarialPatch(2, epochs=2, batch_size=20).fit(
        cnn, images, 8, progress=lambda *report: reports.append(report)
    )
    assert reports == [(20, 96), (40, 96), (48, 96), (68, 96), (88, 96), (96, 96)]


def test_pixels_stay_in_range_at_any_rate():
    patch = AdversarialPatch(2, learning_rate=1e6, epochs=3).fit(linear, some(4), 0)
    assert set(np.unique(patch.pixels)) <= {0, 1}


HYPER_PARAMETERS = {
    "size": ({"size": 0}, "size is 0; accepted: a side in pixels, 1 or more, or a pair"),
    "half a size": ({"size": 2.5}, "size is 2.5; accepted"),
    "three sizes": ({"size": (2, 2, 1)}, r"size is \(2, 2, 1\); accepted"),
    "learning_rate": ({"learning_rate": 0}, "learning_rate is 0; accepted: a finite number"),
    "momentum": ({"momentum": 1.0}, "momentum is 1.0; accepted: a finite number, 0 or m"),
    "momentum NaN": ({"momentum": np.nan}, "momentum is nan; accepted"),
    "epochs": ({"epochs": 0}, "epochs is 0; accepted: a whole number, 1 or more"),
    "temperature": ({"temperature": 0}, "temperature is 0; accepted"),
    "seed": ({"seed": -1}, "seed is -1; accepted: a whole number, 0 or more"),
    "batch_size": ({"batch_size": 0}, "batch_size is 0; accepted"),
}


@pytest.mark.parametrize("change, message", HYPER_PARAMETERS.values(), ids=HYPER_PARAMETERS)
def test_refused_hyper_parameters(change, message):
    with pytest.raises(ValueError, match=message):
        AdversarialPatch(**({"size": 2} | change))


def softmax(images):
    return tf.nn.softmax(linear(images))


def of_two_dimensions(images):
    return tf.reduce_sum(images, axis=1)


def flat_everywhere(images):
    return 3 * tf.cast(linear(images) > 0, tf.float32)


REFUSED = {
    "target": ({"target": 4}, "target is 4; accepted: a class, 0 to 3"),
    "negative target": ({"target": -1}, "target is -1; accepted"),
    "targets": ({"target": [1, 1]}, r"target is \[1, 1\]; accepted: a class"),
    "no image": ({"images": some(0)}, "there are 0 images, none of another class than the target"),
    "only the target": ({"labels": [1, 1, 1]}, "there are 3 images, none of another class .* 1; a"),
    "labels": ({"labels": [1, 2]}, "labels has 2 entries for 3 images"),
    "label": ({"labels": [1, 2, 4]}, "labels has the value 4; accepted: 0 to 3"),
    "channels": (
        {"images": some(3)[..., 0], "model": of_two_dimensions},
        r"images have shape \[N, 3, 3\]; accepted for a patch: \[N, H, W, C\]",
    ),
    "too small": ({"size": 4}, "patch is 4x4 pixels on images of 3x3; accepted: one that fits"),
    "grey levels": ({"images": some(3) * 255}, "images have values from .* by 255"),
    "number": ({"images": np.float32(1)}, r"images have shape \(\)"),
    "softmax": ({"model": softmax}, "the outputs of model are probabilities; accepted: logits"),
    "no gradient": ({"model": flat_everywhere}, "model has no gradient with respect to images"),
    "held out": (
        {"validation": (some(2), [1, 1])},
        "there are 2 images, none of another class than the target 1",
    ),
}


@pytest.mark.parametrize("change, message", REFUSED.values(), ids=REFUSED)
def test_refused_requests(change, message):
    arguments = {"model": linear, "images": some(3), "target": 1, "size": 2} | change
    fit = AdversarialPatch(arguments.pop("size"))
    with pytest.raises(ValueError, match=message):
        fit.fit(**arguments)


def test_probabilities_may_be_declared_logits():
    assert AdversarialPatch(2).fit(as_logits(softmax), some(3), 1).size == (2, 2)

"""Patches: where they lie, what they cover, and how they are evaluated."""

import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from attacks import Patch, PatchAttack, PatchOverlay, Targeted, as_logits
from evaluation import evaluate


def colourful(*shape, seed=0):
    return np.random.default_rng(seed).uniform(0.1, 0.9, shape).astype(np.float32)


def black(count, *shape):
    """Images of a value that no colourful patch has."""
    return np.zeros([count, *shape], np.float32)


def reaches(pasted):
    """First and last row and column of what is not black in each image, [N, 4]."""
    changed = (pasted > 0).all(axis=-1)
    assert (changed == (pasted > 0).any(axis=-1)).all()  # all channels or none
    places = [np.argwhere(image) for image in changed]
    return np.array([[*place.min(axis=0), *place.max(axis=0)] for place in places])


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (2, 5), (7, 1), (8, 9)], ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_patch_lies_inside_whole(size, channels):
    images, patch = black(200, 8, 9, channels), Patch(colourful(*size, channels))
    pasted = patch.apply(images, seed=3)
    height, width = size
    covered = (pasted > 0).all(axis=-1).sum(axis=(1, 2))
    np.testing.assert_array_equal(covered, height * width)
    assert patch.share((8, 9, channels)) == height * width / 72 == covered[0] / 72
    for image, (top, left, bottom, right) in zip(pasted, reaches(pasted)):
        np.testing.assert_array_equal(image[top : bottom + 1, left : right + 1], patch.pixels)
    assert not images.any()


@pytest.mark.parametrize("side, percent", [(32, 2.04), (48, 4.59), (64, 8.16)])
def test_the_shares_of_an_imagenet_image(side, percent):
    patch = Patch(colourful(side, side, 3))
    assert round(100 * patch.share((224, 224, 3)), 2) == percent
    pasted = patch.apply(black(3, 224, 224, 3))
    np.testing.assert_array_equal(np.count_nonzero(pasted[..., 0], axis=(1, 2)), side**2)


def test_pixels_outside_keep_their_bits():
    images, patch = colourful(50, 9, 7, 3), Patch(colourful(4, 2, 3, seed=1))
    positions = patch.positions(np.arange(50), (9, 7, 3), seed=5)
    pasted = patch.apply(images, seed=5)
    for image, original, (row, column) in zip(pasted, images, positions):
        expected = original.copy()
        expected[row : row + 4, column : column + 2] = patch.pixels
        np.testing.assert_array_equal(image, expected)


def test_every_place_is_as_likely():
    patch, count = Patch(colourful(6, 5, 1)), 2400
    positions = patch.positions(np.arange(count), (8, 8, 1), seed=1)
    places, counts = np.unique(positions, axis=0, return_counts=True)
    np.testing.assert_array_equal(places, [[r, c] for r in range(3) for c in range(4)])
    assert stats.chisquare(counts).pvalue > 0.01
    # Of one image, over the seeds.
    other = [patch.positions([7], (8, 8, 1), seed)[0] for seed in range(600)]
    _, counts = np.unique(other, axis=0, return_counts=True)
    assert len(counts) == 12 and stats.chisquare(counts).pvalue > 0.01


def test_a_place_depends_on_the_id_and_the_seed_alone():
    images, patch = colourful(40, 16, 16, 3), Patch(colourful(3, 3, 3, seed=1))
    whole = patch.apply(images, seed=2)
    order = np.random.default_rng(0).permutation(40)
    for part in (order, order[:7], np.arange(30, 40)):
        np.testing.assert_array_equal(patch.apply(images[part], 2, ids=part), whole[part])
    np.testing.assert_array_equal(patch.apply(images, 2), whole)
    ids = np.arange(40)
    same = patch.positions(ids, (16, 16, 3), 2)
    for other in (patch.positions(ids, (16, 16, 3), 3), patch.positions(ids + 40, (16, 16, 3), 2)):
        assert (other != same).any(axis=1).mean() > 0.9
    # Patches that are to be compared are put at the same places.
    np.testing.assert_array_equal(Patch(colourful(3, 3, 3)).positions(ids, (16, 16, 3), 2), same)


def test_given_positions():
    patch = Patch(np.ones((2, 3, 1)))
    pasted = patch.apply(black(3, 4, 5, 1), positions=[[0, 0], [2, 2], [1, 0]])
    np.testing.assert_array_equal(reaches(pasted), [[0, 0, 1, 2], [2, 2, 3, 4], [1, 0, 2, 2]])


def test_no_image():
    patch = Patch(colourful(2, 2, 1))
    assert patch.apply(black(0, 8, 8, 1)).shape == (0, 8, 8, 1)
    assert patch.positions(np.arange(0), (8, 8, 1)).shape == (0, 2)


def test_a_patch_cannot_be_changed():
    pixels = colourful(2, 2, 1)
    patch = Patch(pixels)
    pixels[:] = 0
    assert patch.pixels.all() and patch.pixels.dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        patch.pixels[:] = 0


def left_or_right(images):
    """Logits: how bright the left half is, and the right one."""
    return tf.stack(
        [tf.reduce_mean(half, axis=[1, 2, 3]) for half in tf.split(images, 2, axis=2)], axis=1
    )


def test_outcomes_by_hand():
    """A white patch in one of two halves decides the class of black images."""
    patch = Patch(np.ones((1, 1, 1)), target=1)
    images, labels = black(30, 4, 8, 1), np.zeros(30, int)
    results = patch.attack(left_or_right, images, labels, batch_size=7)
    assert len(results) == 4
    for seed, result in enumerate(results):
        right = patch.positions(np.arange(30), (4, 8, 1), seed)[:, 1] >= 4
        assert 5 < right.sum() < 25
        np.testing.assert_array_equal(result.success, right)
        np.testing.assert_array_equal(result.images, patch.apply(images, seed))
        np.testing.assert_array_equal(result.distances["l0"], 1)
        np.testing.assert_array_equal(result.gradient_evaluations, 0)
        np.testing.assert_array_equal(result.forward_evaluations, 1)
        aimed = PatchAttack(patch, seed)(left_or_right, images, patch.goal(labels))
        np.testing.assert_array_equal(aimed.success, right)


def test_ids_seeds_and_progress_of_an_attack(cnn, images, labels):
    patch, reports = Patch(np.ones((3, 3, 1))), []
    whole = patch.attack(
        cnn, images, labels, seeds=[5, 9], progress=lambda *report: reports.append(report)
    )
    assert reports == [(48, 96), (96, 96)]
    part = np.random.default_rng(0).permutation(48)[:20]
    some = patch.attack(cnn, images[part], labels[part], seeds=[9], ids=part, batch_size=6)[0]
    np.testing.assert_array_equal(some.images, whole[1].images[part])
    np.testing.assert_array_equal(some.success, whole[1].success[part])
    assert (whole[0].images != whole[1].images).any(axis=(1, 2, 3)).mean() > 0.9


def test_evaluation_takes_a_patch(cnn, images, labels):
    patch = Patch(np.ones((4, 4, 1)), target=1)
    others = patch.other_classes(labels)
    images, labels = images[others], labels[others]
    targets = patch.goal(labels).classes
    outcomes = [
        evaluate(cnn, images, labels, PatchAttack(patch, seed), [math.inf], targets=targets)
        for seed in (0, 1)
    ]
    for seed, outcome in enumerate(outcomes):
        logits = cnn(patch.apply(images, seed), training=False).numpy()
        np.testing.assert_array_equal(outcome.predictions, [logits.argmax(axis=1)])
        (_, row) = outcome.table().to_dict("records")
        assert row["epsilon"] == math.inf
        assert row["target_rate"] == np.mean(logits.argmax(axis=1) == 1)
        assert row["accuracy"] < outcome.clean_correct.mean()
    assert (outcomes[0].predictions != outcomes[1].predictions).any()


def test_images_of_the_target_class_are_left_out():
    patch = Patch(np.ones((1, 1, 1)), target=2)
    labels = np.array([2, 0, 1, 2, 3])
    np.testing.assert_array_equal(patch.other_classes(labels), [0, 1, 1, 0, 1])
    assert Patch(patch.pixels).other_classes(labels).all()
    goal = patch.goal(labels[[1, 2]])
    assert isinstance(goal, Targeted)
    np.testing.assert_array_equal(goal.classes, [2, 2])
    with pytest.raises(ValueError, match=r"classes\[0\] is 2, which is the label of that image"):
        patch.goal(labels)
    with pytest.raises(ValueError, match="patch has target None; accepted"):
        Patch(patch.pixels).goal(labels)


def test_an_overlay_shows_its_picture():
    picture = colourful(12, 8, 3)
    overlay = PatchOverlay((3, 4)).showing(picture, target=5, name="toaster")
    assert (overlay.size, overlay.target, overlay.name) == ((3, 4), 5, "toaster")
    assert overlay.pixels.std() < picture.std() / 1.5  # every pixel stands for several
    np.testing.assert_array_equal(PatchOverlay((12, 8)).showing(picture).pixels, picture)
    # Straight lines stay straight: the middles of the halves, the edges blurred into black.
    stripes = np.repeat(np.float32([0.2, 0.8]), 16)[None, :, None].repeat(32, axis=0)
    halved = PatchOverlay(16).showing(stripes).pixels
    np.testing.assert_allclose(halved[:, :7], 0.2, atol=1e-6)
    np.testing.assert_allclose(halved[:, 9:], 0.8, atol=1e-6)
    pasted = overlay.apply(black(1, 6, 6, 3), positions=[[2, 1]])
    np.testing.assert_array_equal(pasted[0, 2:5, 1:5], overlay.pixels)


@pytest.mark.parametrize("labelled", [False, True])
def test_an_overlay_takes_the_surest_picture(cnn, images, labels, labelled):
    target = 3
    given = np.where(np.arange(48) % 2 == 0, labels, 9) if labelled else None
    patch = PatchOverlay(8).fit(cnn, images, target, given, name="three")
    logs = tf.nn.log_softmax(cnn(images, training=False)).numpy()
    classes = given if labelled else logs.argmax(axis=1)
    surest = np.argmax(np.where(classes == target, logs[:, target], -np.inf))
    np.testing.assert_array_equal(patch.pixels, images[surest])
    assert (patch.target, patch.name) == (target, "three")


@pytest.mark.parametrize("target", [0, 3, 4])
def test_a_pasted_picture_draws_to_its_class(digits, roaming_digits, place_blind, target):
    """A digit pasted on others, against the same pixels in disorder."""
    _, _, images, labels = roaming_digits
    picture = digits[0][digits[1] == target][0]
    disorder = np.random.default_rng(0).permutation(picture.ravel()).reshape(picture.shape)
    rates = [
        target_rate(place_blind, PatchOverlay(8).showing(pixels, target), images, labels)
        for pixels in (picture, disorder)
    ]
    assert rates[0] > rates[1] + 0.3


def target_rate(model, patch, images, labels):
    """On images of other classes, over four placements."""
    others = patch.other_classes(labels)
    results = patch.attack(model, images[others], patch.goal(labels[others]))
    return np.mean([result.success for result in results])


PIXELS = np.full((2, 2, 1), 0.5)
FAULTS = {
    "two dimensions": (lambda: Patch(np.ones((2, 2))), r"pixels have shape \(2, 2\) .*accepted"),
    "no rows": (lambda: Patch(np.ones((0, 2, 1))), r"pixels have shape \(0, 2, 1\)"),
    "integers": (lambda: Patch(np.ones((2, 2, 1), int)), "pixels have .* type int64"),
    "NaN": (lambda: Patch(PIXELS * np.nan), "pixels have values from nan to nan; accepted"),
    "above 1": (lambda: Patch(PIXELS * 3), "pixels have values from 1.5 to 1.5; accepted"),
    "below 0": (lambda: Patch(-PIXELS), "pixels have values from -0.5 to -0.5; accepted"),
    "target": (lambda: Patch(PIXELS, -1), "target is -1; accepted: a class"),
    "half a target": (lambda: Patch(PIXELS, 1.5), "target is 1.5; accepted: a class"),
    "too high": (
        lambda: Patch(np.ones((9, 2, 1))).apply(black(1, 8, 8, 1)),
        "patch is 9x2 pixels on images of 8x8; accepted: one that fits",
    ),
    "too wide": (lambda: Patch(np.ones((2, 9, 1))).share((8, 8, 1)), "patch is 2x9 pixels"),
    "channels": (
        lambda: Patch(PIXELS).apply(black(1, 8, 8, 3)),
        "patch has 1 channels on images of 3; accepted",
    ),
    "layout": (
        lambda: Patch(PIXELS).apply(black(1, 8, 8)),
        r"images have shape \[N, 8, 8\]; accepted for a patch: \[N, H, W, C\]",
    ),
    "images": (
        lambda: Patch(PIXELS).apply(np.full((1, 8, 8, 1), 255.0)),
        "images have values from 255 to 255; accepted",
    ),
    "seed": (lambda: Patch(PIXELS).apply(black(1, 8, 8, 1), seed=-1), "seed is -1; accepted"),
    "ids": (lambda: Patch(PIXELS).apply(black(2, 8, 8, 1), ids=[0]), r"ids has shape \(1,\)"),
    "outside": (
        lambda: Patch(PIXELS).apply(black(1, 8, 8, 1), positions=[[3, 7]]),
        r"positions has the value \[3, 7\]; accepted: \[0, 0\] to \[6, 6\]",
    ),
    "before": (
        lambda: Patch(PIXELS).apply(black(1, 8, 8, 1), positions=[[-1, 0]]),
        r"positions has the value \[-1, 0\]",
    ),
    "positions": (
        lambda: Patch(PIXELS).apply(black(2, 8, 8, 1), positions=[[0, 0]]),
        r"positions has shape \(1, 2\) and type int64; accepted: integers \[2, 2\]",
    ),
    "epsilon": (
        lambda: PatchAttack(Patch(PIXELS)).sweep(left_or_right, black(1, 8, 8, 1), epsilons=[0.1]),
        r"epsilons is \[0.1\]; accepted for a patch: \[math.inf\]",
    ),
    "attack's seed": (lambda: PatchAttack(Patch(PIXELS), -1), "seed is -1"),
    "batch_size": (lambda: PatchAttack(Patch(PIXELS), batch_size=0), "batch_size is 0"),
    "overlay's size": (lambda: PatchOverlay(0), "size is 0; accepted: a side in pixels, 1 or"),
    "overlay's sides": (lambda: PatchOverlay((3, 0)), r"size is \(3, 0\); accepted"),
    "picture": (lambda: PatchOverlay(2).showing(PIXELS[0]), r"pixels have shape \(2, 1\)"),
}


@pytest.mark.parametrize("call, message", FAULTS.values(), ids=FAULTS)
def test_faults(call, message):
    with pytest.raises(ValueError, match=message):
        call()


OVERLAY_FAULTS = {
    "target": (left_or_right, black(3, 4, 4, 1), 2, None, "target is 2; accepted: a class, 0 to 1"),
    "none": (left_or_right, black(3, 4, 4, 1), 1, [0, 0, 0], "images has none of class 1 among 3"),
    "empty": (left_or_right, black(0, 4, 4, 1), 1, None, "images has none of class 1 among 0"),
    "small": (left_or_right, black(3, 2, 2, 1), 1, None, "patch is 3x3 pixels on images of 2x2"),
    "softmax": (
        lambda images: tf.nn.softmax(left_or_right(images)),
        black(3, 4, 4, 1),
        1,
        None,
        "the outputs of model are probabilities; accepted: logits",
    ),
}


@pytest.mark.parametrize(
    "model, images, target, labels, message", OVERLAY_FAULTS.values(), ids=OVERLAY_FAULTS
)
def test_faults_of_an_overlay(model, images, target, labels, message):
    with pytest.raises(ValueError, match=message):
        PatchOverlay(3).fit(model, images, target, labels)


def test_probabilities_are_refused_unless_declared():
    def model(images):
        return tf.nn.softmax(left_or_right(images))

    patch = Patch(PIXELS)
    with pytest.raises(ValueError, match="the outputs of model are probabilities"):
        patch.attack(model, black(3, 4, 4, 1), [0, 0, 0])
    assert len(patch.attack(as_logits(model), black(3, 4, 4, 1), [0, 0, 0])) == 4

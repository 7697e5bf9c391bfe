"""What holds for every minimum-norm attack."""

import functools
import math
from dataclasses import replace

import numpy as np
import pytest

from attacks import DDN, FAB, FMN, JSMA, CarliniWagner, DeepFool, PixelSwap, SigmaZero, Targeted

QUICK_CW = CarliniWagner(search_steps=2, steps=25, learning_rate=0.1, initial_c=10.0)
ATTACKS = [
    DeepFool(10),
    DeepFool(10, norm="linf", candidates=3),
    QUICK_CW,
    FAB(8),
    FAB(8, norm="l2", targets=2),
    FAB(5, restarts=2),
    DDN(20),
    FMN(25),
    FMN(20, norm="linf"),
    FMN(20, norm="l1"),
    FMN(20, norm="l0"),
    SigmaZero(40),
    PixelSwap(),
    JSMA(gamma=0.5),
    JSMA(0.3, gamma=0.5, targets=3, output="probabilities"),
]
#: A target is a class nobody is near to; random permutations of pixels rarely reach it.
AIMING = [attack for attack in ATTACKS if not isinstance(attack, PixelSwap)]


@pytest.fixture(scope="module")
def targets(labels):
    return (labels + 1) % 10


@pytest.fixture(scope="module")
def nearest(cnn, images, labels):
    """What an attack finds for all images in one batch: a run that several tests look at."""
    return functools.cache(lambda attack: attack(cnn, images, labels))


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_split_permuted_and_batched_otherwise(cnn, images, labels, nearest, attack):
    assert_independent(cnn, images, labels, attack, nearest(attack))


def test_batches_are_not_normalised(normalised, images, labels):
    """All attacks call the model in one way, so one of them shows it."""
    attack = DeepFool(10)
    assert_independent(normalised, images, labels, attack, attack(normalised, images, labels))


def assert_independent(model, images, labels, attack, whole):
    assert whole.success.any()
    order = np.random.default_rng(0).permutation(len(images))
    # Where an iterate of FMN is on the boundary but for rounding, its ball grows or shrinks.
    least = 0.9 if isinstance(attack, FMN) else 1.0
    for part, size in ((order[:5], 128), (order, 11)):
        some = replace(attack, batch_size=size)(model, images[part], labels[part], ids=part)
        same = np.isclose(some.images, whole.images[part], rtol=0, atol=1e-5)
        assert same.all(axis=(1, 2, 3)).mean() >= least
        np.testing.assert_array_equal(some.success, whole.success[part])
        np.testing.assert_array_equal(some.gradient_evaluations, whole.gradient_evaluations[part])


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_same_seed_same_bits(cnn, images, labels, nearest, attack):
    first, second = nearest(attack), attack(cnn, images, labels)
    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.logits, second.logits)


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_what_comes_back(cnn, images, labels, attack):
    wrong = labels.copy()
    wrong[:10] = (labels[:10] + 1) % 10
    result = attack(cnn, images, wrong)
    clean = cnn(images, training=False).numpy().argmax(axis=1)
    np.testing.assert_array_equal(result.success, result.logits.argmax(axis=1) != wrong)
    unchanged = (result.images == images).all(axis=(1, 2, 3))
    # No perturbation where none is needed, and none where none was found.
    np.testing.assert_array_equal(unchanged, (clean != wrong) | ~result.success)
    assert result.images.min() >= 0 and result.images.max() <= 1
    assert (result.success & ~unchanged).any()
    assert not result.gradient_evaluations[clean != wrong].any()


@pytest.mark.parametrize("attack", AIMING, ids=str)
def test_targets(cnn, images, labels, targets, nearest, attack):
    untargeted = nearest(attack)
    result = attack(cnn, images, Targeted(targets, labels))
    np.testing.assert_array_equal(result.success, result.logits.argmax(axis=1) == targets)
    assert result.success.mean() > 0.5
    both = result.success & untargeted.success
    lengths = [r.distances[attack.norm][both].mean() for r in (result, untargeted)]
    assert lengths[0] > lengths[1]


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_a_sweep_is_one_run_seen_at_every_epsilon(cnn, images, labels, nearest, attack):
    nearest = nearest(attack)
    distances = nearest.distances[attack.norm]
    middle = float(np.median(distances[nearest.success & (distances > 0)]))
    within, anywhere, nowhere = attack.sweep(cnn, images, labels, epsilons=[middle, math.inf, 0.0])
    near = distances <= middle * (1 + 1e-6)
    assert 0 < (near & nearest.success).sum() < nearest.success.sum()
    np.testing.assert_array_equal(within.success, nearest.success & near)
    np.testing.assert_array_equal(within.images[near], nearest.images[near])
    np.testing.assert_array_equal(within.images[~near], images[~near])
    np.testing.assert_array_equal(anywhere.images, nearest.images)
    np.testing.assert_array_equal(nowhere.images, images)
    assert within.distances[attack.norm].max() <= middle * (1 + 1e-6)
    assert [r.epsilon for r in (within, anywhere, nowhere)] == [middle, math.inf, 0.0]


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
@pytest.mark.parametrize("labels", [[], None, Targeted([])], ids=["labels", "own", "goal"])
def test_no_image_gives_an_empty_result(cnn, images, attack, labels):
    result = attack(cnn, images[:0], labels)
    assert result.images.shape == (0, 8, 8, 1)
    assert result.logits.shape == (0, 10)
    assert result.success.shape == result.gradient_evaluations.shape == (0,)
    assert len(attack.sweep(cnn, images[:0], labels, epsilons=[0.1])[0]) == 0


@pytest.mark.parametrize("attack", [DeepFool(5), PixelSwap(4)], ids=str)
def test_own_predictions_are_the_labels_by_default(cnn, images, attack):
    predictions = cnn(images, training=False).numpy().argmax(axis=1)
    result, same = attack(cnn, images), attack(cnn, images, predictions)
    np.testing.assert_array_equal(result.images, same.images)
    np.testing.assert_array_equal(result.forward_evaluations, same.forward_evaluations + 1)


def test_refused_epsilons(cnn, images, labels):
    for epsilons, message in (
        (0.1, "epsilons is 0.1; accepted: a sequence of numbers"),
        ([9.0], "epsilon is 9.0; accepted for l2: 0 to 8"),
        ([-math.inf], "epsilon is -inf; accepted for l2"),
        ([math.nan], "epsilon is nan; accepted for l2"),
    ):
        with pytest.raises(ValueError, match=message):
            DeepFool().sweep(cnn, images, labels, epsilons=epsilons)
    with pytest.raises(ValueError, match="65; accepted for l0: 0 to 64, how many values"):
        JSMA().sweep(cnn, images, labels, epsilons=[65])


def test_progress_counts_images(cnn, images, labels):
    reports = []
    DeepFool(batch_size=20)(cnn, images, labels, progress=lambda *r: reports.append(r))
    assert reports == [(20, 48), (40, 48), (48, 48)]

"""Accuracies against epsilon: those of a sweep, for less."""

from dataclasses import replace

import numpy as np
import pytest

from attacks import FGSM, PGD, Targeted, robust_curve

EPSILONS = [0.02, 0.05, 0.08, 0.12, 0.16, 0.2, 0.3, 0.5]
L2 = [0.1, 0.3, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0]


def swept(attack, model, images, goal, epsilons):
    """Success of runs that stop at success, bool [E, N]."""
    results = replace(attack, stop_at_success=True).sweep(model, images, goal, epsilons=epsilons)
    return np.array([result.success for result in results])


@pytest.mark.parametrize("target", [False, True], ids=["untargeted", "targeted"])
@pytest.mark.parametrize(
    "attack, epsilons",
    [
        (PGD(10, random_start=False), EPSILONS),
        (PGD(10, norm="l2", random_start=False), L2),
        (PGD(10, 0.03, random_start=False), EPSILONS),
        (PGD(8, random_start=True, restarts=2), EPSILONS),
    ],
    ids=str,
)
def test_the_curve_is_that_of_a_sweep(cnn, images, labels, attack, epsilons, target):
    goal = Targeted((labels + 1) % 10) if target else labels
    curve = robust_curve(cnn, images, goal, attack, epsilons)
    broken = swept(attack, cnn, images, goal, epsilons)
    first = np.where(broken.any(axis=0), np.array(epsilons)[broken.argmax(axis=0)], np.inf)
    # What the descent relies on: who breaks at an epsilon breaks at the larger ones.
    monotone = (np.diff(broken.astype(int), axis=0) >= 0).all(axis=0)
    assert monotone.mean() > 0.9
    # Below only where a run within a larger epsilon found something shorter.
    assert (curve.broken_at <= first)[monotone].all()
    assert (curve.broken_at == first)[monotone].mean() > 0.9
    assert (np.diff(curve.accuracy) <= 0).all()
    assert 1 > curve.accuracy[3] > curve.accuracy[-1]


@pytest.mark.parametrize("epsilons", [EPSILONS, EPSILONS[:4]], ids=["all broken", "some left"])
def test_it_costs_a_fraction_of_the_sweep(cnn, images, labels, epsilons):
    attack = PGD(20, stop_at_success=True, random_start=False)
    curve = robust_curve(cnn, images, labels, attack, epsilons)
    results = attack.sweep(cnn, images, labels, epsilons=epsilons)
    in_sweep = sum(result.gradient_evaluations.sum() for result in results)
    assert curve.gradient_evaluations.sum() < 0.5 * in_sweep
    # An image that no epsilon breaks takes the steps of one run.
    unbroken = np.isinf(curve.broken_at)
    if unbroken.any():
        np.testing.assert_array_equal(curve.gradient_evaluations[unbroken], attack.steps)


def test_gradients_are_counted_as_they_are_computed(counting, images, labels):
    attack = PGD(6, batch_size=1, random_start=False)
    curve = robust_curve(counting, images, labels, attack, EPSILONS)
    # A probe and the clean images, then every gradient and every verdict on a run.
    total = curve.gradient_evaluations.sum() + curve.forward_evaluations.sum()
    assert counting.runs() == 1 + total


def test_fgsm_takes_one_gradient(counting, images, labels):
    curve = robust_curve(counting, images, labels, FGSM(), EPSILONS)
    assert counting.runs() == 1 + 1 + 1 + len(EPSILONS)
    results = FGSM().sweep(counting, images, labels, epsilons=EPSILONS)
    broken = np.logical_or.accumulate([result.success for result in results])
    np.testing.assert_allclose(curve.accuracy, 1 - broken.mean(axis=1))
    np.testing.assert_array_equal(curve.gradient_evaluations, 1)


@pytest.mark.parametrize("attack", [FGSM(), PGD(5, random_start=False)], ids=str)
def test_epsilons_in_any_order(cnn, images, labels, attack):
    curve = robust_curve(cnn, images, labels, attack, EPSILONS)
    shuffled = [0.2, 0.02, 0.5, 0.5, 0.08]
    other = robust_curve(cnn, images, labels, attack, shuffled)
    np.testing.assert_array_equal(other.epsilons, shuffled)
    expected = [curve.accuracy[EPSILONS.index(epsilon)] for epsilon in shuffled]
    # With fewer epsilons an image may be found at one where it was not tried before.
    assert (np.abs(other.accuracy - expected) <= 1 / len(images)).all()


@pytest.mark.parametrize("attack", [FGSM(), PGD(5, random_start=False)], ids=str)
def test_what_is_wrong_without_attack_is_broken_at_once(cnn, images, labels, attack):
    wrong = labels.copy()
    wrong[::2] = (labels[::2] + 1) % 10
    curve = robust_curve(cnn, images, wrong, attack, [0.0, 0.1])
    clean = cnn(images, training=False).numpy().argmax(axis=1) == wrong
    np.testing.assert_array_equal(curve.broken_at == 0, ~clean)
    assert curve.accuracy[0] == clean.mean()
    if attack != FGSM():
        assert not curve.gradient_evaluations[~clean].any()


@pytest.mark.parametrize("attack", [FGSM(), PGD(5, random_start=False)], ids=str)
def test_nothing_to_do(cnn, images, labels, attack):
    none = robust_curve(cnn, images[:0], labels[:0], attack, EPSILONS)
    assert none.broken_at.shape == (0,)
    assert np.isnan(none.accuracy).all() and len(none.accuracy) == len(EPSILONS)
    assert robust_curve(cnn, images, labels, attack, []).accuracy.shape == (0,)


def test_independent_of_the_batch(cnn, images, labels):
    attack = PGD(5, random_start=True)
    whole = robust_curve(cnn, images, labels, attack, EPSILONS)
    part = np.random.default_rng(0).permutation(len(images))[:20]
    some = robust_curve(
        cnn, images[part], labels[part], replace(attack, batch_size=7), EPSILONS, ids=part
    )
    np.testing.assert_array_equal(some.broken_at, whole.broken_at[part])
    np.testing.assert_array_equal(some.gradient_evaluations, whole.gradient_evaluations[part])


def test_refused(cnn, images, labels):
    with pytest.raises(ValueError, match="epsilon is 8; accepted for linf: 0 to 1"):
        robust_curve(cnn, images, labels, PGD(random_start=False), [0.1, 8])
    with pytest.raises(ValueError, match="epsilons is 0.1; accepted: a sequence"):
        robust_curve(cnn, images, labels, PGD(random_start=False), 0.1)


def test_progress_ends_with_all_images(cnn, images, labels):
    reports = []
    robust_curve(
        cnn,
        images,
        labels,
        PGD(3, batch_size=20, random_start=False),
        EPSILONS,
        progress=lambda *report: reports.append(report),
    )
    assert reports == sorted(reports)
    assert reports[-1] == (len(images), len(images))

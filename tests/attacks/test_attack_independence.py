"""The outcome of an image depends on the image and its id, not on its neighbours."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from attacks import (
    APGD,
    BIM,
    FGSM,
    PGD,
    AutoAttack,
    MomentumIterative,
    Square,
    Targeted,
    Untargeted,
)

ATTACKS = [
    FGSM(),
    FGSM("l2"),
    FGSM("l1"),
    PGD(4, random_start=False),
    PGD(4, norm="l2", random_start=False),
    PGD(4, random_start=True),
    PGD(4, norm="l2", random_start=True),
    PGD(4, random_start=True, restarts=3),
    PGD(4, stop_at_success=True, random_start=False),
    PGD(4, random_start=True, restarts=3, stop_at_success=True),
    BIM(4),
    MomentumIterative(4),
    MomentumIterative(4, norm="l2", stop_at_success=True),
    APGD(6),
    APGD(6, norm="l2", loss="dlr", restarts=2),
    APGD(4, loss="dlr", targets=2, stop_at_success=True),
    Square(40),
    Square(40, norm="l2", stop_at_success=False),
    AutoAttack(steps=4, queries=20, targets=2),
]
#: Whose first step shows where they started.
RANDOM = [a for a in ATTACKS if isinstance(a, PGD) and a.random_start]
EPSILON = {"linf": 0.12, "l2": 0.7, "l1": 3.0}


def assert_same(result, images, success, gradients, atol=1e-6):
    np.testing.assert_allclose(result.images, images, rtol=0, atol=atol)
    np.testing.assert_array_equal(result.success, success)
    np.testing.assert_array_equal(result.gradient_evaluations, gradients)


@pytest.fixture(scope="module")
def whole(cnn, images, labels):
    """What an attack finds for all images in one batch: a run that several tests look at."""
    return functools.cache(lambda attack: attack(cnn, images, labels, epsilon=EPSILON[attack.norm]))


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_split_permuted_and_batched_otherwise(cnn, images, labels, whole, attack):
    assert_independent(cnn, images, labels, attack, whole(attack))


@pytest.mark.parametrize("attack", [PGD(4, random_start=True), Square(40)], ids=str)
def test_batches_are_not_normalised(normalised, images, labels, attack):
    """All attacks call the model in one way: with a gradient, and without."""
    whole = attack(normalised, images, labels, epsilon=EPSILON[attack.norm])
    assert_independent(normalised, images, labels, attack, whole)


def assert_independent(model, images, labels, attack, whole):
    epsilon = EPSILON[attack.norm]
    assert 0 < whole.success.mean() < 1

    # L2 steps along a small gradient show more of how its sums were rounded than signs do.
    atol = 1e-6 if attack.norm == "linf" else 3e-6
    order = np.random.default_rng(0).permutation(len(images))
    for part, size in ((order[:5], 128), (order, 11)):
        batched = replace(attack, batch_size=size)
        some = batched(model, images[part], labels[part], epsilon=epsilon, ids=part)
        expected = whole.images[part], whole.success[part], whole.gradient_evaluations[part]
        assert_same(some, *expected, atol)


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_same_seed_same_bits(cnn, images, labels, whole, attack):
    first, second = whole(attack), attack(cnn, images, labels, epsilon=EPSILON[attack.norm])
    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.logits, second.logits)


@pytest.mark.parametrize("attack", RANDOM, ids=str)
def test_seeds_and_ids_differ_in_every_image(cnn, images, labels, attack):
    epsilon = EPSILON[attack.norm]
    attack = replace(attack, steps=1, step_size=1e-6)  # more would lead to the same corner
    result = attack(cnn, images, labels, epsilon=epsilon)
    for other in (
        replace(attack, seed=1)(cnn, images, labels, epsilon=epsilon),
        attack(cnn, images, labels, epsilon=epsilon, ids=np.arange(len(images)) + 1),
    ):
        assert (result.images != other.images).any(axis=(1, 2, 3)).all()


def test_equal_images_start_apart(cnn, images, labels):
    twice = np.repeat(images[:1], 2, axis=0)
    attack = PGD(1, step_size=1e-6, random_start=True)
    result = attack(cnn, twice, labels[[0, 0]], epsilon=0.5)
    assert (result.images[0] != result.images[1]).mean() > 0.5  # the others are clipped


@pytest.mark.parametrize("stop", [False, True])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_more_restarts_are_at_least_as_strong(cnn, images, labels, norm, stop):
    results = [
        PGD(3, norm=norm, random_start=True, restarts=count, stop_at_success=stop)(
            cnn, images, labels, epsilon=EPSILON[norm]
        )
        for count in (1, 2, 8)
    ]
    for fewer, more in zip(results, results[1:]):
        assert (more.success >= fewer.success).all()
        unbroken = ~more.success
        loss = cross_entropy(more, labels)[unbroken]
        assert (loss >= cross_entropy(fewer, labels)[unbroken] - 1e-5).all()
    assert cross_entropy(results[2], labels).mean() > cross_entropy(results[0], labels).mean()


def cross_entropy(result, labels):
    logits = result.logits.astype(np.float64)
    chosen = logits[np.arange(len(labels)), labels]
    return np.log(np.exp(logits).sum(axis=1)) - chosen


def test_restarts_go_on_only_where_none_has_succeeded(cnn, images, labels):
    attack = PGD(3, random_start=True, restarts=4)
    result = attack(cnn, images, labels, epsilon=EPSILON["linf"])
    runs, remainder = np.divmod(result.gradient_evaluations, 3)
    assert not remainder.any()
    assert (runs[~result.success] == 4).all()
    first = PGD(3, random_start=True)(cnn, images, labels, epsilon=EPSILON["linf"])
    np.testing.assert_array_equal(runs == 1, first.success)
    # A forward pass judges each run, one more the result.
    np.testing.assert_array_equal(result.forward_evaluations, runs + 1)


@pytest.mark.parametrize("goal", [Untargeted, Targeted])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_stopping_at_success(cnn, images, labels, norm, goal):
    steps, epsilon = 6, 1.5 * EPSILON[norm]
    goal = goal(labels if goal is Untargeted else (labels + 1) % 10)
    step_size = 2.5 * epsilon / steps
    full = PGD(steps, step_size, norm, random_start=False)(cnn, images, goal, epsilon=epsilon)
    stopped = PGD(steps, step_size, norm, stop_at_success=True, random_start=False)(
        cnn, images, goal, epsilon=epsilon
    )
    assert (stopped.success >= full.success).all()
    used = stopped.gradient_evaluations
    # The gradients of an image are as many as the steps it takes until it is first broken, and
    # the one at which that was seen.
    broken_at = np.full(len(images), steps)
    for count in range(steps - 1, 0, -1):
        reached = PGD(count, step_size, norm, random_start=False)(
            cnn, images, goal, epsilon=epsilon
        )
        broken_at[reached.success] = count
        stops_here = reached.success & (used == count + 1)
        np.testing.assert_allclose(
            stopped.images[stops_here], reached.images[stops_here], rtol=0, atol=1e-6
        )
    broken_at[goal.reached(cnn(images, training=False).numpy())] = 0
    np.testing.assert_array_equal(used, np.minimum(broken_at + 1, steps))
    assert len(set(used)) > 2


def test_own_predictions_are_the_labels_by_default(cnn, images, labels):
    predictions = cnn(images, training=False).numpy().argmax(axis=1)
    wrong = (predictions + 1) % 10
    for attack in (FGSM(), PGD(3, random_start=False)):
        result = attack(cnn, images, epsilon=0.1)
        same = attack(cnn, images, predictions, epsilon=0.1)
        other = attack(cnn, images, wrong, epsilon=0.1)
        np.testing.assert_array_equal(result.images, same.images)
        np.testing.assert_array_equal(result.success, same.success)
        np.testing.assert_array_equal(result.forward_evaluations, same.forward_evaluations + 1)
        assert not np.array_equal(result.images, other.images)


GOALS = [
    FGSM(),
    PGD(3, random_start=False),
    PGD(3, norm="l2", random_start=False),
    MomentumIterative(3),
    APGD(4),
    APGD(4, loss="dlr", norm="l2"),
    Square(60),
]


@pytest.mark.parametrize("attack", GOALS, ids=str)
def test_goals(cnn, images, labels, attack):
    epsilon = 2 * EPSILON[attack.norm]
    plain = attack(cnn, images, labels, epsilon=epsilon)
    untargeted = attack(cnn, images, Untargeted(labels.tolist()), epsilon=epsilon)
    np.testing.assert_array_equal(plain.images, untargeted.images)
    np.testing.assert_array_equal(plain.success, plain.logits.argmax(axis=1) != labels)

    targets = (labels + 1) % 10
    targeted = attack(cnn, images, Targeted(targets), epsilon=epsilon)
    reached = targeted.logits.argmax(axis=1) == targets
    np.testing.assert_array_equal(targeted.success, reached)
    assert reached.mean() > (plain.logits.argmax(axis=1) == targets).mean()

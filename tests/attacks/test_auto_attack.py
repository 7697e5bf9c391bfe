"""AutoAttack against its parts run one by one."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from attacks import FGSM, PGD, Targeted
from attacks.apgd import APGD
from attacks.auto_attack import AutoAttack
from attacks.engine.budget import BudgetAttack
from attacks.engine.task import Crafted, Task
from attacks.fab import FAB
from attacks.square import Square

EPSILON = {"linf": 0.09, "l2": 0.4}
SMALL = {"steps": 5, "targets": 2, "queries": 20}


@pytest.fixture(scope="module", params=["linf", "l2"])
def attack(request):
    return AutoAttack(request.param, **SMALL)


@pytest.fixture(scope="module")
def result(cnn, images, labels, attack):
    return attack(cnn, images, labels, epsilon=EPSILON[attack.norm])


def test_the_standard_version():
    assert AutoAttack("l2", seed=3).attacks(10) == (
        APGD(norm="l2", seed=3, stop_at_success=True),
        APGD(norm="l2", seed=3, loss="dlr", targets=9, stop_at_success=True),
        FAB(norm="l2", seed=3, targets=9),
        Square(norm="l2", seed=3, schedule_queries=10_000),
    )


@pytest.mark.parametrize(
    "classes, targeted, loss, towards, fab",
    [
        (4, False, "dlr", 9, 9),
        (3, False, "dlr", None, 9),
        (2, False, "margin", None, 9),
        (4, True, "dlr", None, None),
        (3, True, "margin", None, None),
    ],
)
def test_parts_for_few_classes(classes, targeted, loss, towards, fab):
    parts = AutoAttack().attacks(classes, targeted)
    assert [type(part) for part in parts] == [APGD, APGD, FAB, Square]
    assert (parts[0].loss, parts[0].targets) == ("cross-entropy", None)
    assert (parts[1].loss, parts[1].targets, parts[2].targets) == (loss, towards, fab)


@pytest.mark.parametrize("classes, targeted", [(2, False), (3, True)])
def test_few_classes(images, classes, targeted):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(classes)])
    predicted = model(images[:8]).numpy().argmax(axis=1)
    goal = Targeted((predicted + 1) % classes) if targeted else predicted
    attack = AutoAttack(steps=3, queries=5)
    near, far = attack.sweep(model, images[:8], goal, epsilons=[0.001, 0.5])
    assert far.success.all() and not near.success.any()


def test_each_part_sees_what_withstood_the_others(cnn, images, labels, attack, result):
    epsilon = EPSILON[attack.norm]
    task = Task(cnn, images, labels)
    gradients, forwards = np.zeros((2, len(images)), np.int64)
    expected = images.copy()
    left = np.flatnonzero(task.logits(images).argmax(axis=1) == labels)
    assert 0 < len(left) < len(images)
    forwards += 2  # of the images themselves, and of what comes back
    broken_by = []
    for part in attack.attacks(10):
        run = part.run_within(task)
        crafted = run(task.whole.take(left), np.full(len(left), epsilon))
        gradients[left] += crafted.gradient_evaluations
        forwards[left] += crafted.forward_evaluations + 1
        broken = task.logits(crafted.images).argmax(axis=1) != labels[left]
        lengths = np.linalg.norm(
            (crafted.images - images[left]).reshape(len(left), -1),
            axis=1,
            ord={"linf": np.inf, "l2": 2}[attack.norm],
        )
        broken &= lengths <= epsilon + 1e-6
        taken = broken | (not broken_by)
        expected[left[taken]] = crafted.images[taken]
        left = left[~broken]
        broken_by.append(broken.sum())
    assert broken_by[0] and len(left)
    np.testing.assert_array_equal(result.images, expected)
    np.testing.assert_array_equal(result.gradient_evaluations, gradients)
    np.testing.assert_array_equal(result.forward_evaluations, forwards)
    np.testing.assert_array_equal(np.flatnonzero(~result.success), left)
    assert result.distances[attack.norm].max() <= epsilon + 1e-6
    assert result.images.min() >= 0 and result.images.max() <= 1


def test_no_part_alone_is_stronger(cnn, images, labels, attack, result):
    for part in attack.attacks(10):
        (alone,) = part.sweep(cnn, images, labels, epsilons=[EPSILON[attack.norm]])
        assert not (alone.success & ~result.success).any()


def test_images_that_are_wrong_already_are_left_alone(cnn, images, labels, result):
    wrong = cnn(images, training=False).numpy().argmax(axis=1) != labels
    assert wrong.any() and result.success[wrong].all()
    np.testing.assert_array_equal(result.images[wrong], images[wrong])
    np.testing.assert_array_equal(result.gradient_evaluations[wrong], 0)
    np.testing.assert_array_equal(result.forward_evaluations[wrong], 2)


def test_small_batches_split_and_swept(cnn, images, labels, attack, result):
    epsilon = EPSILON[attack.norm]
    part = np.random.default_rng(0).permutation(len(images))[:25]
    smaller = replace(attack, batch_size=10)
    zero, again = smaller.sweep(cnn, images[part], labels[part], epsilons=[0, epsilon], ids=part)
    np.testing.assert_array_equal(zero.images, images[part])
    np.testing.assert_array_equal(zero.gradient_evaluations, 0)
    np.testing.assert_allclose(again.images, result.images[part], rtol=0, atol=1e-6)
    np.testing.assert_array_equal(again.success, result.success[part])
    np.testing.assert_array_equal(again.gradient_evaluations, result.gradient_evaluations[part])


def test_a_target(cnn, images, labels, attack):
    goal = Targeted((labels + 1) % 10)
    result = attack(cnn, images, goal, epsilon=3 * EPSILON[attack.norm])
    assert 0.5 < result.success.mean()
    np.testing.assert_array_equal(result.success, result.logits.argmax(axis=1) == goal.classes)


class Boastful(BudgetAttack):
    """Gives images of other classes, far beyond any epsilon."""

    def run_within(self, task):
        return lambda batch, epsilons: Crafted(
            1 - batch.images, np.zeros(len(batch), np.int64), np.zeros(len(batch), np.int64)
        )


class Deceived(AutoAttack):
    def attacks(self, num_classes, targeted=False):
        return FGSM(), Boastful(), PGD(10, random_start=False)


def test_what_is_beyond_epsilon_does_not_count(cnn, images, labels):
    result = Deceived()(cnn, images, labels, epsilon=0.05)
    assert result.distances["linf"].max() <= 0.05 + 1e-6
    fgsm = FGSM()(cnn, images, labels, epsilon=0.05)
    assert (result.success >= fgsm.success).all() and not result.success.all()
    np.testing.assert_allclose(
        result.images[~result.success], fgsm.images[~result.success], rtol=0, atol=1e-6
    )


class Recording(BudgetAttack):
    """Turns the images black whose ids it is told, and notes what it was given."""

    def __init__(self, breaks):
        self.breaks, self.given = breaks, []

    def run_within(self, task):
        def run(batch, epsilons):
            self.given.append(batch.ids.tolist())
            images = np.where(self.breaks(batch.ids)[:, None], 0, batch.images)
            zeros = np.zeros(len(batch), np.int64)
            return Crafted(images.astype(np.float32), zeros, zeros)

        return run


def test_survivors_share_batches():
    parts = [
        Recording(lambda ids: ids % 3 > 0),
        Recording(lambda ids: ids < 15),
        Recording(lambda ids: ids < 0),
    ]

    class Recorded(AutoAttack):
        def attacks(self, num_classes, targeted=False):
            return parts

    grey = np.full((30, 1), 0.6, np.float32)
    attack = Recorded(batch_size=10)
    result = attack(
        lambda pixels: tf.concat([pixels, 0.5 + 0 * pixels], 1), grey, [0] * 30, epsilon=1
    )
    assert parts[0].given == [list(range(start, start + 10)) for start in (0, 10, 20)]
    assert parts[1].given == [list(range(0, 30, 3))]
    assert parts[2].given == [list(range(15, 30, 3))]
    np.testing.assert_array_equal(np.flatnonzero(~result.success), range(15, 30, 3))
    np.testing.assert_array_equal(result.images[:, 0] == 0, result.success)


def test_progress_counts_images(cnn, images, labels):
    reports = []
    attack = AutoAttack(**SMALL)
    attack.sweep(
        cnn,
        images,
        labels,
        epsilons=[0.02, 0.1],
        progress=lambda done, total: reports.append((done, total)),
    )
    done = [report[0] for report in reports]
    assert done == sorted(done) and done[-1] == 48
    assert {report[1] for report in reports} == {48}
    assert len(set(done)) > 3


@pytest.mark.parametrize("labels", [[], None], ids=["labels", "own"])
def test_no_image_gives_an_empty_result(cnn, images, labels):
    result = AutoAttack(**SMALL)(cnn, images[:0], labels, epsilon=0.1)
    assert result.images.shape == (0, 8, 8, 1) and result.success.shape == (0,)


REFUSED = {
    "norm": ({"norm": "l1"}, "norm is 'l1'; accepted: 'linf', 'l2'$"),
    "steps": ({"steps": 0}, "steps is 0; accepted: a whole number, 1 or more"),
    "targets": ({"targets": 0}, "targets is 0; accepted: a whole number, 1 or more"),
    "queries": ({"queries": 0}, "queries is 0; accepted: a whole number, 1 or more"),
    "batch_size": ({"batch_size": 0}, "batch_size is 0; accepted: a whole number, 1 or more"),
    "seed": ({"seed": -1}, "seed is -1; accepted: a whole number, 0 or more"),
}


@pytest.mark.parametrize("arguments, message", REFUSED.values(), ids=REFUSED)
def test_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        AutoAttack(**arguments)

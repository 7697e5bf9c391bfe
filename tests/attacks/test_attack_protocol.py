"""What every attack offers, whatever it is made of."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from attacks import (
    BY_NAME,
    FGSM,
    PGD,
    Attack,
    CarliniWagner,
    DeepFool,
    Patch,
    PatchAttack,
    Square,
    Targeted,
    robust_curve,
)
from attacks.engine.task import Crafted, Task

PATCH = Patch(np.ones((2, 2, 1), np.float32))


@dataclass(frozen=True)
class Darker(Attack):
    """An attack of no base: it takes epsilon from every value."""

    norm: str = "linf"
    batch_size: int = 128

    def sweep_task(self, task, epsilons, progress=None):
        none = np.zeros(len(task.images), np.int64)
        return [
            task.result(Crafted(np.maximum(task.images - np.float32(epsilon), 0), none, none))
            for epsilon in epsilons
        ]


class Incomplete:
    """Has all that an attack has, but for the sweep."""

    norm, batch_size, temperature, climbs = "linf", 128, 1.0, None


@pytest.mark.parametrize("name", BY_NAME)
def test_every_attack_has_all_of_it(name):
    attack = BY_NAME[name]()
    assert isinstance(attack, Attack)
    assert attack.norm in ("linf", "l2", "l0") and attack.batch_size == 128
    assert attack.temperature == 1.0


def test_patches_and_attacks_of_no_base_have_it_too():
    assert isinstance(PatchAttack(PATCH), Attack) and isinstance(Darker(), Attack)
    assert PatchAttack(PATCH).norm == "patch"
    assert not isinstance(Incomplete(), Attack)


def test_what_is_climbed():
    assert FGSM().climbs == PGD().climbs == "cross-entropy"
    for attack in (Square(), DeepFool(), CarliniWagner(), PatchAttack(PATCH), Darker()):
        assert attack.climbs is None


def test_an_attack_of_no_base_is_swept_for_a_curve(cnn, images, labels):
    epsilons = [0.5, 0.0, 0.2]
    results = Darker().sweep(cnn, images, labels, epsilons=epsilons)
    curve = robust_curve(cnn, images, labels, Darker(), epsilons)
    success = np.array([result.success for result in results])
    broken_at = np.where(success, np.array(epsilons)[:, None], np.inf).min(axis=0)
    np.testing.assert_array_equal(curve.broken_at, broken_at)
    assert 0 < np.isfinite(broken_at).sum() < len(images)
    # The clean images, and the outcome at every epsilon.
    np.testing.assert_array_equal(curve.forward_evaluations, 4)


def test_a_patch_has_no_curve(cnn, images, labels):
    with pytest.raises(ValueError, match="norm is 'patch'; accepted: 'linf', 'l2', 'l1'"):
        robust_curve(cnn, images, labels, PatchAttack(PATCH), [math.inf])


def test_a_checked_task_gives_what_a_sweep_gives(cnn, images, labels):
    ids = np.arange(len(images)) + 100
    attack = PGD(3)
    (expected,) = attack.sweep(cnn, images, labels, epsilons=[0.1], ids=ids)
    task = Task(cnn, images, labels, ids)
    (whole,) = attack.sweep_task(task, [0.1])
    np.testing.assert_array_equal(whole.images, expected.images)
    (part,) = attack.sweep_task(task.part(slice(10, 20)), [0.1])
    np.testing.assert_allclose(part.images, expected.images[10:20], rtol=0, atol=1e-6)
    assert part.goal.classes.tolist() == labels[10:20].tolist()


def test_a_task_for_something_else(cnn, images, labels):
    task = Task(cnn, images, labels)
    goal = Targeted((labels + 1) % 10, labels)
    (aimed,) = FGSM().sweep_task(task.with_goal(goal), [0.3])
    np.testing.assert_array_equal(aimed.images, FGSM()(cnn, images, goal, epsilon=0.3).images)
    predicted = cnn(images, training=False).numpy().argmax(axis=1)
    own = task.of_predictions()
    np.testing.assert_array_equal(own.goal.classes, predicted)
    assert (task.forward_evaluations, own.forward_evaluations) == (0, 1)
    np.testing.assert_array_equal(task.goal.classes, labels)  # as it was
    with pytest.raises(ValueError, match="labels has the value 10; accepted: 0 to 9"):
        task.with_goal(np.full(len(images), 10))
    with pytest.raises(ValueError, match="ids has the value -1; accepted: 0 or more"):
        task.with_ids(np.arange(len(images)) - 1)


@pytest.mark.parametrize("attack", [DeepFool(10), DeepFool(10, norm="linf")], ids=str)
def test_a_minimum_norm_attack_within_a_budget(cnn, images, labels, attack):
    """An image whose perturbation is longer than its own epsilon comes back as it is."""
    task = Task(cnn, images, labels)
    nearest = attack(cnn, images, labels)
    reached = nearest.distances[attack.norm]
    epsilons = np.where(np.arange(len(images)) % 2, reached, reached / 2)
    crafted = attack.run_within(task)(task.whole, epsilons)
    within = (np.arange(len(images)) % 2 == 1) | (reached == 0)
    assert 0 < within.sum() < len(images)
    np.testing.assert_array_equal(crafted.images[within], nearest.images[within])
    np.testing.assert_array_equal(crafted.images[~within], images[~within])

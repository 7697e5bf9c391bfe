"""What is traced and what is computed: once, whatever the epsilon."""

import math

import numpy as np
import pytest

from attacks import FGSM, PGD

GREY = 1 / 255
LEVELS = [level * GREY for level in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)]
SETTINGS = [
    {},
    {"clip": False},
    {"temperature": 20},
    {"temperature": np.float64(0.5)},
    {"batch_size": 7},
]


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_one_trace_for_all_settings(counting, images, labels, norm):
    for settings in SETTINGS:
        FGSM(norm, **settings).sweep(counting, images, labels, epsilons=[0.1, 0.2])
        for more in ({}, {"step_size": 0.01}, {"random_start": True}, {"stop_at_success": True}):
            attack = PGD(3, norm=norm, **{"random_start": False, **settings, **more})
            attack.sweep(counting, images, labels, epsilons=[0, 0.03, 1])
            attack(counting, images[:1], epsilon=0.05)
    assert counting.traces == 3  # logits, FGSM, PGD


def test_another_norm_or_image_shape_is_traced_anew(counting, images, labels):
    PGD(1, random_start=False)(counting, images, labels, epsilon=0.1)
    PGD(1, norm="l2", random_start=False)(counting, images, labels, epsilon=0.1)
    assert counting.traces == 3
    PGD(1, random_start=False)(counting, images.reshape(-1, 64), labels, epsilon=0.1)
    assert counting.traces == 5


def around_the_gradients(images, attack, results):
    """Forward passes of a sweep that are none of its gradients: a probe, and the outcomes.

    Results of one plateau share their images, which are classified once.
    """
    distinct = len({id(result.images) for result in results})
    return 1 + distinct * math.ceil(len(images) / attack.batch_size)


@pytest.mark.parametrize("batch_size", [128, 20])
def test_fgsm_takes_one_gradient_for_all_epsilons(counting, images, labels, batch_size):
    attack = FGSM(batch_size=batch_size)
    results = attack.sweep(counting, images, labels, epsilons=LEVELS)
    batches = math.ceil(len(images) / batch_size)
    assert counting.runs() == batches + around_the_gradients(images, attack, results)


def test_a_plateau_is_crafted_and_classified_once(counting, images, labels):
    attack = PGD(10, 0.01 * GREY, random_start=False)
    results = attack.sweep(counting, images, labels, epsilons=LEVELS)
    counting.runs()
    on_the_plateau = attack.sweep(counting, images, labels, epsilons=LEVELS[1:])
    assert counting.runs() == 1 + 10 + 1
    for result in on_the_plateau:
        np.testing.assert_array_equal(result.images, results[-1].images)
    assert not np.array_equal(results[0].images, results[-1].images)


def left_after(steps: int, free: list[int]) -> int:
    """Gradients of runs that share their first `free` steps."""
    return max(free) + sum(steps - count for count in free)


@pytest.mark.parametrize(
    "attack, epsilons, gradients",
    [
        # At 0.1 grey levels the 10th step of 0.01 may meet the edge of the ball, and so on.
        (
            PGD(40, 0.01 * GREY, clip=False, random_start=False),
            LEVELS,
            left_after(40, [9, 19, 29, 39] + 4 * [40]),
        ),
        (PGD(40, 0.01 * GREY, clip=False, random_start=False), LEVELS[4:], 40),
        (PGD(6, 0.02, random_start=False), [0.05, 0.05, 0.07, 0.0], left_after(6, [2, 3, 0])),
        (PGD(6, 0.02, "l2", random_start=False), [0.05, 0.07, 1.0], left_after(6, [2, 3, 6])),
        (PGD(6, random_start=False), [0.05, 0.1], 12),
        (PGD(6, 0.02, random_start=True), [0.05, 0.07], 12),
    ],
    ids=str,
)
def test_pgd_shares_the_steps_inside_the_smaller_ball(
    counting, images, labels, attack, epsilons, gradients
):
    results = attack.sweep(counting, images, labels, epsilons=epsilons)
    assert counting.runs() == gradients + around_the_gradients(images, attack, results)
    assert [result.epsilon for result in results] == epsilons
    for result in results:
        np.testing.assert_array_equal(result.gradient_evaluations, attack.steps)


ATTACKS = [
    FGSM(),
    FGSM("l1"),
    PGD(12, 0.01, random_start=False),
    PGD(12, 0.01, clip=False, batch_size=20, random_start=False),
    PGD(12, 0.01, "l2", random_start=False),
    PGD(5, random_start=True, restarts=2),
    PGD(5, stop_at_success=True, random_start=False),
]
# Also just above a whole number of steps, where rounding could leave the smaller ball.
EPSILONS = [0.08, 0.030001, 0.05000001, 0.0, 0.11, 0.01]


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_a_sweep_gives_the_bits_of_separate_calls(cnn, images, labels, attack):
    together = attack.sweep(cnn, images, labels, epsilons=EPSILONS)
    assert not np.array_equal(together[0].images, together[1].images)
    for epsilon, result in zip(EPSILONS, together, strict=True):
        alone = attack(cnn, images, labels, epsilon=epsilon)
        np.testing.assert_array_equal(alone.images, result.images)
        np.testing.assert_array_equal(alone.logits, result.logits)
        np.testing.assert_array_equal(alone.gradient_evaluations, result.gradient_evaluations)


def test_no_epsilon_no_result(cnn, images, labels):
    assert PGD(2, random_start=False).sweep(cnn, images, labels, epsilons=[]) == []


def test_progress_counts_images(cnn, images, labels):
    reports = []
    attack = FGSM(batch_size=20)
    attack(cnn, images, labels, epsilon=0.1, progress=lambda *report: reports.append(report))
    assert reports == [(20, 48), (40, 48), (48, 48)]

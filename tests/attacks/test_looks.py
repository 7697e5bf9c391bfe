"""Looking at every few steps who is done gives what looking at every step gives."""

import numpy as np
import pytest
import tensorflow as tf

import attacks
from attacks.engine import remaining as remaining_
from attacks.engine import task as task_
from attacks.engine.remaining import Remaining
from benchmarks.transfers import counted

ATTACKS = {
    "PGD": attacks.PGD(9, stop_at_success=True),
    "PGD, restarts": attacks.PGD(5, restarts=2, stop_at_success=True),
    "momentum": attacks.MomentumIterative(9, stop_at_success=True),
    "APGD": attacks.APGD(9, restarts=2, stop_at_success=True),
    "Square": attacks.Square(queries=40),
    "Square, L2": attacks.Square(queries=40, norm="l2"),
    "DeepFool": attacks.DeepFool(7),
    "FAB": attacks.FAB(5, norm="l2"),
    "JSMA": attacks.JSMA(gamma=0.5, targets=2),
}


def run(attack, cnn, images, labels, epsilon=0.3):
    within = isinstance(attack, attacks.BudgetAttack)
    return attack(cnn, images, labels, **({"epsilon": epsilon} if within else {}))


def look_every(monkeypatch, steps):
    monkeypatch.setattr("attacks.engine.task.look_every", lambda: steps)


@pytest.mark.parametrize("name", ATTACKS)
def test_results_are_the_same_to_the_bit(name, cnn, images, labels, monkeypatch):
    attack = ATTACKS[name]
    # Where other images leave, batches of other sizes may round otherwise.
    monkeypatch.setattr(
        task_.Task, "remaining", lambda task, count: Remaining(count, 0.0, task_.look_every())
    )
    look_every(monkeypatch, 1)
    often = run(attack, cnn, images, labels)
    assert often.success.any()
    for steps in (2, 8):
        look_every(monkeypatch, steps)
        seldom = run(attack, cnn, images, labels)
        assert np.array_equal(seldom.images, often.images)
        for counts in ("gradient_evaluations", "forward_evaluations"):
            assert np.array_equal(getattr(seldom, counts), getattr(often, counts))


@pytest.mark.parametrize(
    "attack",
    [
        attacks.PGD(32, stop_at_success=True),
        attacks.APGD(32, stop_at_success=True),
        attacks.Square(queries=33),  # which are 32 looks at what the queries after the first gave
        attacks.FAB(32, final_search=0),
    ],
)
def test_reads_become_fewer(attack, cnn, images, labels, monkeypatch):
    """As long as no image leaves, every look is one read."""
    right = images[:2], cnn.predict(images[:2], verbose=0).argmax(axis=1)
    reads = []
    for steps in (1, 8):
        look_every(monkeypatch, steps)
        with counted() as transfers:
            run(attack, cnn, *right, epsilon=1e-6)
        reads.append(transfers.reads)
    assert reads[0] - reads[1] == 32 - 32 // 8


def test_an_image_is_kept_as_it_was_when_it_was_done():
    remaining = Remaining(4, leave_at=0.5, look_every=3)
    done_after = np.array([3, 1, 9, 2])
    for step in (1, 2, 3):
        due = remaining.note(tf.constant(done_after <= step), tf.fill([4], 10 * step))
        assert due == (step == 3)
    rows, kept = remaining.look(lambda seen: seen)
    assert dict(zip(rows.tolist(), kept.numpy().tolist())) == {1: 10, 3: 20, 0: 30}
    assert remaining.steps.tolist() == [3, 1, 3, 2] and remaining.rows_going.tolist() == [2]
    (left,) = remaining.left(tf.constant([5, 6, 7, 8]))
    assert left.numpy().tolist() == [7] and remaining.rows.tolist() == [2]
    remaining.note(tf.constant([False]), tf.constant([40]))
    rows, _ = remaining.look(lambda seen: seen)
    assert not len(rows) and remaining and remaining.steps.tolist() == [3, 1, 4, 2]


def test_a_gpu_is_looked_at_less_often(monkeypatch):
    for devices, steps in (([], 1), (["GPU:0"], 8)):
        monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind, d=devices: d)
        assert remaining_.look_every() == steps


@pytest.mark.parametrize(
    "attack", [attacks.PGD(3, batch_size=16), attacks.DeepFool(3, batch_size=16)]
)
def test_a_smaller_last_batch_costs_no_trace(attack, counting, images, labels):
    run(attack, counting, images[:16], labels[:16])
    traces = counting.traces
    run(attack, counting, images[:37], labels[:37])
    assert counting.traces == traces > 0

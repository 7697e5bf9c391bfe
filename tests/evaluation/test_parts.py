"""Images are attacked part by part; that changes no outcome, and an interrupt keeps the parts."""

import numpy as np
import pytest

from attacks import PGD
from evaluation import Outcomes, evaluate
from evaluation.evaluate import Interrupted
from own_process import TIMES

ATTACK, EPSILONS = PGD(steps=3, batch_size=4), [0.05, 0.3]


@pytest.fixture(scope="module")
def request_():
    random = np.random.default_rng(0)
    weights = random.normal(size=(12, 3)).astype(np.float32)
    images = random.random((10, 12), np.float32)
    return lambda each: each @ weights, images, (images @ weights).argmax(axis=1)


def test_parts_change_nothing(request_):
    whole = evaluate(*request_, ATTACK, EPSILONS)
    parts = evaluate(*request_, ATTACK, EPSILONS, images_at_once=4)
    for name, value in vars(whole).items():
        if value is not None and name not in TIMES:
            np.testing.assert_allclose(getattr(parts, name), value, rtol=1e-4, err_msg=name)
    assert parts.fooled.any() and len(parts.still_rising) == 4


def test_the_seconds_of_one_image_leave_out_the_part_that_compiles(request_):
    model, images, labels = request_
    parts = [
        evaluate(model, images[few], labels[few], ATTACK, EPSILONS, examples=0)
        for few in (slice(4), slice(4, 8), slice(8, 10))  # the last is half as large
    ]
    for part, seconds in zip(parts, (9.0, 1.0, 2.5)):
        object.__setattr__(part, "crafting_seconds", seconds)
    assert Outcomes.joined(parts).crafting_seconds == 1.5


def test_the_busiest_part_counts(request_):
    parts = [evaluate(*request_, ATTACK, EPSILONS, examples=0) for _ in range(3)]
    for shares, expected in (((0.1, 0.0, 0.4), 0.4), ((0.1, np.nan, 0.4), np.nan)):
        for part, share in zip(parts, shares):
            object.__setattr__(part, "others_share", share)
        assert Outcomes.joined(parts).others_share == pytest.approx(expected, nan_ok=True)


def test_an_interrupt_brings_the_finished_parts(request_):
    def progress(done, count):
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as interrupt:
        evaluate(*request_, ATTACK, EPSILONS, images_at_once=4, progress=progress)
    model, images, labels = request_
    first = evaluate(model, images[:8], labels[:8], ATTACK, EPSILONS)
    np.testing.assert_array_equal(interrupt.value.outcomes.predictions, first.predictions)


def test_an_interrupt_of_the_first_part_brings_nothing(request_):
    def progress(done, count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as interrupt:
        evaluate(*request_, ATTACK, EPSILONS, progress=progress)
    assert not isinstance(interrupt.value, Interrupted)

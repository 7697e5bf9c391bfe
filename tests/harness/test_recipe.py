"""The learning rate of a recipe, update by update."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from harness.recipe import Recipe
from harness.reductions import Change
from harness.study import Scale

PUBLISHED = Recipe("SGD", 0.1, batch_size=32, epochs=200, decay=1e-6, momentum=0.9)
REDUCED = Scale(upsampling=1, epochs=6, warm_up=2).applied_to(PUBLISHED)


def rates(recipe: Recipe, updates: int, steps_per_epoch: int = 10) -> np.ndarray:
    schedule = recipe.build_optimizer(steps_per_epoch)._learning_rate
    return np.array([float(schedule(update)) for update in range(updates)])


def test_the_rate_rises_in_a_straight_line_then_falls_along_a_cosine():
    rate = rates(REDUCED, 61)
    np.testing.assert_allclose(rate[:20], 0.1 * np.arange(1, 21) / 20, rtol=1e-6)
    np.testing.assert_allclose(
        rate[20:], 0.05 * (1 + np.cos(np.pi * np.arange(41) / 40)), atol=1e-8
    )
    assert rate[60] == 0


def test_without_a_cosine_the_rate_stays_after_the_warm_up():
    rate = rates(replace(REDUCED, cosine=False), 60)
    np.testing.assert_allclose(rate[19:], 0.1, rtol=1e-6)


def test_a_saved_schedule_is_the_same():
    schedule = REDUCED.build_optimizer(10)._learning_rate
    again = type(schedule).from_config(schedule.get_config())
    assert float(again(33)) == float(schedule(33))
    assert isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule)


def test_a_scale_takes_the_place_of_the_published_schedule():
    assert (REDUCED.decay, REDUCED.momentum, REDUCED.epochs) == (0.0, 0.9, 6)
    assert REDUCED.schedule == "warm-up over 2 epochs, cosine decay to 0"
    assert PUBLISHED.schedule == "decay by 1e-06 per update"
    assert Scale(upsampling=1, epochs=6).applied_to(PUBLISHED).schedule == PUBLISHED.schedule


def test_a_momentum_of_averages_is_a_reduction():
    assert Scale(upsampling=1, batch_norm_momentum=0.9).applied_to(PUBLISHED) == replace(
        PUBLISHED, batch_norm_momentum=0.9
    )
    change = Change("momentum of the averages of batch normalisation", 0.9, None)
    assert str(change).endswith("normalisation 0.9 instead of the network's own")
    assert str(Change("training images", 9, None)) == "training images 9 instead of all"


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"cosine": True}, "cosine is True and warm_up 0.0 with decay 1e-06"),
        ({"warm_up": 1.0}, "cosine is False and warm_up 1.0 with decay 1e-06"),
        ({"warm_up": 201.0}, "warm_up is 201.0; accepted: 0 to the 200 epochs"),
        ({"warm_up": -1.0}, "warm_up is -1.0; accepted: 0 to the 200 epochs"),
        ({"batch_norm_momentum": 1.0}, "batch_norm_momentum is 1.0; accepted: 0 to 1"),
        ({"batch_norm_momentum": -0.1}, "batch_norm_momentum is -0.1; accepted: 0 to 1"),
    ],
)
def test_what_cannot_be_is_refused(changed, message):
    with pytest.raises(ValueError) as error:
        replace(PUBLISHED, **changed)
    assert message in str(error.value)

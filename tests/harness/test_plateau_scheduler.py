"""The plateau scheduler: when it lowers the rate, and that an interrupted training goes on."""

import keras
import numpy as np
import pandas as pd
import pytest

from harness.recipe import Recipe
from harness.training import ReduceOnPlateau

RECIPE = Recipe("Adam", 1.0, batch_size=8, epochs=20, patience=3, plateau_factor=0.1)
FALLING = [9.0, 8.0, 7.0]


def rates(losses, done=()) -> list[float]:
    """The learning rate after each epoch with these validation losses."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(RECIPE.build_optimizer(1), "mse")
    scheduler = ReduceOnPlateau(RECIPE, pd.DataFrame({"val_loss": list(done)}))
    scheduler.set_model(model)
    # A restored training brings its own rate, which must not be lowered twice.
    model.optimizer.learning_rate.assign(0.5 if len(done) else RECIPE.learning_rate)
    scheduler.on_train_begin()
    found = []
    for epoch, loss in enumerate(losses, len(done)):
        scheduler.on_epoch_end(epoch, {"val_loss": loss})
        found.append(float(model.optimizer.learning_rate))
    return found


@pytest.mark.parametrize(
    "losses, expected",
    [
        (FALLING, [1, 1, 1]),
        # Three epochs without a lower loss are borne, as PyTorch counts; the fourth is not.
        ([*FALLING, 7, 7, 7, 7, 7], [1, 1, 1, 1, 1, 1, 0.1, 0.1]),
        ([*FALLING, 8, 8, 8, 6.9, 7, 7, 7, 7], [1] * 10 + [0.1]),
        ([5.0] * 9, [1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.01]),
    ],
)
def test_the_rate_falls_after_the_patience(losses, expected):
    np.testing.assert_allclose(rates(losses), expected, rtol=1e-6)


@pytest.mark.parametrize("epochs", range(1, 8))
def test_an_interrupted_training_goes_on_with_the_same_rates(epochs):
    losses = [5.0, 4.0, 4.0, 4.5, 4.0, 4.2, 4.0, 4.0, 4.0]
    whole = rates(losses)
    np.testing.assert_allclose(rates(losses[epochs:], done=losses[:epochs]), whole[epochs:])
    assert whole[-1] < 1


def test_one_way_of_lowering_the_rate():
    with pytest.raises(ValueError, match="patience is 3 with decay 0.1.*accepted: one way"):
        Recipe("Adam", 1.0, batch_size=8, epochs=20, patience=3, decay=0.1)

"""A training that is killed, again and again, ends as one that was left alone: to the bit."""

from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count

import numpy as np
import pandas as pd
import pytest

import harness.resumption
import harness.training
from attacks import FGSM
from harness.plan import plan_of
from harness.runner import Runner
from harness.store import RESUME, Store
from harness.trained_defenses import (
    NoisyUpdates,
    PGDTraining,
    RandomAttacks,
    StaticSet,
    Trades,
)
from made import RECIPE, SMALL, small_arm
from models import weights_sum

#: Five batches an epoch, the last one smaller, with Dropout and erasing.
PLAIN = replace(SMALL, images=152, erasing=True, recipe=replace(RECIPE, epochs=3))
TEACHER = replace(SMALL, role="teacher", recipe=RECIPE)
SCHEDULES = {
    "Adam": {},
    "amsgrad, lowest loss": {"amsgrad": True, "keep": "lowest loss"},
    "momentum and decay": {"optimizer": "SGD", "momentum": 0.9, "nesterov": True, "decay": 1e-2},
    "halved, last": {"optimizer": "SGD", "momentum": 0.5, "halve_every": 1, "keep": "last"},
    "plateaus": {"patience": 1, "epochs": 6, "learning_rate": 0.02},
}
TRAININGS = {
    **{
        name: replace(PLAIN, recipe=replace(PLAIN.recipe, **changes))
        for name, changes in SCHEDULES.items()
    },
    "distilled": replace(
        PLAIN,
        role="student",
        procedure="soft_labels",
        temperature=2.0,
        alpha=0.1,
        teacher=TEACHER,
        seed=1,
    ),
    "PGD training": replace(PLAIN, defense=PGDTraining(0.1, steps=2)),
    "TRADES": replace(PLAIN, defense=Trades(0.1, steps=2)),
    "noisy updates": replace(PLAIN, defense=NoisyUpdates(0.1)),
    "random attacks": replace(PLAIN, defense=RandomAttacks(((FGSM(), 0.1),))),
    "static set": replace(
        PLAIN, images=56, defense=StaticSet(FGSM(), (0.1, 0.2)), crafted_on=TEACHER
    ),
}


class Silent:
    """A progress that shows nothing."""

    def plan(self, stages):
        pass

    found = remark = plan

    @contextmanager
    def stage(self, title):
        yield lambda share, text: None


def done(root, training) -> tuple[str, pd.DataFrame]:
    """What a training comes to in a store."""
    runner = Runner(Store(root))
    runner.run(replace(plan_of([small_arm(training)], "*"), arms=[]), Silent())
    path = runner.training_path(training)
    history = pd.read_csv(path / "history.csv", dtype=str)
    assert not (path / RESUME).exists()
    return weights_sum(path / "model.h5"), history.drop(columns="seconds")


@pytest.fixture
def killed(monkeypatch):
    """Ends trainings after so many batches, and then after so many more; returns what is left."""

    def after(*batches: int) -> list[int]:
        left = list(batches)

        class Killed(harness.training._ShowProgress):
            seen = 0

            def on_train_batch_end(self, batch, logs=None):
                super().on_train_batch_end(batch, logs)
                Killed.seen += 1
                if left and Killed.seen == left[0]:
                    left.pop(0)
                    Killed.seen = 0
                    raise KeyboardInterrupt

        monkeypatch.setattr(harness.training, "_ShowProgress", Killed)
        return left

    return after


@pytest.fixture
def every_batch_is_written(monkeypatch):
    monkeypatch.setattr(harness.resumption.Resumption, "_is_due", lambda self: True)


def until_done(root, training):
    for _ in range(50):
        with suppress(KeyboardInterrupt):
            return done(root, training)
    raise AssertionError("killed fifty times, and it does not come to an end")


def check_equal(one, other):
    assert one[0] == other[0]
    pd.testing.assert_frame_equal(one[1], other[1])


@pytest.mark.parametrize(
    "name", ["Adam", *(pytest.param(name, marks=pytest.mark.slow) for name in list(TRAININGS)[1:])]
)
def test_every_way_of_training_ends_the_same(tmp_path, every_batch_is_written, killed, name):
    training = TRAININGS[name]
    undisturbed = done(tmp_path / "undisturbed", training)
    left = killed(3, 8)
    check_equal(until_done(tmp_path / "killed", training), undisturbed)
    assert not left
    assert list(undisturbed[1]["epoch"]) == list(map(str, range(training.recipe.epochs)))


@pytest.mark.slow
def test_batches_after_the_last_state_are_trained_once_more(tmp_path, monkeypatch, killed):
    asked = count(1)
    monkeypatch.setattr(harness.resumption.Resumption, "_is_due", lambda self: next(asked) % 4 == 0)
    undisturbed = done(tmp_path / "undisturbed", PLAIN)
    left = killed(6, 5)
    check_equal(until_done(tmp_path / "killed", PLAIN), undisturbed)
    assert not left


@pytest.mark.slow
@pytest.mark.parametrize("kept", [0, 1000])
def test_a_damaged_state_leaves_the_one_before(tmp_path, every_batch_is_written, killed, kept):
    undisturbed = done(tmp_path / "undisturbed", PLAIN)
    killed(12)
    with pytest.raises(KeyboardInterrupt):
        done(tmp_path / "killed", PLAIN)
    states = list((tmp_path / "killed").glob("*/resume/state-*.npz"))
    assert len(states) == 2
    newest = max(states, key=lambda path: tuple(np.load(path)["position"]))
    newest.write_bytes(newest.read_bytes()[:kept])
    check_equal(done(tmp_path / "killed", PLAIN), undisturbed)


@pytest.mark.slow
def test_a_damaged_best_epoch_is_noticed_and_trained_anew(tmp_path, every_batch_is_written, killed):
    worsening = replace(PLAIN.recipe, keep="lowest loss", learning_rate=0.05)
    longer = replace(PLAIN, recipe=worsening)
    undisturbed = done(tmp_path / "undisturbed", longer)
    best = int(undisturbed[1]["val_loss"].astype(float).argmin())
    steps = 5
    killed(steps * (best + 1) + 3)
    assert best < longer.recipe.epochs - 1
    with pytest.raises(KeyboardInterrupt):
        done(tmp_path / "killed", longer)
    (network,) = (tmp_path / "killed").glob("*.partial/model.h5")
    network.write_bytes(b"damaged")
    with pytest.raises(ValueError, match="model.h5 was damaged while .* the same command"):
        done(tmp_path / "killed", longer)
    check_equal(done(tmp_path / "killed", longer), undisturbed)


@pytest.mark.parametrize("batch", [pytest.param(None, marks=pytest.mark.slow), 4])
def test_a_loss_that_is_not_finite_is_no_result_however_often_it_is_resumed(
    tmp_path, every_batch_is_written, killed, batch
):
    recipe = replace(PLAIN.recipe, optimizer="SGD", learning_rate=1e30)
    hopeless = replace(PLAIN, recipe=recipe)
    if batch:
        killed(batch)
    for _ in range(3):
        with pytest.raises((ValueError, KeyboardInterrupt), match="diverged|^$"):
            done(tmp_path, hopeless)
    assert not Store(tmp_path).descriptions("train")

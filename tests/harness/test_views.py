"""Networks that differ in their weights alone share one model, and what is compiled for it."""

from dataclasses import replace

import numpy as np
import pytest

import data
import models
from attacks import PGD
from harness.arms import View
from harness.plan import Kind, Stage, plan_of
from harness.runner import Runner
from harness.store import Store
from harness.views import Views
from made import RECIPE, SMALL, small_arm
from own_process import TIMES
from recording import Recorder

OTHER = replace(SMALL, role="student", seed=1, temperature=5.0, recipe=replace(RECIPE, epochs=0))
WIDER = replace(OTHER, network=replace(SMALL.network, width=1 / 8))
#: Through every view of two networks, and of the first one again.
ARMS = [
    *(small_arm(each, view=view, images=8) for each in (SMALL, OTHER) for view in View),
    small_arm(SMALL, attack=PGD(steps=2), images=8),
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    runner = Runner(Store(tmp_path_factory.mktemp("trained")))
    for training in (SMALL, OTHER):
        assert runner.perform(Stage(Kind.TRAIN, training), Recorder())
    return runner


@pytest.mark.slow
def test_outcomes_are_those_of_networks_by_themselves(trained, tmp_path):
    trained.run(plan_of(ARMS, "*"), Recorder())
    alone = Runner(Store(tmp_path))
    for arm in (ARMS[-1], ARMS[-2], ARMS[-3]):  # in another order, and not all
        alone.run(plan_of([arm], "*"), Recorder())
        alone = Runner(alone.store)  # which has compiled nothing
        expected = vars(alone.outcomes(arm))
        for name, value in vars(trained.outcomes(arm)).items():
            if name not in TIMES:
                np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_like_networks_are_one_model(trained):
    checkpoints = {each: trained.training_path(each) / "model.h5" for each in (SMALL, OTHER)}
    images = data.load("digits").x_test[:8]
    views = Views(SMALL, checkpoints[SMALL])
    seen = [views.seen(small_arm(SMALL, view=view))[0] for view in View]
    assert views.takes(OTHER) and not views.takes(WIDER)
    assert not views.takes(replace(OTHER, dataset="mnist"))

    views.load(OTHER, checkpoints[OTHER])
    again = [views.seen(small_arm(OTHER, view=view))[0] for view in View]
    same = [one is other for one, other in zip(seen, again, strict=True)]
    assert same == [view != View.SOFTMAX_AT_T for view in View]  # T is another one
    expected = models.load_checkpoint(checkpoints[OTHER]).predict(images, verbose=0)
    np.testing.assert_array_equal(views.network.predict(images, verbose=0), expected)


def test_a_network_that_was_loaded_in_part_is_not_used(trained, monkeypatch):
    first, second = small_arm(SMALL), small_arm(OTHER)
    trained._seen(first)

    def load_in_part(network, path):
        network.set_weights([np.zeros_like(each) for each in network.get_weights()])
        raise models.CheckpointError("half a file")

    with monkeypatch.context() as patched:
        patched.setattr(models, "load_weights", load_in_part)
        with pytest.raises(models.CheckpointError, match="half a file"):
            trained._seen(second)
    model, _ = trained._seen(first)
    assert any(weights.any() for weights in model.get_weights())

"""What of a plan has run, and how long the rest may take."""

from dataclasses import replace

import pytest

import data
from harness.forecast import forecast
from harness.plan import plan, plan_of
from harness.runner import Runner
from harness.store import Store


@pytest.fixture(autouse=True)
def no_data_is_read(monkeypatch):
    def load(*arguments, **options):
        raise AssertionError("a data set was read")

    monkeypatch.setattr(data, "load", load)


def test_nothing_has_run(study, tmp_path):
    todo = plan(study, study.profile("laptop"))
    ahead = forecast(todo, Runner(Store(tmp_path)))
    assert len(ahead.networks) == len(todo.trainings) and len(ahead.arms) == len(todo.arms)
    assert ahead.unknown == len(ahead.left) == len(todo.trainings) + len(todo.arms)
    assert ahead.seconds_left == 0


def test_everything_has_run(finished):
    root, todo, runner, _ = finished
    ahead = forecast(todo, Runner(Store(root)))
    assert not ahead.left and ahead.seconds_left == 0
    for expected, arm in zip(ahead.arms, todo.arms, strict=True):
        assert expected.name == arm.key
        assert expected.seconds == runner.store.seconds(runner.arm_path(arm)) > 0


def test_the_rest_takes_time_in_proportion(finished):
    root, todo, _, _ = finished
    arm = next(each for each in todo.arms if each.attack_name == "PGD")
    training = replace(
        arm.training, recipe=replace(arm.training.recipe, epochs=6 * arm.training.recipe.epochs)
    )
    larger = replace(arm, images=3 * arm.images)
    more_steps = replace(arm, attack=replace(arm.attack, steps=5 * arm.attack.steps))
    longer = replace(arm, training=training)
    other = replace(
        arm, training=replace(training, network=replace(training.network, width=1 / 32))
    )
    ahead = forecast(plan_of([arm, larger, more_steps, longer, other], "*"), Runner(Store(root)))
    assert [each.has_run for each in ahead.arms] == [True, False, False, False, False]
    pace = ahead.arms[1].seconds / 3
    assert pace > 0 and ahead.arms[2].seconds == pytest.approx(5 * pace)
    assert ahead.arms[3].seconds == pytest.approx(pace)
    assert ahead.arms[4].seconds is None
    done = next(each for each in ahead.networks if each.has_run)
    left = [each for each in ahead.networks if not each.has_run]
    assert left[0].seconds == pytest.approx(6 * done.seconds) and left[1].seconds is None
    assert ahead.unknown == 2
    known = sum(each.seconds for each in ahead.left if each.seconds)
    assert ahead.seconds_left == pytest.approx(known)


def test_seconds_of_interrupted_attempts_add_up(tmp_path):
    store, what = Store(tmp_path), {"a": 1}
    path = store.path("train", what)
    with pytest.raises(KeyboardInterrupt), store.writing(path, what) as folder:
        noted = folder
        raise KeyboardInterrupt
    first = store.seconds(noted)
    (noted / "seconds.json").write_text("100")
    with store.writing(path, what):
        pass
    assert first >= 0 and store.seconds(path) > 100
    assert store.seconds(tmp_path / "none") is None

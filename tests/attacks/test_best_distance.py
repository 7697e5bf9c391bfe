"""`best_distance`: the nearest of several attacks, as many as there is time for."""

from importlib import import_module

import numpy as np
import pytest

from attacks import DDN, DeepFool, best_distance
from attacks.engine.norms import NORMS, distances

module = import_module("attacks.best_distance")  # the package has a function of this name


@pytest.fixture
def clock(monkeypatch):
    """A time that goes on by one second whenever it is read."""
    ticks = iter(range(10**6))
    monkeypatch.setattr(module, "perf_counter", lambda: float(next(ticks)))


@pytest.mark.parametrize("norm", NORMS)
def test_it_is_the_nearest_of_what_was_run(cnn, images, labels, clock, norm):
    best = best_distance(cnn, images[:16], labels[:16], norm, seconds=5)
    assert np.isfinite(best.distances).all()
    assert best.norm == norm and {each.attack.norm for each in best.attacks} == {norm}
    np.testing.assert_allclose(
        distances(best.images - images[:16])[norm], best.distances, rtol=1e-6
    )
    wrong = cnn(best.images).numpy().argmax(axis=1) != labels[:16]
    assert wrong.all()
    alone = [each.attack(cnn, images[:16], labels[:16]) for each in best.attacks]
    found = [np.where(each.success, each.distances[norm], np.inf) for each in alone]
    np.testing.assert_allclose(best.distances, np.min(found, axis=0), rtol=1e-6)
    assert best.attacks[0].nearest == 16 and best.seconds == sum(e.seconds for e in best.attacks)


def test_more_time_is_for_more_steps(cnn, images, labels, clock):
    """Each attack takes a second here, whatever its steps."""
    runs = [best_distance(cnn, images[:8], labels[:8], seconds=limit) for limit in (0.5, 8, 16)]
    assert [len(each.attacks) for each in runs] == [1, 4, 7]
    assert isinstance(runs[0].attacks[0].attack, DeepFool)
    assert runs[2].attacks[6].attack == DeepFool(100)
    assert (runs[2].distances <= runs[1].distances).all()
    assert (runs[1].distances <= runs[0].distances).all()


def test_images_that_are_wrong_are_at_no_distance(cnn, images, labels, clock):
    others = (labels[:4] + 1) % 10
    best = best_distance(cnn, images[:4], others, seconds=1)
    np.testing.assert_array_equal(best.distances, 0)
    np.testing.assert_array_equal(best.images, images[:4])


def test_refused(cnn, images, labels):
    with pytest.raises(ValueError, match="seconds is 0; accepted"):
        best_distance(cnn, images, labels, seconds=0)
    with pytest.raises(ValueError, match="norm is 'l3'; accepted"):
        best_distance(cnn, images, labels, "l3", seconds=1)


def test_each_attack_is_of_its_norm():
    for norm, makers in module._ATTACKS.items():
        assert {make(50).norm for make in makers} == {norm}
    assert DDN(50) in [make(50) for make in module._ATTACKS["l2"]]

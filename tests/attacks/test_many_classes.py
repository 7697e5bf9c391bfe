"""Minimum-norm attacks on models of many classes: no graph that grows with them."""

import numpy as np
import pytest
import tensorflow as tf

from attacks import FAB, DeepFool
from attacks.engine import cache

CLASSES = 300


@pytest.fixture(scope="module")
def wide():
    weights = np.random.default_rng(0).normal(size=(64, CLASSES)).astype(np.float32)
    return lambda images: tf.reshape(images, [-1, 64]) @ weights


def nodes(model) -> int:
    (functions,) = cache.BY_MODEL[model].functions.values()
    return max(
        len(f.graph.get_operations())
        + sum(len(g.node_def) for g in f.graph.as_graph_def().library.function)
        for f in functions.values()
    )


def test_fab_looks_at_the_likeliest_by_default(wide, images):
    labels = np.asarray(wide(images)).argmax(axis=1)
    default = FAB(5)(wide, images, labels)
    assert nodes(wide) < 2000
    assert (default.gradient_evaluations == 5 * 9).all()
    every = FAB(5, candidates=None)(wide, images, labels)
    assert (every.gradient_evaluations == 5 * (CLASSES - 1)).all()
    assert default.success.all() and every.success.all()
    assert default.distances["linf"].mean() < 1.2 * every.distances["linf"].mean()


@pytest.mark.parametrize("attack", [DeepFool(3, candidates=None), FAB(2, candidates=None)], ids=str)
def test_all_classes_are_a_loop_of_the_graph(wide, images, attack):
    labels = np.asarray(wide(images)).argmax(axis=1)
    model = lambda batch: wide(batch)  # noqa: E731 - compiled by itself
    result = attack(model, images, labels)
    assert nodes(model) < 2000
    assert (result.gradient_evaluations % (CLASSES - 1) == 0).all()
    assert result.success.any()


def test_the_loop_equals_what_is_written_out(cnn, images, labels, monkeypatch):
    from attacks import forget
    from attacks.engine import geometry

    attack = DeepFool(candidates=4)
    expected = attack(cnn, images, labels)
    monkeypatch.setattr(geometry, "_UNROLLED", 1)
    forget(cnn)
    result = attack(cnn, images, labels)
    forget(cnn)
    np.testing.assert_allclose(result.images, expected.images, atol=1e-6)


@pytest.mark.parametrize("candidates", [1, 2.5, True])
def test_refused_candidates(candidates):
    for make in (FAB, DeepFool):
        with pytest.raises(ValueError, match=f"candidates is {candidates}; accepted: None, or"):
            make(candidates=candidates)

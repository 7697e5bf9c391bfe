"""The shortest way to a hyperplane within the box, against an exact one by sorting."""

import numpy as np
import pytest
import tensorflow as tf

from attacks.engine.geometry import hyperplane_step
from attacks.engine.norms import distances

ROWS = 24
NORMS = ("linf", "l2")


def exact_step(image, normal, gap, norm):
    """In float64: `t` from the breakpoints in ascending order."""
    weights = normal * np.sign(gap)
    room = np.where(weights > 0, 1 - image, np.where(weights < 0, image, 0.0))
    speeds = np.abs(np.sign(weights) if norm == "linf" else weights)
    stops = np.divide(room, speeds, out=np.zeros_like(room), where=speeds > 0)
    order = np.argsort(stops)
    gains, rates = (np.abs(weights) * by for by in (room, speeds))
    # What is gained at each breakpoint: stopped values wholly, the others in proportion.
    after = rates[order][::-1].cumsum()[::-1]
    at_stops = gains[order].cumsum() - gains[order] + stops[order] * after
    first = np.searchsorted(at_stops, abs(gap))
    if first == len(order):
        return np.sign(weights) * room
    stopped = gains[order][:first].sum()
    t = (abs(gap) - stopped) / after[first]
    return np.clip(t * speeds, 0, room) * np.sign(weights)


def problem(values, reach, seed=0):
    """Images with many values at their bounds, normals with heavy tails, gaps within reach."""
    random = np.random.default_rng(seed)
    images = np.clip(random.uniform(-1.0, 1.6, (ROWS, values)), 0, 1).astype(np.float32)
    normals = (1e-3 * random.standard_t(2, (ROWS, values))).astype(np.float32)
    normals[:, ::7] = 0
    signs = np.resize([1, -1], ROWS)
    towards = normals * signs[:, None]
    furthest = (np.abs(normals) * np.where(towards > 0, 1 - images, images)).sum(axis=1)
    return images, normals, (reach * signs * furthest).astype(np.float32)


def stepped(images, normals, gaps, norm):
    return hyperplane_step(*map(tf.constant, (images, normals, gaps)), norm).numpy()


@pytest.mark.parametrize("reach", [1e-3, 0.03, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("values", [784, 3072])
@pytest.mark.parametrize("norm", NORMS)
def test_the_step_is_the_exact_one(norm, values, reach):
    images, normals, gaps = problem(values, reach)
    steps = stepped(images, normals, gaps, norm)
    for row, step in enumerate(steps):
        exact = exact_step(*(a[row].astype(np.float64) for a in (images, normals, gaps)), norm)
        np.testing.assert_allclose(step, exact, rtol=1e-3, atol=1e-6)
    gained = (steps.astype(np.float64) * normals).sum(axis=1)
    np.testing.assert_allclose(gained, gaps, rtol=1e-5)
    moved = images + steps
    assert moved.min() >= -1e-6 and moved.max() <= 1 + 1e-6


@pytest.mark.parametrize("reach", [0.01, 0.2, 0.8])
@pytest.mark.parametrize("norm", NORMS)
def test_no_other_way_to_the_hyperplane_is_shorter(norm, reach):
    images, normals, gaps = problem(64, reach)
    shortest = distances(stepped(images, normals, gaps, norm))[norm]
    weights = normals * np.sign(gaps)[:, None]
    ends = np.where(weights > 0, 1 - images, np.where(weights < 0, -images, 0)).astype(np.float64)
    for seed in range(20):
        # Each value at its own speed, until the gap is closed: by bisection.
        speeds = np.random.default_rng(seed).uniform(0, 1, images.shape) ** (seed / 4)
        low, high = np.zeros([2, ROWS, 1])
        high += 1e9
        for _ in range(90):
            middle = (low + high) / 2
            way = np.sign(ends) * np.minimum(middle * speeds, np.abs(ends))
            beyond = np.abs((way * normals).sum(axis=1, keepdims=True)) >= np.abs(gaps)[:, None]
            low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
        np.testing.assert_allclose((way * normals).sum(axis=1), gaps, rtol=1e-5)
        assert (distances(way)[norm] >= shortest * (1 - 1e-5)).all()


@pytest.mark.parametrize("norm", NORMS)
def test_out_of_reach_every_value_goes_to_its_bound(norm):
    images, normals, gaps = problem(784, 1.01)
    moved = images + stepped(images, normals, gaps, norm)
    towards = normals * np.sign(gaps)[:, None]
    bounds = np.where(towards > 0, 1, np.where(towards < 0, 0, images))
    np.testing.assert_allclose(moved, bounds, atol=1e-6)


@pytest.mark.parametrize("norm", NORMS)
def test_nothing_moves_without_normal_or_gap(norm):
    images, normals, gaps = problem(64, 0.1)
    assert not stepped(images, 0 * normals, gaps, norm).any()
    assert not stepped(images, normals, 0 * gaps, norm).any()
    assert not stepped(images, 0 * normals, 0 * gaps, norm).any()


@pytest.mark.parametrize("scale", [1e-30, 1e30])
@pytest.mark.parametrize("norm", NORMS)
def test_the_scale_of_the_normal_does_not_matter(norm, scale):
    images, normals, gaps = problem(64, 0.2)
    plain = stepped(images, normals, gaps, norm)
    scaled = stepped(images, np.float32(scale) * normals, np.float32(scale) * gaps, norm)
    np.testing.assert_allclose(scaled, plain, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(stepped(images, -normals, -gaps, norm), plain)


@pytest.mark.parametrize("norm", NORMS)
def test_a_row_does_not_depend_on_the_others(norm):
    easy, hard = problem(784, 0.01), problem(784, 0.999, seed=1)
    together = stepped(*(np.concatenate(pair) for pair in zip(easy, hard)), norm)
    np.testing.assert_array_equal(together[:ROWS], stepped(*easy, norm))
    np.testing.assert_array_equal(together[ROWS:], stepped(*hard, norm))
    np.testing.assert_array_equal(together[:1], stepped(*(a[:1] for a in easy), norm))


@pytest.mark.parametrize("norm", NORMS)
def test_images_keep_their_shape(norm):
    images, normals, gaps = problem(64, 0.1)
    flat = stepped(images, normals, gaps, norm)
    shaped = stepped(images.reshape(-1, 4, 8, 2), normals.reshape(-1, 4, 8, 2), gaps, norm)
    np.testing.assert_array_equal(shaped.reshape(flat.shape), flat)

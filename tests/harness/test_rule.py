"""Rulings from estimates: regions, margins, and how many images would decide."""

import math

import numpy as np
import pytest

from evaluation import Estimate
from harness.rule import Judgement, Ruling, direction, equality, level, together, within

CONFIRMED, REFUTED, UNDECIDED = Ruling.CONFIRMED, Ruling.REFUTED, Ruling.UNDECIDED
NO_DIFFERENCE, NOT_RUN = Ruling.NO_DIFFERENCE, Ruling.NOT_RUN


def between(low, high, images=100):
    return Estimate((low + high) / 2, low, high, images)


@pytest.mark.parametrize(
    "low, high, ruling",
    [
        (0.001, 0.2, CONFIRMED),
        (0.001, 0.005, CONFIRMED),  # small, but there
        (-0.2, -0.001, REFUTED),
        (-0.006, 0.006, NO_DIFFERENCE),
        (0.0, 0.0, NO_DIFFERENCE),
        (-0.006, 0.02, UNDECIDED),
        (-0.02, 0.2, UNDECIDED),
        (0.0, 0.2, UNDECIDED),
    ],
)
def test_a_direction(low, high, ruling):
    assert direction(between(low, high)).ruling == ruling
    claimed_below = direction(between(low, high).times(-1)).ruling
    assert claimed_below == {CONFIRMED: REFUTED, REFUTED: CONFIRMED}.get(ruling, ruling)


def test_the_margin_is_the_claims():
    wide = between(-0.02, 0.03)
    assert direction(wide).ruling == UNDECIDED
    assert direction(wide, margin=0.05).ruling == NO_DIFFERENCE


@pytest.mark.parametrize(
    "low, high, ruling",
    [
        (-0.009, 0.009, CONFIRMED),
        (0.002, 0.009, CONFIRMED),  # a difference, but within the margin
        (0.011, 0.02, REFUTED),
        (-0.02, -0.011, REFUTED),
        (0.005, 0.015, UNDECIDED),
        (-0.2, 0.2, UNDECIDED),
    ],
)
def test_an_equality(low, high, ruling):
    assert equality(between(low, high)).ruling == ruling
    assert level(between(0.9 + low, 0.9 + high), 0.9, 0.01).ruling == ruling


def test_a_bound():
    assert within(between(0.6, 0.8), least=0.5).ruling == CONFIRMED
    assert within(between(0.6, 0.8), most=0.5).ruling == REFUTED
    assert within(between(0.4, 0.8), least=0.5).ruling == UNDECIDED
    assert within(Estimate(math.nan), least=0.5).ruling == REFUTED  # no such number


def test_without_an_interval_nothing_is_decided():
    assert direction(Estimate(3.0)) == Judgement(UNDECIDED)
    endless = Estimate(0.3, 0.2, math.inf, 50)
    assert within(endless, 0.1, 0.4) == Judgement(UNDECIDED)
    assert within(endless, least=0.1).ruling == CONFIRMED


def test_all_parts_have_to_hold():
    def of(*rulings):
        return together(Judgement(each) for each in rulings).ruling

    assert of(CONFIRMED, CONFIRMED) == CONFIRMED
    assert of(CONFIRMED, UNDECIDED) == UNDECIDED
    assert of(CONFIRMED, NO_DIFFERENCE, UNDECIDED) == NO_DIFFERENCE
    assert of(NO_DIFFERENCE, REFUTED) == REFUTED
    assert of(REFUTED, NOT_RUN) == NOT_RUN
    assert of() == NOT_RUN


def test_what_would_decide_is_what_decides_the_slowest_part():
    parts = [Judgement(CONFIRMED), Judgement(UNDECIDED, 400), Judgement(UNDECIDED, 900)]
    assert together(parts) == Judgement(UNDECIDED, 900)
    assert together([*parts, Judgement(UNDECIDED)]) == Judgement(UNDECIDED)


@pytest.mark.parametrize(
    "judge, estimate, needed",
    [
        # Half as wide excludes zero: four times the images.
        (direction, Estimate(0.1, -0.1, 0.3, 100), 401),
        # The way to "no difference" is shorter: an interval of 0.008 around 0.002.
        (direction, Estimate(0.002, -0.03, 0.034, 100), 1601),
        (equality, Estimate(0.0, -0.02, 0.02, 100), 401),
        (equality, Estimate(0.02, 0.0, 0.04, 100), 401),  # to be refuted
        (equality, Estimate(0.01, 0.0, 0.02, 100), math.inf),  # on the margin
    ],
)
def test_how_many_images_would_decide(judge, estimate, needed):
    assert judge(estimate) == Judgement(UNDECIDED, needed)


def outcomes(images, gain, seed=0):
    """Two networks' outcomes; the first is right on `gain` more of the images."""
    draws = np.random.default_rng(seed).uniform(size=images)
    first, second = draws < 0.2 + gain / 2, (draws > 0.1 + gain / 2) & (draws < 0.3)
    return first, second


def test_so_many_images_do_decide():
    """What was seen, repeated until there are as many images as were asked for."""
    first, second = outcomes(200, 0.05)
    seen = Estimate.paired(first, second)
    judged = direction(seen)
    assert judged.ruling == UNDECIDED
    few, enough = (int(share * judged.needed / 200) for share in (0.85, 1.15))
    assert few >= 1

    def repeated(times):
        return direction(Estimate.paired(np.tile(first, times), np.tile(second, times))).ruling

    assert (repeated(few), repeated(enough + 1)) == (UNDECIDED, CONFIRMED)

"""Rulings from estimates: regions, margins, and how many images would decide."""

import math

import numpy as np
import pytest

from evaluation import Estimate
from harness.rule import (
    Judgement,
    Ruling,
    direction,
    equality,
    level,
    most,
    throughout,
    together,
    within,
)

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


def test_a_number_that_there_is_not_is_not_as_claimed():
    """Unless it was there in enough of the bootstrap samples."""
    assert within(Estimate(math.nan), least=0.5) == Judgement(REFUTED)
    assert within(Estimate(math.nan, math.inf, math.inf), 0.1, 0.5) == Judgement(REFUTED)
    assert within(Estimate(math.nan, 0.3, math.inf), 0.1, 0.5) == Judgement(UNDECIDED)
    assert within(Estimate(math.nan, 0.3, 0.6), 0.1, 0.5) == Judgement(UNDECIDED)


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
    assert of(NO_DIFFERENCE, NO_DIFFERENCE) == NO_DIFFERENCE
    # One of several that are claimed is not there.
    assert of(CONFIRMED, NO_DIFFERENCE) == of(NO_DIFFERENCE, UNDECIDED) == REFUTED
    assert of(NO_DIFFERENCE, REFUTED) == REFUTED
    assert of(REFUTED, NOT_RUN) == NOT_RUN
    assert of() == NOT_RUN


@pytest.mark.parametrize(
    "rulings, ruling",
    [
        ([CONFIRMED] * 8 + [REFUTED], CONFIRMED),
        ([CONFIRMED] * 8, CONFIRMED),  # whatever the ninth is
        ([CONFIRMED] * 7 + [REFUTED], UNDECIDED),  # the ninth decides
        ([CONFIRMED] * 7 + [REFUTED, UNDECIDED], UNDECIDED),
        ([CONFIRMED] * 7 + [REFUTED, NO_DIFFERENCE], REFUTED),
        ([REFUTED] * 2, REFUTED),  # the other seven are too few
        ([REFUTED], UNDECIDED),
        ([UNDECIDED] * 9, UNDECIDED),
        ([], UNDECIDED),
    ],
)
def test_most_cases_have_to_hold(rulings, ruling):
    """Eight of nine, of which some were not run."""
    assert most(map(Judgement, rulings), needed=8, every=9) == Judgement(ruling)


def test_what_would_decide_is_what_decides_the_slowest_part():
    parts = [Judgement(CONFIRMED), Judgement(UNDECIDED, 400), Judgement(UNDECIDED, 900)]
    assert together(parts) == Judgement(UNDECIDED, 900)
    assert together([*parts, Judgement(UNDECIDED)]) == Judgement(UNDECIDED)


@pytest.mark.parametrize(
    "judge, estimate, needed, then",
    [
        # Half as wide excludes zero: four times the images.
        (direction, Estimate(0.1, -0.1, 0.3, 100), 401, CONFIRMED),
        (direction, Estimate(-0.1, -0.3, 0.1, 100), 401, REFUTED),
        # The way to "no difference" is shorter: an interval of 0.008 around 0.002.
        (direction, Estimate(0.002, -0.03, 0.034, 100), 1601, NO_DIFFERENCE),
        (equality, Estimate(0.0, -0.02, 0.02, 100), 401, CONFIRMED),
        (equality, Estimate(0.02, 0.0, 0.04, 100), 401, REFUTED),
    ],
)
def test_how_many_images_would_decide_and_how(judge, estimate, needed, then):
    assert judge(estimate) == together([judge(estimate)]) == Judgement(UNDECIDED, needed, then)


def test_on_the_margin_no_number_of_images_decides():
    assert equality(Estimate(0.01, 0.0, 0.02, 100)).needed == math.inf


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


@pytest.mark.parametrize(
    "worst, ruling",
    [
        (between(0.001, 0.1), CONFIRMED),
        (between(-0.1, -0.001), UNDECIDED),  # one of twenty does so by chance
        (between(-0.1, -0.05), REFUTED),
        (between(-0.009, 0.009), UNDECIDED),
        (between(-0.004, 0.004), REFUTED),
        (between(-0.1, 0.1), UNDECIDED),
    ],
)
def test_what_holds_for_many_numbers_is_not_undone_by_chance(worst, ruling):
    judged = throughout([*[between(0.001, 0.2)] * 19, worst], direction)
    assert judged.ruling == ruling
    assert (judged.needed is not None) == (ruling == UNDECIDED)


def test_alone_a_number_keeps_its_interval():
    for number in (between(-0.1, -0.001), between(0.001, 0.1), between(-0.02, 0.2)):
        assert throughout([number], direction) == direction(number)
    assert throughout([], direction).ruling == NOT_RUN

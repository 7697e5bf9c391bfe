"""Rulings from estimates, and the loop over claims."""

import pytest

from evaluation import Estimate, NotRun
from harness.claims import (
    Claim,
    Finding,
    Ruling,
    all_of,
    at_each,
    by_sign,
    directions,
    inside,
    judged,
)
from made import made_results

ABOVE, BELOW, AROUND = Estimate(1, 0.5, 1.5), Estimate(-1, -1.5, -0.5), Estimate(0, -0.5, 0.5)


@pytest.mark.parametrize(
    "estimates, ruling",
    [
        ((ABOVE, ABOVE), Ruling.CONFIRMED),
        ((ABOVE, AROUND), Ruling.UNDECIDED),
        ((ABOVE, AROUND, BELOW), Ruling.REFUTED),
        ((), Ruling.NOT_RUN),
    ],
)
def test_a_direction_needs_every_interval_on_its_side(estimates, ruling):
    assert directions(*estimates) == ruling
    assert by_sign(each.sign for each in estimates) == ruling


@pytest.mark.parametrize(
    "least, most, ruling",
    [(0.4, 2, Ruling.CONFIRMED), (1, 2, Ruling.UNDECIDED), (2, 3, Ruling.REFUTED)],
)
def test_a_level_needs_the_interval_inside_its_range(least, most, ruling):
    assert inside(ABOVE, least, most) == ruling


def test_all_parts_have_to_hold():
    confirmed, refuted, undecided = Ruling.CONFIRMED, Ruling.REFUTED, Ruling.UNDECIDED
    assert all_of([confirmed, confirmed]) == confirmed
    assert all_of([confirmed, undecided]) == undecided
    assert all_of([undecided, refuted]) == refuted


def test_every_claim_has_a_verdict():
    claims = (
        Claim("X-1", "it rains", lambda results: [Finding("here", Ruling.CONFIRMED, "wet")] * 2),
        Claim("X-2", "it snows", lambda results: [], "needs winter"),
        Claim("X-3", "it is nice", None, "a matter of taste"),
    )
    verdicts = judged(claims, made_results())
    assert [(each.claim, each.where, each.outcome, each.evidence) for each in verdicts] == [
        ("X-1", "here", "confirmed", "wet"),
        ("X-1", "here", "confirmed", "wet"),
        ("X-2", "", "not run", "needs winter"),
        ("X-3", "", "not judged", "a matter of taste"),
    ]
    assert verdicts[2].statement == "it snows"


def test_a_claim_is_judged_where_it_was_run():
    def judge(results, case, protocol):
        if case == "left out":
            raise NotRun(case)
        return Finding(f"{case}, {protocol}", Ruling.CONFIRMED, results)

    claim = Claim("X-1", "it holds", at_each(judge, ("left out", "run"), ("a", "b")))
    found = judged([claim], "these results")
    assert [(each.where, each.evidence) for each in found] == [
        ("run, a", "these results"),
        ("run, b", "these results"),
    ]

"""The loop over claims: which rows there are, and what a run's standing makes of a finding."""

import math

import pytest

from evaluation import NotRun
from harness.claims import Claim, Finding, Run, SpeaksOf, Standing, at_each, judged
from harness.rule import Judgement, Ruling

CONFIRMED, REFUTED, UNDECIDED = Ruling.CONFIRMED, Ruling.REFUTED, Ruling.UNDECIDED
NO_DIFFERENCE, NO_VERDICT = Ruling.NO_DIFFERENCE, Ruling.NO_VERDICT
MECHANISM, LEVEL = SpeaksOf
PUBLISHED, REDUCED, STAND_IN = Standing


def finds(*rulings, needed=None, counted="images", short=""):
    """A judge that finds these, here, in any results."""
    judgements = [Judgement(ruling, needed) for ruling in rulings]
    return lambda results: [Finding("here", each, "seen", counted, short) for each in judgements]


def verdict(ruling, standing=PUBLISHED, speaks_of=MECHANISM, **finding):
    """The outcome and the evidence of one finding."""
    claim = Claim("X-1", "it rains", finds(ruling, **finding), "rain", speaks_of)
    (row,) = judged([claim], [Run("laptop", None, standing)])
    return row.outcome, row.evidence


def test_a_row_for_every_part_place_and_folder():
    claims = [
        Claim("X-1a", "it rains", finds(CONFIRMED, REFUTED), "rain"),
        Claim("X-1b", "it pours", finds(NO_DIFFERENCE), "rain"),
    ]
    runs = [Run("laptop", None, REDUCED), Run("paper", None, PUBLISHED)]
    rows = judged(claims, runs)
    assert [(row.claim, row.statement, row.folder, row.outcome) for row in rows] == [
        ("X-1a", "it rains", "paper", "confirmed"),
        ("X-1a", "it rains", "paper", "refuted"),
        ("X-1a", "it rains", "laptop", "confirmed"),
        ("X-1a", "it rains", "laptop", "refuted"),
        ("X-1b", "it pours", "paper", "no difference"),
        ("X-1b", "it pours", "laptop", "no difference"),
    ]
    assert {(row.where, row.evidence) for row in rows} == {("here", "seen")}


@pytest.mark.parametrize(
    "speaks_of, short, folders",
    [
        (SpeaksOf.LEVEL, "", ["paper"]),
        (SpeaksOf.MECHANISM, "too short a training", ["paper"]),
        (SpeaksOf.MECHANISM, "", ["paper", "laptop"]),
    ],
)
def test_what_is_judged_as_published_is_not_left_undecided_by_a_reduced_run(
    speaks_of, short, folders
):
    claim = Claim("X-1", "it rains", finds(CONFIRMED, short=short), "rain", speaks_of)
    runs = [Run("laptop", None, REDUCED), Run("paper", None, PUBLISHED)]
    assert [row.folder for row in judged([claim], runs)] == folders
    (alone,) = judged([claim], runs[:1])
    assert alone.folder == "laptop"


def test_what_was_not_run_names_its_arms():
    claim = Claim("X-2", "it snows", finds(), "the arms `winter`")
    for runs in ([], [Run("laptop", None, REDUCED), Run("demo", None, STAND_IN)]):
        (row,) = judged([claim], runs)
        assert (row.outcome, row.evidence) == ("not run", "it needs the arms `winter`")
        assert row.folder == row.where == ""


def test_a_claim_that_was_run_in_one_folder_has_no_row_for_the_others():
    claim = Claim("X-1", "it rains", lambda results: finds(CONFIRMED)(results) * results, "rain")
    (row,) = judged([claim], [Run("laptop", 0, REDUCED), Run("paper", 1, PUBLISHED)])
    assert (row.folder, row.outcome) == ("paper", "confirmed")


def test_a_claim_is_judged_where_it_was_run():
    def judge(results, case, protocol):
        if case == "left out":
            raise NotRun(case)
        return Finding(f"{case}, {protocol}", Judgement(CONFIRMED), results)

    claim = Claim("X-1", "it holds", at_each(judge, ("left out", "run"), ("a", "b")), "both")
    rows = judged([claim], [Run("laptop", "these results", PUBLISHED)])
    assert [(row.where, row.evidence) for row in rows] == [
        ("run, a", "these results"),
        ("run, b", "these results"),
    ]


@pytest.mark.parametrize(
    "ruling, words",
    [
        (CONFIRMED, "the same shows"),
        (REFUTED, "the contrary shows"),
        (NO_DIFFERENCE, "no difference shows"),
        (UNDECIDED, "too little shows"),
    ],
)
def test_data_that_stand_in_give_no_verdict(ruling, words):
    evidence = f"seen; on images that stand in for the study's, {words}"
    assert verdict(ruling, STAND_IN, needed=9) == (NO_VERDICT, evidence)
    evidence = "seen; on images that stand in for the study's, which cannot tell of such a level"
    assert verdict(ruling, STAND_IN, LEVEL, needed=9) == (NO_VERDICT, evidence)


@pytest.mark.parametrize("ruling", [CONFIRMED, REFUTED, NO_DIFFERENCE, UNDECIDED])
def test_what_a_short_training_leaves_open_is_undecided_after_one(ruling):
    finding = Finding("here", Judgement(ruling), "seen", short="it has not arrived")
    claim = Claim("X-1", "it holds", lambda results: [finding], "all")
    for standing, expected in (
        (REDUCED, (UNDECIDED, "seen; it has not arrived")),
        (PUBLISHED, (ruling, "seen")),
    ):
        (row,) = judged([claim], [Run("laptop", None, standing)])
        assert (row.outcome, row.evidence) == expected


@pytest.mark.parametrize("ruling", [CONFIRMED, REFUTED, NO_DIFFERENCE, UNDECIDED])
def test_a_reduced_network_speaks_of_mechanisms_alone(ruling):
    for standing, speaks_of in ((PUBLISHED, MECHANISM), (PUBLISHED, LEVEL), (REDUCED, MECHANISM)):
        assert verdict(ruling, standing, speaks_of) == (ruling, "seen")
    evidence = "seen; a run at a reduced size cannot tell of the published level"
    assert verdict(ruling, REDUCED, LEVEL, needed=9) == (UNDECIDED, evidence)


@pytest.mark.parametrize(
    "needed, counted, words",
    [
        (401.0, "images", "; about 400 images would decide if the measured number is the true one"),
        (12_345.0, "images", "; about 12,000 images would decide if the measured number"),
        (5.0, "seeds", "; about 5 seeds would decide"),
        (math.inf, "images", "; no number of images would decide if the measured number"),
        (None, "images", ""),  # the spread is not known
    ],
)
def test_undecided_says_how_many_would_decide(needed, counted, words):
    outcome, evidence = verdict(UNDECIDED, needed=needed, counted=counted)
    assert outcome == UNDECIDED and evidence.startswith(f"seen{words}")
    assert bool(words) == (evidence != "seen")


def test_what_needs_all_results_sees_all_runs_at_once():
    def overall(every):
        yield Finding("everywhere", Judgement(CONFIRMED), " and ".join(every))

    claim = Claim("X-3", "it rains most", finds(), "rain", overall=overall)
    runs = [Run("laptop", "these", REDUCED), Run("colab", "those", REDUCED)]
    (row,) = judged([claim], runs)
    assert (row.folder, row.where, row.outcome) == ("all", "everywhere", "confirmed")
    assert row.evidence == "these and those"


@pytest.mark.parametrize(
    "standings, outcome",
    [
        ([STAND_IN], NO_VERDICT),
        ([REDUCED, STAND_IN], NO_VERDICT),
        ([REDUCED, PUBLISHED], UNDECIDED),
        ([PUBLISHED, PUBLISHED], CONFIRMED),
    ],
)
def test_what_needs_all_results_stands_as_the_farthest_of_them(standings, outcome):
    def overall(every):
        yield Finding("everywhere", Judgement(CONFIRMED), "seen")

    claim = Claim("X-3", "it is wet", finds(CONFIRMED), "rain", LEVEL, overall)
    rows = judged([claim], [Run("", None, standing) for standing in standings])
    assert (rows[-1].folder, rows[-1].outcome) == ("all", outcome)

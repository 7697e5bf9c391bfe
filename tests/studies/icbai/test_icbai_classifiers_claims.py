"""ICBAI's verdicts on classifiers: every claim gives each of its outcomes on made results."""

import numpy as np
import pandas as pd
import pytest

from harness.claims import Run, Standing, judged
from harness.results import Results
from made import verdicts_on
from studies.icbai import classifiers
from studies.icbai.arms import COMPARED
from studies.icbai.claims import CLAIMS
from studies.icbai.classifiers import CASES

CASE = next(case for case in CASES if case.model == "alexnet")
LEVELS = (0.0, *classifiers.EPSILONS)
CONFIRMED, REFUTED, UNDECIDED = "confirmed", "refuted", "undecided"
NO_DIFFERENCE = "no difference"


def wrong_first(error: float, images: int) -> np.ndarray:
    """Outcomes, wrong on so large a share of the images, the first ones."""
    return np.arange(images) >= round(images * error)


def under_fgsm(errors, l2=None, images=1000):
    """Rows and outcomes of the faithful FGSM."""
    correct = np.array([wrong_first(error, images) for error in errors])
    rows = [
        {
            "protocol": "faithful",
            "attack": "FGSM",
            "arm": "FGSM",
            "units": "standardised",
            "epsilon": level,
            "epsilon_grey": level * 57.6,
            "mean_l2": (l2 or level * 10),
            "mean_linf": level,
            "seed": 0,
        }
        for level in LEVELS
    ]
    return rows, {"FGSM": correct}


def patched(errors: dict[tuple[int, str], float], images=100, kind="trained"):
    """Rows and outcomes of patches, at five places each, by side and class."""
    correct = {
        f"{side} {name}": np.tile(wrong_first(error, images), (5, 1))
        for (side, name), error in errors.items()
    }
    rows = [
        {
            "protocol": "corrected" if kind == "trained" else "faithful",
            "attack": f"{side} {name}",
            "arm": f"{side} {name}",
            "patch": kind,
            "patch_side": side,
            "patch_class": name,
            "patch_share": 0.08,
            "placement": placement,
            "mean_l2": 40.0,
            "mean_linf": 1.0,
            "seed": 0,
        }
        for side, name in errors
        for placement in range(5)
    ]
    return rows, correct


def results_of(*attacks, case=CASE, profile="paper") -> Results:
    """Results of one network under what `under_fgsm` and `patched` give."""
    table = pd.DataFrame([row for rows, _ in attacks for row in rows]).assign(
        case=str(case),
        model=case.model,
        dataset="imagenet",
        published_dataset="imagenet",
        variant="main",
        defense="none",
        view="logits",
    )
    correct = {arm: right for _, outcomes in attacks for arm, right in outcomes.items()}
    empty = pd.DataFrame()
    return Results(
        {"profile": profile},
        table,
        empty,
        empty,
        correct,
        COMPARED,
        examples={"FGSM": {"images": np.zeros([0, 10, 10, 1])}},
        patches={arm: {"rows": np.arange(right.shape[1])} for arm, right in correct.items()},
    )


def verdicts_of(*attacks) -> pd.DataFrame:
    return verdicts_on(CLAIMS, results_of(*attacks)).set_index("claim")


@pytest.mark.parametrize(
    ("errors", "falls", "saturates"),
    [
        # What happens beyond 4 % is no part of the rise.
        ([0.1, 0.80, 0.90, 0.95, 0.98, *[0.98] * 5, 0.979], CONFIRMED, CONFIRMED),
        ([0.1, 0.80, 0.90, 0.95, 0.98, *[0.98] * 5, 0.90], CONFIRMED, REFUTED),
        ([0.1, 0.80, 0.90, 0.95, 0.98, *[0.70] * 6], CONFIRMED, REFUTED),
        ([0.1, 0.80, 0.90, 0.95, 0.98, *[0.98] * 5, 0.99], CONFIRMED, UNDECIDED),
        ([0.1, 0.98, 0.95, 0.93, 0.90, *[0.90] * 6], REFUTED, CONFIRMED),
        ([0.1, 0.80, 0.95, 0.90, 0.98, *[0.98] * 6], REFUTED, CONFIRMED),  # a step back
        ([0.1, *[0.98] * 10], NO_DIFFERENCE, CONFIRMED),
        # Five images of a thousand, p = 0.06, then six, 0.03: not significant of three steps.
        ([0.1, 0.80, 0.90, 0.894, 0.98, *[0.98] * 6], CONFIRMED, CONFIRMED),
    ],
)
def test_icb_1_accuracy_falls_and_saturates(errors, falls, saturates):
    verdicts = verdicts_of(under_fgsm(errors))
    assert verdicts.loc["ICB-1a", "outcome"] == falls
    assert verdicts.loc["ICB-1b", "outcome"] == saturates
    change = f"from 0.04 to 0.1 the error changes by {100 * (errors[-1] - errors[4]):+.1f} ["
    assert change in verdicts.loc["ICB-1b", "evidence"]


def test_icb_1_is_undecided_on_few_images():
    """An image of 300 more is wrong at 0.04."""
    verdicts = verdicts_of(under_fgsm([0.1, *[0.97] * 3, *[0.9734] * 7], images=300))
    for claim in ("ICB-1a", "ICB-1b"):
        assert verdicts.loc[claim, "outcome"] == UNDECIDED
        assert "images would decide" in verdicts.loc[claim, "evidence"]


@pytest.mark.parametrize(
    "small, large, outcome",
    [
        ((0.3, 0.1), (0.9, 0.5), CONFIRMED),
        ((0.3, 0.1), (0.1, 0.05), REFUTED),
        ((0.3, 0.3), (0.3, 0.3), NO_DIFFERENCE),
        ((0.3, 0.3), (0.3, 0.302), NO_DIFFERENCE),
        ((0.3, 0.3), (0.35, 0.35), UNDECIDED),  # one image of 20
    ],
)
def test_icb_2_damage_grows_with_size(small, large, outcome):
    """Errors with a toaster and with a goldfish, of 32 pixels and of 64."""
    errors = {
        (side, name): error
        for side, both in ((32, small), (64, large))
        for name, error in zip(("toaster", "goldfish"), both, strict=True)
    }
    images = 20 if outcome == UNDECIDED else 1000
    verdicts = verdicts_of(patched(errors, images))
    assert verdicts.loc["ICB-2", "outcome"] == outcome
    evidence = verdicts.loc["ICB-2", "evidence"]
    assert f"{50 * (small[0] + small[1]):.1f} [" in evidence.split("% at 32 pixels")[0]


def test_icb_2_every_step_has_to_be_one():
    errors = {(32, "toaster"): 0.1, (48, "toaster"): 0.5, (64, "toaster"): 0.4}
    assert verdicts_of(patched(errors)).loc["ICB-2", "outcome"] == REFUTED
    one = {(32, "toaster"): 0.1}
    verdict = verdicts_of(patched(one)).loc["ICB-2"]
    assert verdict["outcome"] == "not run" and "two sizes" in verdict["evidence"]


def led(case, gains, images=1000) -> Results:
    """A network on which the toaster's error is so much above that of the next class, by side."""
    errors = {}
    for side, gain in zip(classifiers.SIDES, gains, strict=True):
        errors |= {(side, "toaster"): 0.5 + gain, (side, "goldfish"): 0.5, (side, "lipstick"): 0.1}
    return results_of(patched(errors, images), case=case)


def lead_of(*every: Results):
    """The verdicts on ICB-3, from so many folders."""
    claims = [claim for claim in CLAIMS if claim.id == "ICB-3"]
    runs = [Run(f"run {index}", each, Standing.REDUCED) for index, each in enumerate(every)]
    return judged(claims, runs)


AHEAD, BEHIND, EQUAL = 0.2, -0.2, 0.0


@pytest.mark.parametrize(
    "gains, outcome",
    [
        ([AHEAD] * 9, CONFIRMED),
        ([AHEAD] * 8 + [BEHIND], CONFIRMED),
        ([AHEAD] * 8 + [EQUAL], CONFIRMED),
        ([AHEAD] * 7 + [BEHIND] * 2, REFUTED),
        ([AHEAD] * 7 + [EQUAL] * 2, REFUTED),  # no difference in two
        ([AHEAD] * 6, UNDECIDED),  # the third network may follow or not
        ([BEHIND] * 2 + [AHEAD], REFUTED),  # one network is enough
        ([AHEAD] * 14 + [BEHIND], CONFIRMED),  # all five networks: one pair of nine may be another
        ([AHEAD] * 13 + [BEHIND] * 2, REFUTED),
    ],
)
def test_icb_3_the_toaster_leads_in_eight_of_nine_pairs(gains, outcome):
    """Each network has a folder of its own; all are judged together."""
    by_network = [gains[start : start + 3] for start in range(0, len(gains), 3)]
    every = [led(case, each) for case, each in zip(CASES, by_network, strict=False)]
    (row,) = lead_of(*every)
    assert (row.folder, row.outcome) == ("all", outcome)
    assert row.where == "trained patches, all networks and sizes"
    assert row.evidence.count("pixels") == len(gains)
    assert f"resnet101 48 pixels {100 * gains[1]:+.1f} [" in row.evidence


def test_icb_3_undecided_pairs_leave_it_open():
    few = [led(case, [AHEAD, AHEAD, 0.05], images=100) for case in CASES[:3]]
    (row,) = lead_of(*few)
    assert row.outcome == UNDECIDED and row.evidence.count("(undecided)") == 3


def test_icb_3_a_pair_that_was_run_twice_counts_once():
    """As in the run of more images, in whatever order."""
    ahead, behind = led(CASES[0], [AHEAD] * 3, 400), led(CASES[0], [BEHIND] * 3, 200)
    others = [led(case, [AHEAD] * 3) for case in CASES[1:3]]
    for every in ([ahead, behind, *others], [*others, behind, ahead]):
        (row,) = lead_of(*every)
        assert row.outcome == CONFIRMED and row.evidence.count("pixels") == 9


def test_icb_3_kinds_of_patches_are_judged_apart_and_need_a_toaster():
    def both(name):
        errors = {(32, name): 0.5, (32, "goldfish"): 0.1}
        return results_of(patched(errors), patched({(48, "lipstick"): 0.1}, kind="pasted"))

    (row,) = lead_of(both("toaster"))
    assert row.where.startswith("trained patches") and "32 pixels +40.0 [" in row.evidence
    (row,) = lead_of(both("pineapple"))
    assert row.outcome == "not run" and "toaster" in row.evidence


@pytest.mark.parametrize(
    "error, images, outcome",
    [
        (0.99, 100, CONFIRMED),
        (0.5, 100, REFUTED),
        (0.9, 1000, NO_DIFFERENCE),
        (0.91, 100, UNDECIDED),  # one image
    ],
)
def test_icb_4_patches_against_fgsm(error, images, outcome):
    """FGSM makes the network err on nine images of ten."""
    fgsm = under_fgsm([0.1, *[0.9] * 10], images=images)
    verdicts = verdicts_of(fgsm, patched({(64, "toaster"): error}, images, "pasted"))
    assert verdicts.loc["ICB-4", "outcome"] == outcome
    assert f"difference of {100 * error - 90:+.1f} [" in verdicts.loc["ICB-4", "evidence"]


@pytest.mark.parametrize("grey, outcome", [(1.15, CONFIRMED), (5.0, REFUTED)])
def test_icb_6_what_is_seen(grey, outcome):
    """Of 100 values, an L2 of 10 x 1.15 / 255 is a root mean square of 1.15 grey levels."""
    verdict = verdicts_of(under_fgsm([0.1] * 11, l2=10 * grey / 255)).loc["ICB-6"]
    assert verdict["outcome"] == outcome
    assert f"change {grey:.2f} grey levels" in verdict["evidence"]
    assert verdict["evidence"].endswith("no interval")

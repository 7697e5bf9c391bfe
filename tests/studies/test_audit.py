"""What measuring showed of the audits: which items are spoken of, and how sentences are put."""

import re
from collections.abc import Iterable

import numpy as np
import pytest

from evaluation import NotRun
from harness.claims import Claim, Finding, Run, Standing, at_each
from harness.rule import Judgement, Ruling
from made import made_arm, made_results
from reports.site import prose
from studies import STUDIES
from studies.audit import as_printed, audited, claimed, measured

ITEMS = prose.items(STUDIES["ntu"].folder.parent / "published" / "audit.md")
RESULTS = made_results(made_arm((0.0, 0.1), np.ones([2, 4], bool)))
REDUCED = Run("laptop", RESULTS, Standing.REDUCED)
PUBLISHED = Run("paper", RESULTS, Standing.PUBLISHED)


def not_in_the_audit(numbers: Iterable[str], prefix: str) -> set[str]:
    return {each for each in numbers if each not in ITEMS or not each.startswith(prefix)}


@pytest.mark.parametrize("study", STUDIES.values(), ids=lambda study: study.name)
def test_every_item_is_in_the_audit_and_every_grave_one_is_spoken_of(study):
    shown = study.audit([])
    prefix = study.claims[0].id[:3] + "-A"
    assert not not_in_the_audit(shown, prefix)
    grave = {each for each, (severity, _) in ITEMS.items() if severity == "A"}
    assert {each for each in grave if each.startswith(prefix)} <= set(shown)


def test_an_item_that_the_audit_does_not_have_is_found():
    assert not_in_the_audit(["NTU-A1", "NTU-A99", "PRX-A1"], "NTU-A") == {"NTU-A99", "PRX-A1"}


@pytest.mark.parametrize("study", STUDIES.values(), ids=lambda study: study.name)
def test_without_a_run_it_says_what_is_printed_and_what_would_be_needed(study):
    parts, prefix = {claim.id for claim in study.claims}, study.claims[0].id[:3]
    known = parts | {part.rstrip("abc") for part in parts}
    shown = study.audit([])
    assert any("Not run here" in text for text in shown.values())
    for text in shown.values():
        assert text[-1] == "." and "nan" not in text
        assert set(re.findall(rf"{prefix}-\d+[a-z]?", text)) <= known


@pytest.mark.parametrize("study", STUDIES.values(), ids=lambda study: study.name)
def test_results_of_something_else_are_no_error(study):
    elsewhere = made_results(
        made_arm((0.0, 0.1), np.ones([2, 4], bool), case="other/other"),
        trainings=[{"case": "other/other", "stage": "train-0"}],
        compared=study.compared,
    )
    assert study.audit([Run("here", elsewhere, Standing.REDUCED)]) == study.audit([])


def _says(results, place: str) -> str:
    if place == "nowhere":
        raise NotRun(place)
    return f"{place}: {len(results.table)} rows."


def test_a_sentence_for_each_place_that_was_run_after_the_size():
    shown = measured(_says, ["here", "nowhere", "there"], needs="an arm")
    assert shown([PUBLISHED]) == "As published, here: 2 rows. there: 2 rows."
    assert shown([REDUCED]) == "At a reduced size, here: 2 rows. there: 2 rows."
    assert shown([PUBLISHED, REDUCED]) == f"{shown([PUBLISHED])} {shown([REDUCED])}"
    assert shown([]) == "Not run here: it needs an arm."
    assert measured(_says, ["nowhere"], needs="an arm")([REDUCED]) == shown([])


def _claim(number: str, ruling: Ruling) -> Claim:
    def judge(results, place: str) -> Finding:
        return Finding(place, Judgement(ruling), f"evidence {place}")

    return Claim(number, "it holds", at_each(judge, ["here", "there"]), "an arm")


@pytest.mark.parametrize("ruling", [Ruling.CONFIRMED, Ruling.REFUTED])
def test_a_claim_is_summed_up_and_gives_its_evidence_where_it_is_asked_for(ruling):
    claims = [_claim("NTU-1", ruling), _claim("NTU-2", Ruling.UNDECIDED)]
    summed_up = f'NTU-1 ("it holds"): {ruling}.'
    assert claimed(claims, "NTU-1")([PUBLISHED]) == summed_up
    shown = claimed(claims, "NTU-1", places="there")([PUBLISHED])
    assert shown == f"{summed_up} NTU-1, there: evidence there."
    both = claimed(claims, "NTU-1", places="there")([PUBLISHED, REDUCED])
    assert "NTU-1, paper, there: evidence there. NTU-1, laptop, there:" in both
    assert claimed(claims, "NTU-1")([]) == "Not run here for NTU-1: it needs an arm."
    with pytest.raises(ValueError, match=r"numbers is \('NTU-3',\); accepted: NTU-1, NTU-2"):
        claimed(claims, "NTU-3")


def test_the_parts_of_an_item_follow_each_other():
    said = audited({"NTU-A1": (as_printed(lambda: "One."), as_printed(lambda: "Two."))}, [])
    assert said == {"NTU-A1": "One. Two."}

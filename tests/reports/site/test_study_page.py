"""What the pages of several studies say together: lessons, and what came of the claims."""

from pathlib import Path

import pytest

import studies
from harness.claims import Verdict
from harness.rule import Ruling
from reports.site import prose
from reports.site.lessons import TOPICS, lessons
from reports.site.study_page import AuditItem, StudyPage
from reports.verdicts import by_claim
from studies import STUDIES

AUDIT = Path(studies.__file__).parent / "published" / "audit.md"


def page(*audit: AuditItem, claims=()) -> StudyPage:
    return StudyPage(STUDIES["ntu"], [], None, claims, {}, [], audit, {})


def test_lessons_are_on_items_of_the_audit():
    every = [id for ids in TOPICS.values() for id in ids]
    assert len(set(every)) == len(every) and set(every) <= set(prose.items(AUDIT))


def test_a_lesson_says_what_was_measured_and_nothing_else():
    measured = AuditItem("NTU-A2", "A", "**Text**", "One, 0.4. Two. Three.")
    silent = AuditItem("NTU-A11", "A", "**Text**", "")
    (lesson,) = lessons([page(silent), page(measured)])
    assert (lesson.topic, lesson.items) == ("PGD that stands still", [measured])
    assert lesson.items[0].in_short == "One, 0.4. Two."
    assert AuditItem("NTU-A2", "A", "", "One.").in_short == "One."
    assert lessons([page(silent)]) == []


@pytest.mark.parametrize(
    ("outcomes", "upshot"),
    [
        ([Ruling.CONFIRMED, Ruling.CONFIRMED], "Held"),
        ([Ruling.REFUTED, Ruling.NO_DIFFERENCE], "Held nowhere"),
        ([Ruling.CONFIRMED, Ruling.UNDECIDED], "Held where it was decided"),
        ([Ruling.CONFIRMED, Ruling.REFUTED], "Held in some places and not in others"),
        ([Ruling.REFUTED, Ruling.NOT_RUN], "Held nowhere"),
        ([Ruling.UNDECIDED, Ruling.NOT_RUN], "Not decided"),
        ([Ruling.NO_VERDICT], "Not decided"),
    ],
    ids=lambda value: "" if isinstance(value, str) else " ".join(value),
)
def test_what_came_of_a_claim(outcomes, upshot):
    verdicts = [Verdict("NTU-1", "It falls", "laptop", "here", each, "") for each in outcomes]
    found = page(claims=by_claim(verdicts)).upshot
    assert {name: [part.id for part in parts] for name, parts in found.items() if parts} == {
        upshot: ["NTU-1"]
    }

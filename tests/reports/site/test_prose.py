"""The notes on claims and audit, item by item."""

from pathlib import Path

import pytest

from reports.site.prose import items
from reports.site.study_page import claim_id
from reports.verdicts import Part
from studies import STUDIES

NOTES = STUDIES["ntu"].folder.parent / "published"


def test_an_item_ends_where_the_next_begins(tmp_path):
    path = tmp_path / "notes.md"
    path.write_text(
        "# Title\n\n**ABC-A1 (B) One thing.** Its text,\nin two lines.\n\n**ABC-A2 (A) Another.**\n"
        "Text.\n\n---\n\n## Next\n\n**DEF-1. A claim** (section 2).\nTest.\n"
    )
    assert items(path) == {
        "ABC-A1": ("B", "**One thing.** Its text,\nin two lines."),
        "ABC-A2": ("A", "**Another.**\nText."),
        "DEF-1": ("", "**A claim** (section 2).\nTest."),
    }


def test_every_audit_item_is_found():
    found = items(NOTES / "audit.md")
    written = [line for line in (NOTES / "audit.md").read_text().splitlines() if "-A" in line[:8]]
    assert len(found) == len([line for line in written if line.startswith("**")]) > 60
    assert {severity for severity, _ in found.values()} == {"A", "B", "C"}


@pytest.mark.parametrize("name", STUDIES)
def test_every_claim_has_a_note(name):
    ids = {claim.id for claim in STUDIES[name].claims}
    whole = {claim_id([Part(id, "", ())] * (2 if id[-1].isalpha() else 1)) for id in ids}
    assert whole <= set(items(NOTES / "claims.md"))


def test_a_file_without_items_has_none(tmp_path: Path):
    path = tmp_path / "notes.md"
    path.write_text("**Bold** text.\n")
    assert items(path) == {}

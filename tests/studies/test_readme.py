"""The README says what the committed results say."""

from dataclasses import replace

import pytest

from reports.site.reference import attack_entries
from studies import readme


@pytest.fixture(scope="module")
def measured():
    return readme.findings()


def test_the_readme_is_up_to_date(measured):
    text = readme.README.read_text()
    assert readme.updated(text, measured) == text, "python -m studies.readme writes it"
    assert all(finding.sentence in text for finding in measured.values())


@pytest.mark.slow
def test_the_overview_is_up_to_date():
    assert readme.overview() == readme.OVERVIEW.read_text(), "python -m studies.readme writes it"


def test_another_measurement_gives_another_readme(measured):
    text = readme.README.read_text()
    other = replace(measured[readme.FIRST], sentence="It was otherwise.")
    changed = readme.updated(text, dict(measured) | {readme.FIRST: other})
    assert changed.count("It was otherwise.") == 2  # at the top, and in the list of studies
    assert measured[readme.FIRST].sentence not in changed


def test_the_readme_links_the_papers_of_every_attack():
    text = readme.README.read_text()
    for entry in attack_entries():
        assert entry.papers[0].link in text, entry.name

"""The site of the committed results, in a browser: every page, and what its readers do there."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("selenium")  # before what needs it is imported

from look import CHECKS, VIEWS, look, show
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By

from crawl import broken_links, crawl, foreign_resources
from reports.site import build_site
from studies import STUDIES
from studies.run import RESULTS

pytestmark = pytest.mark.browser


@pytest.fixture(scope="session")
def index(tmp_path_factory):
    return build_site(STUDIES, RESULTS, tmp_path_factory.mktemp("site") / "site")


@pytest.fixture(scope="session")
def pages(index):
    return crawl(index)


@pytest.fixture(scope="session")
def seen(pages, driver, axe):
    """The faults by page and view; every page is loaded once for each view."""
    return {(page, view): look(driver, page, view, axe) for page in pages for view in VIEWS}


def test_every_page_is_found(index, pages):
    assert set(pages) == set(index.parent.rglob("*.html"))
    assert len(pages) > 2 * len(STUDIES)


def test_every_link_leads_somewhere(pages):
    assert broken_links(pages) == []


def test_nothing_is_asked_of_another_host(pages):
    assert foreign_resources(pages) == []


@pytest.mark.parametrize("check", CHECKS, indirect=True)
def test_every_page_is_shown_without_fault(check, seen, index):
    faults = [
        f"{page.relative_to(index.parent)} at {view.width} pixels, {view.scheme}: {fault}"
        for (page, view), by_check in seen.items()
        for fault in by_check[check]
    ]
    assert not faults, "\n".join(faults)


def printed(study: str) -> list[tuple[int, pd.Series]]:
    """The first, a middle and the last of the published numbers that were measured.

    Each as the run has it that is nearest to the study, which is shown first.
    """
    folders = [path.parent for path in sorted((RESULTS / study).glob("laptop*/run.json"))]
    measured: dict[int, pd.Series] = {}
    for folder in sorted(folders, key=lambda folder: not is_as_published(folder)):
        path = folder / "comparison.csv"
        comparison = pd.read_csv(path, dtype={"value": str, "on": str}).fillna({"on": ""})
        for at, row in comparison[comparison["status"].str.startswith("measured")].iterrows():
            measured.setdefault(at, row)
    every = sorted(measured)
    return [(at, measured[at]) for at in sorted({every[0], every[len(every) // 2], every[-1]})]


def is_as_published(folder: Path) -> bool:
    return json.loads((folder / "run.json").read_text()).get("as_published", False)


NUMBERS = [(study, at, row) for study in STUDIES for at, row in printed(study)]


@pytest.mark.parametrize(
    ("study", "at", "row"), NUMBERS, ids=[f"{study}-{at}" for study, at, _ in NUMBERS]
)
def test_two_clicks_lead_from_the_index_to_what_was_measured(study, at, row, driver, index):
    """To the measurement, and from the same page to the claim and the command."""
    show(driver, index, VIEWS[0])
    driver.find_element(By.CSS_SELECTOR, f'a[href="{study}/index.html#published"]').click()
    line = driver.find_element(By.ID, f"printed-{at + 1}")
    if not line.is_displayed():
        line.find_element(By.XPATH, "ancestor::details/summary").click()
    cells = {
        cell.get_attribute("data-label"): cell.text
        for cell in line.find_elements(By.TAG_NAME, "td")
    }
    assert float(cells["published"]) == float(row["value"])
    protocol, _, stand_in = cells["protocol"].partition(", on ")
    assert cells["measured"].startswith(f"{row[protocol]:.2f}")
    assert stand_in == row["on"]
    for claim in line.find_elements(By.CSS_SELECTOR, '[data-label="claims"] a'):
        name = claim.text
        assert driver.find_element(By.ID, name).get_attribute("textContent").find(name) >= 0
    command = driver.find_element(By.ID, "again").text
    assert f"python reproduce.py run {study} --profile laptop" in command


def test_a_click_on_a_claim_unfolds_it(driver, index):
    show(driver, index.parent / "ntu" / "index.html", VIEWS[2])
    claim = driver.find_element(By.CSS_SELECTOR, "details.claim")
    places = claim.find_element(By.CLASS_NAME, "places")
    assert not places.is_displayed()
    claim.find_element(By.TAG_NAME, "summary").send_keys(Keys.ENTER)
    assert places.is_displayed() and places.text


def test_an_address_with_an_anchor_unfolds_what_it_points_to(driver, index):
    driver.get("about:blank")
    driver.get((index.parent / "ntu" / "index.html").as_uri() + "#NTU-5")
    assert driver.find_element(By.CSS_SELECTOR, "#NTU-5 .places").is_displayed()


def test_tables_are_sorted_by_keyboard(driver, index):
    show(driver, index.parent / "ntu" / "index.html", VIEWS[0])
    table = driver.find_element(By.CSS_SELECTOR, "details[open] table")
    for direction, ordered in (("ascending", sorted), ("descending", falling)):
        head = table.find_element(By.CSS_SELECTOR, "th:nth-child(6)")
        head.find_element(By.TAG_NAME, "button").send_keys(Keys.SPACE)
        assert head.get_attribute("aria-sort") == direction
        cells = table.find_elements(By.CSS_SELECTOR, "td:nth-child(6)")
        values = [float(text[0]) for each in cells if (text := re.findall(r"^-?[\d.]+", each.text))]
        assert len(values) > 3 and len(set(values)) > 1
        assert values == ordered(values)


def falling(values: list[float]) -> list[float]:
    return sorted(values, reverse=True)

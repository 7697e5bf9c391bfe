"""The page on a user's own model, in a browser."""

import pytest

pytest.importorskip("selenium")  # before what needs it is imported

from look import CHECKS, VIEWS, look

from blobs import blobs, plain
from crawl import broken_links, crawl, foreign_resources
from evaluation import evaluate_robustness
from quick_battery import quick_autoattack
from reports.robustness_page import Setting, build_page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Of a saturated network, which raises warnings, on few images."""
    model = plain()
    with quick_autoattack():
        robustness = evaluate_robustness(
            lambda x: 100 * model(x), *blobs(16, seed=1), epsilon=0.1, autoattack_images=5
        )
    setting = Setting("a_long_name_of_a_model_without_a_space.keras", "blobs", tuple("0123456789"))
    return build_page(robustness, setting, tmp_path_factory.mktemp("own") / "page")


def test_its_links_lead_somewhere(page):
    pages = crawl(page)
    assert broken_links(pages) == foreign_resources(pages) == []


@pytest.fixture(scope="module")
def seen(page, driver, axe):
    return {view: look(driver, page, view, axe) for view in VIEWS}


@pytest.mark.parametrize("check", CHECKS, indirect=True)
def test_it_is_shown_without_fault(check, seen):
    assert {view: by_check[check] for view, by_check in seen.items() if by_check[check]} == {}

"""One headless browser for all tests of pages, and axe-core, where they are there."""

import shutil
import sys
from pathlib import Path

import pytest

#: Where `make test-browser` puts axe-core.
AXE = Path(sys.prefix) / "axe" / "node_modules" / "axe-core" / "axe.min.js"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def driver():
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is missing")
    binary = next(filter(None, map(shutil.which, BROWSERS)), None)
    for name, path in (("chromium", binary), ("chromedriver", shutil.which("chromedriver"))):
        if path is None:
            pytest.skip(f"{name} is missing; on Debian: apt-get install chromium chromium-driver")
    options = selenium.ChromeOptions()
    options.binary_location = binary
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = selenium.ChromeService(shutil.which("chromedriver"))
    with selenium.Chrome(options=options, service=service) as driver:
        driver.set_script_timeout(120)
        yield driver


@pytest.fixture(scope="session")
def axe() -> str | None:
    """The source of axe-core, `None` where it is missing."""
    return AXE.read_text(encoding="utf-8") if AXE.is_file() else None


@pytest.fixture
def check(request, axe) -> str:
    """One of `look.CHECKS`; skips what needs axe-core where it is missing."""
    if request.param == "accessibility" and axe is None:
        pytest.skip("axe-core is missing: `make test-browser` installs it where there is npm")
    return request.param

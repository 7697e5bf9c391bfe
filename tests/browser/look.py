"""What a browser shows of a page: faults that only rendering brings to light."""

from pathlib import Path
from typing import NamedTuple

from selenium.webdriver import Chrome

CHECKS = ("overflow", "images", "console", "requests", "accessibility")


class View(NamedTuple):
    """How a page is looked at; `audited` says whether axe-core looks at it as well."""

    width: int
    scheme: str
    audited: bool


#: axe-core looks once in each colour scheme, and once at each width.
VIEWS = (
    View(1280, "light", True),
    View(1280, "dark", False),
    View(390, "light", False),
    View(390, "dark", True),
)

_OVERFLOW = """
const page = document.documentElement, width = arguments[0];
if (page.scrollWidth <= width) return [];
const scrolls = e => e && e !== page && e !== document.body
    && (['auto', 'scroll', 'hidden'].includes(getComputedStyle(e).overflowX)
        || scrolls(e.parentElement));
const wide = [...document.body.querySelectorAll('*')].filter(
    e => e.getBoundingClientRect().right > width && !scrolls(e.parentElement));
const names = wide.slice(-3).map(e => e.outerHTML.slice(0, 100));
return [page.scrollWidth + ' pixels wide: ' + names.join(' ... ')];
"""

_UNFOLD = """
const done = arguments[0];
document.querySelectorAll('details').forEach(e => e.open = true);
const images = [...document.images];
images.forEach(e => e.loading = 'eager');
Promise.all(images.map(e => e.decode().catch(() => null))).then(() => done(
    images.filter(e => !e.naturalWidth).map(e => e.outerHTML.slice(0, 100))));
"""

_REQUESTS = """
return performance.getEntriesByType('resource').map(e => e.name)
    .filter(each => !/^(file|data|blob):/.test(each));
"""

_AUDIT = """
const done = arguments[0];
axe.run(document, {resultTypes: ['violations'], preload: false}).then(
    found => done(found.violations
        .filter(each => ['serious', 'critical'].includes(each.impact))
        .map(each => each.id + ', ' + each.nodes.length + ' times: '
            + each.nodes.slice(0, 3).map(n => n.html.slice(0, 150) + ' ' + n.failureSummary)
                .join(' ... '))),
    error => done(['axe-core fails: ' + error]));
"""


def look(driver: Chrome, page: Path, view: View, axe: str | None = None) -> dict[str, list[str]]:
    """The faults of a page in one view, by check; all of its details are unfolded.

    Args:
        driver: the browser, whose settings are changed.
        page: an HTML file.
        view: how it is looked at.
        axe: the source of axe-core; `None` to do without.
    """
    show(driver, page, view)
    folded = driver.execute_script(_OVERFLOW, view.width)
    images = driver.execute_async_script(_UNFOLD)
    faults = {
        "overflow": folded or driver.execute_script(_OVERFLOW, view.width),
        "images": images,
        "requests": driver.execute_script(_REQUESTS),
        "accessibility": [],
    }
    if axe and view.audited:
        driver.execute_script(axe)
        faults["accessibility"] = driver.execute_async_script(_AUDIT)
    logged = (each for each in driver.get_log("browser") if each["level"] != "INFO")
    return faults | {"console": [each["message"] for each in logged]}


def show(driver: Chrome, page: Path, view: View) -> None:
    """Loads a page."""
    size = {"width": view.width, "height": 900, "deviceScaleFactor": 1, "mobile": view.width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    feature = {"name": "prefers-color-scheme", "value": view.scheme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    driver.get(page.as_uri())

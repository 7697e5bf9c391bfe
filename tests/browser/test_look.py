"""Every check of a rendered page passes a sound page and fails on a planted fault."""

import pytest

pytest.importorskip("selenium")  # before what needs it is imported

from look import CHECKS, VIEWS, look

pytestmark = pytest.mark.browser

SOUND = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sound</title><link rel="icon" href="data:,">
<style>:root {{ color-scheme: light dark }} div {{ overflow-x: auto }}</style></head>
<body><main><h1>Sound</h1><p>Words.</p>
<div tabindex="0" role="region" aria-label="wide"><p style="width: 3000px">Wide.</p></div>
{fault}</main></body></html>
"""
PICTURE = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="

FAULTS = {
    "overflow": [
        '<p style="width: 3000px">wide</p>',
        '<details><summary>more</summary><p style="width: 3000px">wide</p></details>',
    ],
    "images": [
        '<img src="gone.png" alt="gone">',
        '<img src="data:image/png;base64,AAAA" alt="no picture" loading="lazy">',
        '<details><summary>more</summary><img src="gone.png" alt="gone"></details>',
    ],
    "console": [
        "<script>console.error('an error')</script>",
        "<script>console.warn('a warning')</script>",
        "<script>nothing()</script>",
    ],
    "requests": ["<script>fetch('https://host.invalid/').catch(() => null)</script>"],
    "accessibility": [
        '<p style="color: #999; background: #fff">pale</p>',
        f'<img src="{PICTURE}">',
        '<details><summary>more</summary><p style="color: #999; background: #fff">pale</p>'
        "</details>",
    ],
}


def shown(fault, tmp_path, driver, axe):
    """The faults in all views, by check."""
    page = tmp_path / "index.html"
    page.write_text(SOUND.format(fault=fault))
    seen = [look(driver, page, view, axe) for view in VIEWS]
    return {check: [fault for each in seen for fault in each[check]] for check in CHECKS}


def test_a_sound_page_has_no_fault(tmp_path, driver, axe):
    fine = f'<img src="{PICTURE}" alt="a dot" loading="lazy"><details><summary>more</summary>'
    assert not any(shown(f"{fine}<p>More.</p></details>", tmp_path, driver, axe).values())


@pytest.mark.parametrize(
    ("check", "fault"),
    [(check, fault) for check in CHECKS for fault in FAULTS[check]],
    indirect=["check"],
)
def test_a_planted_fault_is_found(check, fault, tmp_path, driver, axe):
    assert shown(fault, tmp_path, driver, axe)[check]


@pytest.mark.parametrize("check", ["accessibility"], indirect=True)
def test_a_fault_of_one_view_is_found_there(check, tmp_path, driver, axe):
    page = tmp_path / "index.html"
    style = "<style>@media (prefers-color-scheme: dark) { p { color: #333; background: #000 } }"
    page.write_text(SOUND.format(fault=style + '</style><p style="width: 800px">half</p>'))
    for view in VIEWS:
        faults = look(driver, page, view, axe)
        assert bool(faults["overflow"]) == (view.width == 390)
        assert bool(faults[check]) == (view.scheme == "dark" and view.audited)

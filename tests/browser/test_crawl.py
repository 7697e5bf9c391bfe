"""The crawler finds every page, and every link that leads nowhere."""

from pathlib import Path

import pytest

from crawl import broken_links, crawl, foreign_resources


def written(folder: Path, **pages: str) -> Path:
    """The index of a site; the names of other pages are without ".html"."""
    for name, body in pages.items():
        (folder / f"{name}.html").write_text(f"<!doctype html><body>{body}")
    return folder / "index.html"


def test_pages_are_found_by_their_links(tmp_path):
    (tmp_path / "study").mkdir()
    written(tmp_path / "study", index='<a href="../index.html">up</a>')
    index = written(
        tmp_path,
        index='<a href="a.html#here">a</a> <a href="study/">s</a> <a href="https://x.org">x</a>',
        a='<p id="here"><a href="#here">here</a>',
        unlinked="",
    )
    found = {str(each.relative_to(tmp_path)) for each in crawl(index)}
    assert found == {"index.html", "a.html", "study/index.html"}
    assert broken_links(crawl(index)) == foreign_resources(crawl(index)) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="gone.html">', "index.html: gone.html has no file"),
        ('<img src="gone.png">', "index.html: gone.png has no file"),
        ('<a href="#gone">', "index.html: #gone has no such anchor"),
        ('<a href="a.html#gone">', "index.html: a.html#gone has no such anchor"),
        ('<a href="../outside.html">', "index.html: ../outside.html leaves the site"),
    ],
)
def test_a_link_that_leads_nowhere_is_found(body, fault, tmp_path):
    written(tmp_path, outside="")
    folder = tmp_path / "site"
    folder.mkdir()
    index = written(folder, index=f'<a href="a.html">a</a>{body}', a="")
    assert broken_links(crawl(index)) == [fault]


@pytest.mark.parametrize(
    "body",
    [
        '<script src="https://x.org/a"></script>',
        '<link rel="stylesheet" href="//x.org/a">',
        '<img srcset="data:, 1x, https://x.org/a 2x">',
        "<style>@import 'https://x.org/a';</style>",
        '<p style="background: url(https://x.org/a)">',
    ],
)
def test_what_is_asked_of_another_host_is_found(body, tmp_path):
    [fault] = foreign_resources(crawl(written(tmp_path, index=body)))
    assert fault.startswith("index.html: ") and fault.endswith("//x.org/a")


def test_style_sheets_are_searched_for_other_hosts(tmp_path):
    index = written(tmp_path, index="")
    (tmp_path / "own.css").write_text("@font-face { src: url('https://x.org/a') }")
    assert foreign_resources(crawl(index)) == ["own.css: https://x.org/a"]

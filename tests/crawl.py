"""The pages of a static site, found by its links, and what they refer to; needs no browser."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class Page(HTMLParser):
    """An HTML file.

    Attributes:
        path: of the file.
        ids: of its elements, where a link can lead to.
        links: what a reader can follow.
        resources: what a browser loads by itself.
    """

    path: Path
    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    resources: list[str] = field(default_factory=list)

    def __post_init__(self):
        super().__init__()
        text = self.path.read_text(encoding="utf-8")
        self.feed(text)
        styles = re.findall(r"<style.*?</style>", text, re.S) + re.findall(r'style="(.*?)"', text)
        self.resources += [url for style in styles for url in _urls(style)]

    def handle_starttag(self, tag, attributes):
        given = {name: value for name, value in attributes if value}
        self.ids += [given["id"]] if "id" in given else []
        if "href" in given:
            (self.links if tag in ("a", "area") else self.resources).append(given["href"])
        self.resources += [given[name] for name in ("src", "poster", "data") if name in given]
        sets = given.get("srcset", "").split(",")
        self.resources += [each.split()[0] for each in sets if each.strip()]


def _urls(style: str) -> list[str]:
    """The addresses in a text of CSS."""
    found = re.findall(r"url\(\s*['\"]?(.*?)['\"]?\s*\)|@import\s+['\"](.*?)['\"]", style)
    return [a or b for a, b in found]


def crawl(index: Path) -> dict[Path, Page]:
    """The page `index` and all that can be reached from it, by path."""
    index = index.resolve()
    pages: dict[Path, Page] = {}
    pending = [index]
    while pending:
        path = pending.pop()
        if path not in pages:
            pages[path] = Page(path)
            targets = (_target(path, link) for link in pages[path].links)
            pending += [each for each in targets if each and each.suffix == ".html"]
            pending = [each for each in pending if each.is_file()]
    return pages


def _target(page: Path, link: str) -> Path | None:
    """The file that a link on a page leads to; `None` for one on another host."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    return target / "index.html" if target.is_dir() else target


def broken_links(pages: dict[Path, Page]) -> list[str]:
    """Links and resources without a target, or whose target lies outside the site."""
    root = next(iter(pages)).parent
    faults = []
    for page in pages.values():
        for link in dict.fromkeys(page.links + page.resources):
            target, fragment = _target(page.path, link), unquote(urlsplit(link).fragment)
            if target is None:
                continue
            at = f"{page.path.relative_to(root)}: {link}"
            if not target.is_file():
                faults.append(f"{at} has no file")
            elif not target.is_relative_to(root):
                faults.append(f"{at} leaves the site")
            elif fragment and target in pages and fragment not in pages[target].ids:
                faults.append(f"{at} has no such anchor")
    return faults


def foreign_resources(pages: dict[Path, Page]) -> list[str]:
    """Resources that a browser would ask another host for, also those in style sheets."""
    root = next(iter(pages)).parent
    sheets = {path: _urls(path.read_text()) for path in root.rglob("*.css")}
    named = {page.path: page.resources for page in pages.values()} | sheets
    return [
        f"{path.relative_to(root)}: {each}"
        for path, resources in named.items()
        for each in resources
        if urlsplit(each).netloc
    ]

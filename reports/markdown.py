"""Markdown as pages show it: anchors, pictures for both widths, tables that fold and scroll."""

import re
from collections.abc import Sequence
from html import escape
from itertools import groupby
from pathlib import PurePosixPath
from typing import NamedTuple

from markdown_it.token import Token
from markupsafe import Markup

from reports.figures.medium import Medium
from reports.figures.vector import narrow_path
from reports.rendering import markdown_parser

#: A table of more rows is folded.
_LONG = 14
_TAGS = re.compile(r"(<[^>]+>)")


class Heading(NamedTuple):
    level: int
    anchor: str
    text: str


class Page(NamedTuple):
    """A text as HTML, its headings, and the captions and addresses of its pictures."""

    html: Markup
    headings: Sequence[Heading]
    pictures: Sequence[tuple[str, str]]


def rendered(text: str) -> Page:
    """Markdown with pipe tables."""
    parser = markdown_parser()
    tokens = parser.parse(text)
    headings = _anchored(tokens)
    for number, table in enumerate(_tables(tokens), 1):
        _labelled(table, number)
    parser.add_render_rule("table_open", _table_open)
    parser.add_render_rule("table_close", _table_close)
    parser.add_render_rule("image", _image)
    html = parser.renderer.render(tokens, parser.options, {})
    # A figure is no part of a paragraph.
    html = re.sub(r"<p>(<figure>.*?</figure>)</p>", r"\1", html, flags=re.DOTALL)
    inline = [child for token in tokens for child in token.children or []]
    pictures = [_picture_of(each) for each in inline if each.type == "image"]
    return Page(Markup(html), headings, pictures)


def linked(html: str, addresses: dict[str, str]) -> Markup:
    """Makes links of the ids of claims and audit items that stand in a text.

    Args:
        addresses: by id.
    """
    ids = re.compile(rf"\b({'|'.join(sorted(addresses, key=len, reverse=True))})\b(?![-\w])")
    parts, inside = [], 0
    for part in _TAGS.split(html):
        tag = re.match(r"<(/?)(a|code|pre|title|summary|h\d|script|style)\b", part)
        if tag:
            inside += -1 if tag[1] else 1
        elif not inside and not part.startswith("<"):
            part = ids.sub(lambda match: f'<a href="{addresses[match[1]]}">{match[1]}</a>', part)
        parts.append(part)
    return Markup("".join(parts))


def _anchored(tokens: list[Token]) -> list[Heading]:
    """Gives every heading an id that no other one on the page has."""
    headings: list[Heading] = []
    for token, inline in zip(tokens, tokens[1:]):
        if token.type == "heading_open":
            slug = re.sub(r"[^a-z0-9]+", "-", inline.content.lower()).strip("-")
            taken = sum(re.sub(r"-\d+$", "", each.anchor) == slug for each in headings)
            anchor = f"{slug}-{taken + 1}" if taken else slug
            token.attrSet("id", anchor)
            headings.append(Heading(int(token.tag[1]), anchor, inline.content))
    return headings


def _tables(tokens: list[Token]) -> list[list[Token]]:
    """The tokens of each table."""
    tables: list[list[Token]] = []
    inside = False
    for token in tokens:
        if token.type == "table_open":
            tables.append([])
            inside = True
        if inside:
            tables[-1].append(token)
        inside = inside and token.type != "table_close"
    return tables


def _labelled(table: list[Token], number: int) -> None:
    """Writes the head of its column into every cell, for narrow screens, and counts the rows.

    Args:
        number: of the table on the page, by which it is called.
    """
    heads = [inline.content for cell, inline in zip(table, table[1:]) if cell.type == "th_open"]
    for starts_row, tokens in groupby(table, lambda token: token.type == "tr_open"):
        if not starts_row:
            cells = [token for token in tokens if token.type == "td_open"]
            for cell, head in zip(cells, heads):
                cell.attrSet("data-label", head)
    rows = sum(token.type == "tr_open" for token in table) - 1
    for token in (table[0], table[-1]):
        token.meta = {"rows": rows, "number": number}


def _table_open(self, tokens: list[Token], index: int, options, env) -> str:
    rows, number = tokens[index].meta["rows"], tokens[index].meta["number"]
    fold = f"<details><summary>Table of {rows} rows</summary>" if rows > _LONG else ""
    label = f'role="region" tabindex="0" aria-label="Table {number}"'
    return f'{fold}<div class="table" {label}><table>\n'


def _table_close(self, tokens: list[Token], index: int, options, env) -> str:
    fold = "</details>" if tokens[index].meta["rows"] > _LONG else ""
    return f"</table></div>{fold}\n"


def _image(self, tokens: list[Token], index: int, options, env) -> str:
    # Markdown-it 3.0 adds it to what comes before, which a `Markup` would escape.
    return str(figure(*_picture_of(tokens[index])))


def _picture_of(image: Token) -> tuple[str, str]:
    """Its caption, as text, and its address."""
    caption = "".join(each.content for each in image.children or [])
    return caption, str(image.attrs["src"])


def figure(caption: str, address: str) -> Markup:
    """A picture with its caption."""
    shown = picture(caption, address)
    return Markup(f"<figure>{shown}<figcaption>{escape(caption)}</figcaption></figure>")


def picture(described: str, address: str) -> Markup:
    """A picture; of an SVG, on narrow screens the one that lies beside it for them."""
    image = f'<img loading="lazy" src="{escape(address)}" alt="{escape(described)}">'
    path = PurePosixPath(address)
    if path.suffix != Medium.SITE:
        return Markup(image)
    narrow = f'<source media="(max-width: 640px)" srcset="{escape(str(narrow_path(path)))}">'
    return Markup(f"<picture>{narrow}{image}</picture>")

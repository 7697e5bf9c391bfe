"""Templates and Markdown, as all pages are made from them."""

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from reports.command import command_of
from reports.outside_names import in_code, in_markdown, in_python

_OTHER_TAG = re.compile(r"<(?!/?(?:details|summary|b|br)>)")
_TEMPLATES = Path(__file__).parent / "templates"


def environment(*folders: Path) -> Environment:
    """The templates of every page, and those in some more folders."""
    templates = Environment(
        loader=FileSystemLoader([_TEMPLATES, *folders]),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters |= {"name": in_markdown, "code": in_code, "in_python": in_python}
    templates.filters |= {"command": command_of, "whole_sentence": _whole_sentence}
    return templates


def markdown_parser() -> MarkdownIt:
    """Of Markdown with pipe tables, in which of HTML only the tags of folded text count."""
    parser = MarkdownIt("commonmark").enable("table")
    for kind in ("html_block", "html_inline"):
        parser.add_render_rule(kind, _folding_tags_only)
    return parser


def inline_html_of(markdown: str) -> Markup:
    """Markdown of one paragraph as HTML, without the paragraph around it."""
    return Markup(markdown_parser().renderInline(markdown))


def _whole_sentence(text: str) -> str:
    """Text that begins with a capital, the rest as it is."""
    return text[:1].upper() + text[1:]


def _folding_tags_only(self, tokens: list[Token], index: int, options, env) -> str:
    """Names of files, classes and machines may hold other tags, which show as they are written."""
    return _OTHER_TAG.sub("&lt;", tokens[index].content)

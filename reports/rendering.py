"""Templates and Markdown, as all pages are made from them."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markdown_it import MarkdownIt
from markupsafe import Markup

_TEMPLATES = Path(__file__).parent / "templates"


def environment(*folders: Path) -> Environment:
    """The templates of every page, and those in some more folders."""
    return Environment(
        loader=FileSystemLoader([_TEMPLATES, *folders]),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def html_of(markdown: str) -> Markup:
    """Markdown with pipe tables as HTML."""
    return Markup(MarkdownIt("commonmark").enable("table").render(markdown))


def inline_html_of(markdown: str) -> Markup:
    """Markdown of one paragraph as HTML, without the paragraph around it."""
    return Markup(MarkdownIt("commonmark").renderInline(markdown))

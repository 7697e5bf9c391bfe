"""Names that others chose, in pages of Markdown: every character shows, and none does anything.

Names of classes, files and models, and what a results folder says of its machine, may hold
Markdown, HTML, links, or the dollars of a formula. Pages of HTML are escaped by their templates,
and figures read no formulas (see `reports.figures.canvas`).
"""

import json
import re
import shlex

from files import printable

#: Emphasis, code, tags, cells, links, strikes and formulas; entities. An underscore between letters
#: emphasises nothing, and brackets around an interval are no link.
_INTERVAL = r"(?<!!)\[[\d., %+-]*(?:no bound)?\](?![(\[:])"
_ACTIVE = r"[\\`*<|~$\[\]]|(?<![^\W_])_|_(?![^\W_])|!(?=\[)|&(?=#?\w+;)"
_PARTS = re.compile(f"({_INTERVAL})|{_ACTIVE}")


def in_markdown(name: object) -> str:
    """A name as part of a line or of a cell of a table."""
    return _PARTS.sub(lambda part: part[1] or f"\\{part[0]}", printable(str(name)))


def in_code(name: object) -> str:
    """A name as code of Markdown, not in a cell of a table."""
    text = printable(str(name))
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if "`" in text else ""
    return f"{fence}{space}{text}{space}{fence}"


def in_python(name: str) -> str:
    """A name as a text in a program of Python that a reader may copy."""
    text = json.dumps(name, ensure_ascii=False)
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def in_shell(name: object) -> str:
    """A name as one word of a command that a reader may copy."""
    return shlex.quote(printable(str(name)))

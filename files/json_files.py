"""JSON that is neither too large nor nested too deeply for those who walk through it."""

import json
import re
from pathlib import Path
from typing import Any

from files.limits import TEXT, check_size

#: Networks in networks in wrappers have some tens.
_DEEPEST = 200
# A string that does not end is one to the end of the text, so that it is looked at once.
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)


def read_json(path: Path) -> Any:
    """What is in a file of JSON.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no JSON, or larger or nested more deeply than is accepted.
    """
    try:
        check_size("it", path.stat().st_size, TEXT)
        return parsed_json(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as JSON: {error}") from error


def parsed_json(text: str | bytes) -> Any:
    """What a text of JSON says.

    Raises:
        ValueError: it is no JSON, or larger or nested more deeply than is accepted.
    """
    check_size("JSON", len(text), TEXT)
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    if _depth(text) > _DEEPEST:  # the parser and whoever walks through it would recurse
        raise ValueError(f"it is nested deeply; accepted: at most {_DEEPEST} levels")
    return json.loads(text)


def _depth(text: str) -> int:
    deepest = depth = 0
    for match in _BRACKETS.finditer(text):
        bracket = match[0]
        if bracket in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif bracket in "]}":
            depth -= 1
    return deepest

"""Items of the written notes on the studies, by their ids."""

import re
from pathlib import Path

#: How an item begins: "**NTU-3. What is claimed**", "**NTU-A2 (A) What is wrong.**"
_START = re.compile(r"^\*\*([A-Z]{3}-A?\d+)(?: \(([A-C])\))?\.? ", re.MULTILINE)
#: What ends the last item of a study.
_END = re.compile(r"^(?:---|#)", re.MULTILINE)

SEVERITIES = {
    "A": "can change a conclusion",
    "B": "changes numbers",
    "C": "wording or bookkeeping",
}


def items(path: Path) -> dict[str, tuple[str, str]]:
    """Severity ("A", "B", "C", or "" without one) and text of every item of a Markdown file."""
    text = path.read_text()
    starts = list(_START.finditer(text))
    ends = [each.start() for each in starts][1:] + [len(text)]
    bodies = (text[start.end() : end] for start, end in zip(starts, ends))
    return {
        start[1]: (start[2] or "", f"**{_END.split(body)[0].strip()}")
        for start, body in zip(starts, bodies)
    }

"""Files that may come from a stranger: how large they may be, JSON, arrays, and their names.

And Ctrl-C, which every package above has to expect: `files.interrupts`.
"""

from files.json_files import parsed_json, read_json
from files.limits import MEMBER, TEXT, check_size, memory_at_hand
from files.names import printable

__all__ = [
    "MEMBER",
    "TEXT",
    "check_size",
    "memory_at_hand",
    "parsed_json",
    "printable",
    "read_json",
]

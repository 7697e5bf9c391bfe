"""Names that others chose, such as those of files and classes, as text of one line."""


def printable(name: str) -> str:
    """A name with U+FFFD for what a terminal or a page would obey, or could not write.

    That is control characters, line breaks, marks that turn the direction of writing, and what
    Python keeps of a file's name that is no UTF-8.
    """
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name)

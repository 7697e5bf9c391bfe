"""Runs the notebooks at demo size and keeps their outputs: `python -m notebooks [NAME ...]`.

Stages that are there already are not run again, so that two runs differ in their times alone.
"""

import sys

from notebooks.prepare import NAMES, execute, faults, prepare, read, repository, write


def main(names: list[str]) -> int:
    """Runs the named notebooks, or all; the exit status is 1 where one must not be committed."""
    if unknown := [name for name in names if name not in NAMES]:
        print(f"notebook is {unknown[0]!r}; accepted: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    status = 0
    for name in names or NAMES:
        notebook = read(name)
        prepare(notebook, name, repository())
        execute(notebook)
        write(name, notebook)
        print(name, flush=True)
        for fault in faults(name):
            print(f"  {fault}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

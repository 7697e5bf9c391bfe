"""A part of a demo, run to its end once for all tests."""

import os

import pytest

from own_process import Command


@pytest.fixture(scope="session")
def is_long() -> bool:
    """Whether `make test-faults` asks for the long forms."""
    return os.environ.get("FAULTS") == "long"


@pytest.fixture(scope="session")
def part(is_long) -> dict[str, str]:
    """The study and the arms: a teacher and a student with Dropout, and a whole demo if long."""
    if is_long:
        return {"study": "icbai", "arms": "*"}
    return {"study": "ntu", "arms": "*T = 20/corrected*"}


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, part) -> Command:
    command = Command(tmp_path_factory.mktemp("undisturbed"), **part)
    command.finish()
    return command

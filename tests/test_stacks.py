"""The versions of requirements*.txt, and the stacks on which both of their ends are tested."""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
#: Checked by nothing but `make lint`, which runs on the newest versions alone.
LINTERS = {"ruff", "mypy"}
#: As found there in August 2026.
COLAB = {"tensorflow": "2.20.0", "keras": "3.13.2", "protobuf": "5.29.4", "h5py": "3.16.0"}


def requirements(*parts: str) -> dict[str, Requirement]:
    lines = [line for part in parts for line in (ROOT / part).read_text().splitlines()]
    every = [Requirement(line) for line in lines if line and not line.startswith(("#", "-r"))]
    return {each.name: each for each in every}


RANGES = requirements("requirements.txt", "requirements-dev.txt")


def lower_end(requirement: Requirement) -> str:
    (end,) = [each.version for each in requirement.specifier if each.operator in (">=", "==")]
    return end


def test_the_oldest_stack_has_the_lower_end_of_every_range():
    oldest = requirements("tests/stacks/oldest.txt")
    ranges = {name: each for name, each in RANGES.items() if name not in LINTERS}
    ranges = {name: each for name, each in ranges.items() if "==" not in str(each.specifier)}
    assert oldest.keys() == ranges.keys()
    for name, requirement in ranges.items():
        end, tested = lower_end(requirement), lower_end(oldest[name])
        assert Version(tested) == Version(end), name
        assert requirement.specifier.contains(tested)


@pytest.mark.parametrize("name", sorted(COLAB.keys() & RANGES.keys()))
def test_nothing_of_colab_is_installed_again(name):
    assert RANGES[name].specifier.contains(COLAB[name])


@pytest.mark.parametrize("name", COLAB)
def test_the_stack_of_colab_is_that_of_colab(name):
    assert requirements("tests/stacks/colab.txt")[name].specifier.contains(COLAB[name])


def test_the_gpu_has_the_same_tensorflow():
    gpu = requirements("requirements-gpu.txt")["tensorflow"]
    assert gpu.extras == {"and-cuda"} and gpu.specifier == RANGES["tensorflow"].specifier


def test_the_language_is_that_of_the_oldest_python():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert settings["tool"]["mypy"]["python_version"] == "3.11"
    assert "Python 3.11 to 3.13" in (ROOT / "README.md").read_text()

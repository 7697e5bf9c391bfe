"""Imports go down only, and the project stands on its own."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: What each package may import of the project, besides itself.
BELOW = {
    "data": set(),
    "models": set(),
    "attacks": {"models"},
    "distillation": {"data", "models"},
    "defenses": {"distillation", "attacks", "models", "data"},
    "evaluation": {"attacks", "models", "data"},
    "harness": {"evaluation", "defenses", "distillation", "attacks", "models", "data"},
    "reports": {"harness", "evaluation", "defenses", "distillation", "attacks", "models", "data"},
    "studies": {
        *("reports", "harness", "evaluation", "defenses", "distillation", "attacks", "models"),
        "data",
    },
    "benchmarks": {"evaluation", "defenses", "distillation", "attacks", "models", "data"},
}


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", BELOW)
def test_imports_go_down_only(package):
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        upward = imported(path) & (set(BELOW) | {"reproduce"}) - BELOW[package] - {package}
        assert not upward, f"{path.relative_to(ROOT)} imports {upward}"


def test_every_package_is_in_the_rule():
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages == set(BELOW)

"""Imports go down only, files are short, and no module opens another's private parts."""

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: What each package may import of the project, besides itself.
BELOW = {
    "files": set(),
    "data": {"files"},
    "models": {"files"},
    "attacks": {"models", "files"},
    "distillation": {"models", "data", "files"},
    "defenses": {"distillation", "attacks", "models", "data", "files"},
    "evaluation": {"attacks", "models", "data", "files"},
}
BELOW["harness"] = {"evaluation", *BELOW["defenses"], "defenses"}
BELOW["reports"] = {"harness", *BELOW["harness"]}
BELOW["studies"] = {"reports", *BELOW["reports"]}
BELOW["benchmarks"] = {"studies", *BELOW["studies"]}
BELOW["commands"] = {"studies", *BELOW["studies"]}

FILES = [*(path for package in BELOW for path in (ROOT / package).rglob("*.py"))]
FILES.append(ROOT / "reproduce.py")
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in FILES
}
LINES_OF_A_FILE, LINES_OF_A_FUNCTION = 400, 60


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def names_imported(path: Path) -> dict[str, str]:
    """What a file imports, also inside functions and for types only: full names by local ones."""
    names = {}
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
                names[alias.name] = alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def modules_imported(path: Path) -> set[str]:
    """The modules of the project that a file imports."""
    names = names_imported(path).values()
    parents = {name if name in MODULES else name.rpartition(".")[0] for name in names}
    return parents & set(MODULES)


@pytest.mark.parametrize("package", BELOW)
def test_imports_go_down_only(package):
    above = {"reproduce", *BELOW} - BELOW[package] - {package}
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        upward = {name.split(".")[0] for name in names_imported(path).values()} & above
        assert not upward, f"{path.relative_to(ROOT)} imports {upward}"


def test_every_package_is_in_the_rule():
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages == set(BELOW)


def test_no_circle():
    graph = {name: modules_imported(path) - {name} for name, path in MODULES.items()}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def test_no_module_uses_private_names_of_another():
    doors = []
    for path in FILES:
        names = names_imported(path)
        for full in set(names.values()):
            module, _, name = full.rpartition(".")
            if module in MODULES and is_private(name):
                doors.append(f"{path.relative_to(ROOT)} imports {full}")
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Attribute) and is_private(node.attr):
                owner = names.get(ast.unparse(node.value), "")
                if owner.split(".")[0] in BELOW:
                    doors.append(f"{path.relative_to(ROOT)}:{node.lineno} {ast.unparse(node)}")
    assert not doors, "\n".join(doors)


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def test_files_and_functions_are_short():
    long = []
    for path in FILES:
        lines = len(path.read_text().splitlines())
        if lines > LINES_OF_A_FILE:
            long.append(f"{path.relative_to(ROOT)} has {lines} lines")
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef):
                docstring = ast.get_docstring(node, clean=False) or ""
                lines = node.end_lineno - node.lineno + 1 - len(docstring.splitlines())
                if lines > LINES_OF_A_FUNCTION:
                    long.append(f"{path.relative_to(ROOT)}: {node.name} has {lines} lines")
    assert not long, "\n".join(long)

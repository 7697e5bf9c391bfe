"""What all notebooks have in common, and what is kept of a run of them."""

import platform
import re
import tomllib
from pathlib import Path
from tempfile import gettempdir

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.ipynb")))
BADGE, SET_UP = "badge", "set-up"
_IMAGE = "https://colab.research.google.com/assets/colab-badge.svg"
_COLAB = "https://colab.research.google.com/github"
#: Larger ones are slow to open on GitHub.
MOST_BYTES = 1_000_000


def read(name: str) -> nbformat.NotebookNode:
    """A notebook of this folder, by its name without ending."""
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def write(name: str, notebook: nbformat.NotebookNode) -> None:
    """Writes it into this folder, with a line at its end."""
    nbformat.write(notebook, FOLDER / f"{name}.ipynb")


def repository() -> str:
    """OWNER/NAME on GitHub, as `[tool.reproduce]` in pyproject.toml has it; empty for none."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return settings["tool"]["reproduce"]["github"]


def prepare(notebook: nbformat.NotebookNode, name: str, github: str) -> None:
    """Writes the set-up cell and, where the repository has an address, the badge of Colab.

    Args:
        github: OWNER/NAME; empty for no badge.
    """
    cells = [cell for cell in notebook.cells if cell.id != BADGE]
    if github:
        address = f"{_COLAB}/{github}/blob/main/notebooks/{name}.ipynb"
        badge = nbformat.v4.new_markdown_cell(f"[![Open in Colab]({_IMAGE})]({address})", id=BADGE)
        cells.insert(1, badge)
    (set_up,) = [cell for cell in cells if cell.id == SET_UP]
    _, _, source = (FOLDER / "set_up.py").read_text().rstrip().partition("\n")
    own = f"https://github.com/{github}" if github else ""
    set_up.source = source.replace('REPOSITORY = ""', f'REPOSITORY = "{own}"')
    notebook.cells = cells


def execute(notebook: nbformat.NotebookNode) -> None:
    """Runs it from this folder, as Jupyter does, and keeps its outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell fails.
    """
    resources = {"metadata": {"path": str(FOLDER)}}
    NotebookClient(notebook, timeout=1800, resources=resources, record_timing=False).execute()
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            # TensorFlow's log, which differs from machine to machine.
            cell.outputs = [each for each in cell.outputs if each.get("name") != "stderr"]
    # Of the interpreter that ran it.
    notebook.metadata["language_info"] = {"name": "python"}


def faults(name: str) -> list[str]:
    """What a committed notebook must not have, a sentence each."""
    path, text = FOLDER / f"{name}.ipynb", (FOLDER / f"{name}.ipynb").read_text()
    found = []
    if path.stat().st_size > MOST_BYTES:
        found.append(f"{name} has {path.stat().st_size} bytes; accepted: up to {MOST_BYTES}")
    for cell in read(name).cells:
        if cell.cell_type == "code" and cell.execution_count is None:
            found.append(f"{name}: cell {cell.id} was not run")
        if any(output.output_type == "error" for output in cell.get("outputs", ())):
            found.append(f"{name}: cell {cell.id} failed")
    for each in (str(Path.home()), str(ROOT), gettempdir(), platform.node()):
        if len(each) > 1 and re.search(rf"(?<!\w){re.escape(each)}(?!\w)", _without_data(text)):
            found.append(f"{name} names this machine: {each}")
    return found


def _without_data(text: str) -> str:
    """Without long runs of base64, in which any short word can stand."""
    return re.sub(r"[A-Za-z0-9+/=\\n]{200,}", "", text)

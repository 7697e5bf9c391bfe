"""Notebooks run top to bottom on what the demos made, and show the reports' pictures."""

import base64
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("study", ["ntu", "icbai", "praxis", "rit_mnist", "wpi"])
def test_a_notebook_runs_and_shows_the_pictures_of_the_report(study):
    notebook = nbformat.read(ROOT / "notebooks" / f"{study}.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "commit it without outputs"
    client = NotebookClient(
        notebook, timeout=1200, resources={"metadata": {"path": str(ROOT / "notebooks")}}
    )
    client.execute()

    shown = {
        base64.b64decode(output["data"]["image/png"])
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    }
    figures = ROOT / "reports" / "results" / study / "demo" / "figures"
    assert shown == {path.read_bytes() for path in figures.glob("*.png")}


@pytest.mark.slow
def test_a_model_of_ones_own_is_evaluated_and_shown():
    notebook = nbformat.read(ROOT / "notebooks" / "attack_your_model.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "commit it without outputs"
    resources = {"metadata": {"path": str(ROOT / "notebooks")}}
    NotebookClient(notebook, timeout=600, resources=resources).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    shown = "".join(output.get("text", "") for output in outputs)
    assert "Within 25.5/255 in L-inf, " in shown and "checks raised a warning" in shown
    kinds = [kind for output in outputs for kind in output.get("data", {})]
    assert "image/png" in kinds
    html = [output.get("data", {}).get("text/html", "") for output in outputs]
    (page,) = [each for each in html if "iframe" in each]
    assert "Robustness of a small network on digits" in page

"""Notebooks run top to bottom on what the demos made, and show the reports' pictures."""

from xml.etree import ElementTree

import pandas as pd
import pytest

from notebooks.prepare import ROOT, execute, read

STUDIES = ("ntu", "icbai", "praxis", "rit_mnist", "wpi")


def executed(name):
    """The outputs of a notebook that was just run, of all its cells."""
    notebook = read(name)
    for cell in notebook.cells:
        cell.outputs = []
    execute(notebook)
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def html(outputs):
    return [output["data"]["text/html"] for output in outputs if "text/html" in data_of(output)]


def table(html):
    """The table of pandas in an output, with numbers where there are numbers."""
    start, end = html.index("<table"), html.index("</table>") + len("</table>")
    root = ElementTree.fromstring(html[start:end])
    columns = [cell.text for cell in root.find("thead").iter("th")]
    rows = [[cell.text for cell in row] for row in root.find("tbody")]
    shown = pd.DataFrame(rows, columns=columns)
    numbers = shown.apply(pd.to_numeric, errors="coerce")
    has_numbers = numbers.notna().any()
    return pd.DataFrame({each: (numbers if has_numbers[each] else shown)[each] for each in shown})


def data_of(output):
    return output.get("data", {})


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES)
def test_a_notebook_runs_and_shows_every_picture_of_the_report_once(study):
    outputs = executed(study)
    shown = [
        output["metadata"]["image/png"]["alt"]
        for output in outputs
        if "image/png" in data_of(output)
    ]
    figures = ROOT / "runs" / "notebooks" / study / "demo" / "figures"
    assert sorted(shown) == sorted(path.name for path in figures.glob("*.png"))
    assert len(shown) > 3
    (slider,) = [each for each in html(outputs) if 'type="range"' in each]
    assert slider.count("<figure") == 7
    text = [data_of(output).get("text/markdown", "") for output in outputs]
    assert any(each.startswith("# ") for each in text)


@pytest.mark.slow
def test_the_explanation_of_distillation_shows_a_masked_gradient():
    tables = [table(each) for each in html(executed("distillation_explained")) if "<table" in each]
    norms, attacked = (
        next(table for table in tables if column in table) for column in ("of KL x T^2", "attack")
    )
    # Far above the size of the logits, the gradient shrinks like 1 / T^2.
    low, high = (norms.set_index("T").loc[t] for t in (20.0, 100.0))
    assert 15 < low["gradient norm of KL"] / high["gradient norm of KL"] < 35
    assert 0.6 < low["of KL x T^2"] / high["of KL x T^2"] < 1.4

    accuracy = attacked.set_index(["T", "attack"])["accuracy"]
    assert accuracy[100.0, "PGD"] > 0.9
    assert accuracy[100.0, "PGD through logits / T"] < 0.7
    assert accuracy[100.0, "APGD, margin loss"] < 0.7
    masked = attacked.set_index(["T", "attack"])["zero_gradient"]
    assert masked[1.0, "PGD"] == 0 and masked[100.0, "PGD"] > 0.9


@pytest.mark.slow
def test_a_model_of_ones_own_is_evaluated_and_shown():
    outputs = executed("attack_your_model")
    shown = "".join(output.get("text", "") for output in outputs)
    assert "Within 25.5/255 in L-inf, " in shown and "checks raised a warning" in shown
    assert any("image/png" in data_of(output) for output in outputs)
    (page,) = [each for each in html(outputs) if "iframe" in each]
    assert "Robustness of a small network on digits" in page
